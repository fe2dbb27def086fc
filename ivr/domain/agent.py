"""An agent's status (chosen) and activity (actual)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ivr.domain.ids import AgentId, ContactId

AVAILABLE = "Available"
OFFLINE = "Offline"


class StatusKind(Enum):
    """What a status means for routing (Amazon Connect's agent status types)."""

    ROUTABLE = "routable"
    CUSTOM = "custom"
    OFFLINE = "offline"


class AgentActivity(Enum):
    """What an agent is doing, whatever they have chosen to be."""

    IDLE = "idle"
    OFFERED = "offered"
    CONNECTING = "connecting"
    ON_CONTACT = "on_contact"
    AFTER_CONTACT_WORK = "after_contact_work"
    MISSED = "missed"
    ERROR = "error"
    SUPERVISING = "supervising"


BUSY_ACTIVITIES = frozenset(
    {AgentActivity.OFFERED, AgentActivity.CONNECTING, AgentActivity.ON_CONTACT}
)
"""Activities in which the agent holds a contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """One agent as they are now.

    Attributes:
        status: Chosen status by name: Available, Offline or a custom one.
        next_status: What to become when the contact at hand is over.
        contact_id: The one offer or contact the agent holds, also while in after-contact work.
        idle_since: Since when the agent has had nothing to do; the longest idle is served first.
        reachable: Whether the agent's phone is registered and answers.
        acw_until: When after-contact work ends by itself; none = when cleared.
    """

    agent_id: AgentId
    status: str
    status_kind: StatusKind
    status_since: datetime
    next_status: str | None = None
    activity: AgentActivity = AgentActivity.IDLE
    activity_since: datetime
    contact_id: ContactId | None = None
    idle_since: datetime
    reachable: bool = False
    acw_until: datetime | None = None

    @property
    def is_ready(self) -> bool:
        """Whether this agent may be offered a contact now."""
        return (
            self.status_kind is StatusKind.ROUTABLE
            and self.activity is AgentActivity.IDLE
            and self.reachable
        )
