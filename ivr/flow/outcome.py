"""What became of an action, and how a run of a flow ended.

A handler returns an ``Outcome``; the interpreter alone turns it into a transition. Normal
telephony outcomes (no digit, queue full) are values here, never exceptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ivr.flow.step import PinnedFlow


class Ending(Enum):
    """How a run ended, which tells the caller of the interpreter what to do next."""

    ENDED = "ended"
    """EndFlowExecution, or nothing follows: a whisper is over, a queued contact stays queued,
    an inbound contact that is in no queue is disconnected."""
    DISCONNECTED = "disconnected"
    """DisconnectParticipant: hang the flow's participant up; without one, as ``ENDED``."""
    QUEUED = "queued"
    """The contact has entered its queue: the customer queue flow comes next."""
    TO_AGENT = "to_agent"
    """TransferContactToAgent: the agent that the transfer was asked for is rung next."""
    FAULTED = "faulted"
    """The run was stopped because it went round and round; the contact's flow is broken."""


@dataclass(frozen=True, slots=True)
class Done:
    """The action did its work: ``NextAction``."""


@dataclass(frozen=True, slots=True)
class Result:
    """The action has a result that conditions choose by.

    Attributes:
        value: What the conditions compare; none is an attribute that is missing.
        next_action_follows: Whether ``NextAction`` is taken where neither a condition nor
            ``NoMatchingCondition`` fits; otherwise nothing follows.
    """

    value: str | None
    next_action_follows: bool = True


@dataclass(frozen=True, slots=True)
class Failed:
    """The action failed: the branch of that error, else ``NoMatchingError``.

    Attributes:
        error: ``ErrorType`` of the branch.
        reason: Why, for the journal; names things, never numbers or digits.
    """

    error: str = "NoMatchingError"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The action is known but cannot run here.

    ``NoMatchingError``, else the first error branch, else ``NextAction``.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """The run goes on at the start of another flow and never comes back."""

    flow: PinnedFlow


@dataclass(frozen=True, slots=True)
class Ended:
    """The flow ends here."""

    how: Ending = Ending.ENDED


Outcome = Done | Result | Failed | Unavailable | Transferred | Ended


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What a run returns.

    Attributes:
        action_id: The last action that ran.
        stored_input: ``$.StoredCustomerInput`` as it stands, for the contact's next flow; it may
            be personal data.
    """

    how: Ending
    action_id: str
    stored_input: str | None = None
