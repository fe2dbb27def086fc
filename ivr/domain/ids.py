"""One type per kind of identifier, so that a queue can never be passed for an agent."""

from __future__ import annotations

from typing import NewType

ContactId = NewType("ContactId", str)
LegId = NewType("LegId", str)
"""The channel's Uniqueid: ours for legs we originate, the switch's own for inbound legs."""
BridgeId = NewType("BridgeId", str)
"""One of the switch's bridges; who is in two of them do not hear each other."""
AgentId = NewType("AgentId", str)
QueueId = NewType("QueueId", str)
FlowId = NewType("FlowId", str)
HoursId = NewType("HoursId", str)
RoutingProfileId = NewType("RoutingProfileId", str)
Endpoint = NewType("Endpoint", str)
"""The name of a SIP account on the switch (an agent's phone, a caller's softphone)."""
E164 = NewType("E164", str)
"""A phone number with leading ``+`` and country code, at most 15 digits (ITU-T E.164)."""
