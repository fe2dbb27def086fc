"""What a queued callback is, and what follows each attempt to reach its customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from ivr.domain.ids import E164, ContactId, LegId, QueueId
from ivr.domain.leg import LegOutcome

LIFETIME = timedelta(days=7)
"""How long a callback may wait before it is gone (Amazon Connect)."""
MAX_INITIAL_DELAY = timedelta(days=3)
MAX_RETRIES = 10


class CallbackResult(Enum):
    """The one final state of a callback."""

    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    EXPIRED = "expired"


class FailureReason(Enum):
    """Why a callback failed for good."""

    ATTEMPTS_USED = "attempts_used"
    BUSY = "busy"
    REJECTED = "rejected"
    INVALID = "invalid"
    FORBIDDEN = "forbidden"
    NETWORK = "network"
    CUSTOMER_HUNG_UP = "customer_hung_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """The part of a callback contact that calls do not have.

    Attributes:
        number: Whom to dial.
        caller_id: Number the flow wants shown; none = the queue's.
        retries: Further attempts after the first, already clamped to 10.
        retry_delay: Least time between the end of one attempt and the start of the next.
        attempts_used: Attempts that count (an agent's miss and our own failures do not).
        dials: Attempts begun, counting or not; names the next leg.
        network_failures: Failures of our side in a row.
        due_at: When it enters the queue, or did.
        expires_at: Seven days after creation.
    """

    contact_id: ContactId
    number: E164
    queue_id: QueueId
    caller_id: E164 | None = None
    retries: int
    retry_delay: timedelta
    attempts_used: int = 0
    dials: int = 0
    network_failures: int = 0
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    result: CallbackResult | None = None
    failure: FailureReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One dial of a callback's customer; its row is committed before anything is sent.

    Attributes:
        leg_id: The channel's id, ours, never used twice.
        counted: Whether it used up one of the callback's attempts; none while it runs.
    """

    contact_id: ContactId
    number: int
    leg_id: LegId
    started_at: datetime
    ended_at: datetime | None = None
    outcome: LegOutcome | None = None
    rang: bool = False
    counted: bool | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which outcomes a queue retries, each with its own least delay (none = the callback's).

    Ring no answer is always retried (Amazon Connect); busy is a site's choice. A failure of our
    own side uses no attempt; its delay here is the pause before the next offer.
    """

    extra: Mapping[LegOutcome, timedelta | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again, at its place, not before this time."""

    not_before: datetime


@dataclass(frozen=True, slots=True)
class Requeue:
    """Our own failure: no attempt used, back in the queue at its place after a pause."""

    not_before: datetime


@dataclass(frozen=True, slots=True)
class Fail:
    """No further attempt."""

    reason: FailureReason


AttemptVerdict = Retry | Requeue | Fail

_FINAL: Mapping[LegOutcome, FailureReason] = {
    LegOutcome.REJECTED: FailureReason.REJECTED,
    LegOutcome.INVALID_NUMBER: FailureReason.INVALID,
}
NETWORK_PAUSE = timedelta(seconds=30)
"""Pause before a callback whose dial failed on our side may be offered again."""


def counts(outcome: LegOutcome, *, rang: bool) -> bool:
    """Whether an attempt that ended so uses up one of the callback's attempts."""
    if outcome is LegOutcome.NETWORK_FAILURE:
        return False
    return not (outcome is LegOutcome.CANCELLED and not rang)


def after_attempt(
    callback: Callback, outcome: LegOutcome, *, rang: bool, policy: RetryPolicy, ended_at: datetime
) -> AttemptVerdict:
    """Decide what follows an attempt that did not join the customer.

    Args:
        callback: As it stands with this attempt already counted, if it counts.
        outcome: How the attempt ended; a cancelled one is the agent's hang-up while it rang.
        rang: Whether the customer's phone rang (a 180 or 183 was seen).
        policy: What the queue retries beyond ring no answer.
        ended_at: When the attempt ended, UTC.

    Returns:
        The verdict; spacing is counted from the end of the attempt.
    """
    if not counts(outcome, rang=rang):
        return Requeue(ended_at + (policy.extra.get(outcome) or NETWORK_PAUSE))
    final = _FINAL.get(outcome)
    if final is not None:
        return Fail(final)
    if outcome is LegOutcome.BUSY and outcome not in policy.extra:
        return Fail(FailureReason.BUSY)
    if callback.attempts_used > callback.retries:
        return Fail(FailureReason.ATTEMPTS_USED)
    delay = policy.extra.get(outcome) or callback.retry_delay
    return Retry(ended_at + max(delay, callback.retry_delay))
