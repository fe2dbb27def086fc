"""A supervisor on a contact: listening to its agent, whispering to them, or barging in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ivr.domain.ids import AgentId, ContactId, LegId


class MonitorMode(Enum):
    """What a supervisor hears and who hears them."""

    LISTEN = "listen"  # hears what the agent hears and says; nobody hears the supervisor
    WHISPER = "whisper"  # likewise; the agent alone hears the supervisor
    BARGE = "barge"  # talks with everybody in the contact's room


class MonitorVerb(Enum):
    """What a supervisor may ask for."""

    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"
    TAKE_OVER = "take-over"  # becomes the contact's agent; the one before wraps up
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """One supervision: a row of truth.

    Attributes:
        leg_id: The supervisor's.
        contact_id: Whose agent is supervised.
        supervisor_id: An agent whom the site lets supervise; reserved meanwhile.
    """

    leg_id: LegId
    contact_id: ContactId
    supervisor_id: AgentId
    mode: MonitorMode
    began_at: datetime
    ended_at: datetime | None = None
