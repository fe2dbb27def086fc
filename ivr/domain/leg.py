"""One party's connection to the switch."""

from __future__ import annotations

from enum import Enum

from ivr.domain.ids import ContactId, LegId


class Role(Enum):
    """What a leg is to its contact."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    FLOW = "flow"  # a transfer flow that takes part in a talk


class LegOutcome(Enum):
    """How an outbound leg's attempt to reach somebody ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"  # it rang
    BUSY = "busy"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    NETWORK_FAILURE = "network_failure"  # our side, or nothing rang
    CANCELLED = "cancelled"  # by us
    UNKNOWN = "unknown"  # it may have been dialled while nobody watched


def outbound_leg_id(contact_id: ContactId, role: Role, attempt: int) -> LegId:
    """Name a leg that we originate: ``<contact>-<role><attempt>``, unique for ever.

    The same name is never used for two dials, so that the switch itself refuses a twin.
    """
    return LegId(f"{contact_id}-{role.value[0]}{attempt}")
