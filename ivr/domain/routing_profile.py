"""Which queues an agent serves, in which order, and after how much waiting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ivr.domain.ids import QueueId, RoutingProfileId

PRIORITIES = range(1, 100)
"""1 is served first (Amazon Connect: 1 to 99)."""
MAX_DELAY = timedelta(seconds=9999)


@dataclass(frozen=True, slots=True)
class ProfileQueue:
    """One queue of a profile.

    Attributes:
        priority: 1 (first) to 99; beats every delay.
        delay: A contact must have waited so long before these agents get it, 9999 s at most.
    """

    queue_id: QueueId
    priority: int = 1
    delay: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingProfile:
    """What the agents who have this profile serve.

    Attributes:
        after_contact_work: Whether they have after-contact work at all.
    """

    id: RoutingProfileId
    name: str
    queues: tuple[ProfileQueue, ...]
    after_contact_work: bool = True
