"""Kinds of flows, and which actions each may hold.

AWS's developer guide and administrator guide often disagree; an action is allowed where either
says so, with a warning where only one does.
"""

from __future__ import annotations

from enum import Enum


class FlowKind(Enum):
    """What a flow is for; values are those of Connect's API (``ContactFlowType``)."""

    CONTACT_FLOW = "CONTACT_FLOW"
    CUSTOMER_QUEUE = "CUSTOMER_QUEUE"
    CUSTOMER_HOLD = "CUSTOMER_HOLD"
    CUSTOMER_WHISPER = "CUSTOMER_WHISPER"
    AGENT_HOLD = "AGENT_HOLD"
    AGENT_WHISPER = "AGENT_WHISPER"
    OUTBOUND_WHISPER = "OUTBOUND_WHISPER"
    AGENT_TRANSFER = "AGENT_TRANSFER"
    QUEUE_TRANSFER = "QUEUE_TRANSFER"
    CAMPAIGN = "CAMPAIGN"
    MODULE = "MODULE"
