"""The error tree.

::

    QueuebackError
    ├── DomainError         a caller broke a rule of the contact centre
    │   ├── UnexpectedEvent
    │   ├── NotFound
    │   └── InvalidSite     a site file cannot be applied; carries every fault
    ├── FlowError           a flow cannot be loaded or run (ivr.flow.errors)
    ├── TelephonyError      the switch or the link to it failed
    │   ├── LegGone         the leg hung up or was moved away
    │   └── LinkDown        the switch cannot be reached; nothing was sent
    ├── StoreError          the database failed or refused
    │   └── LeaseLost       another controller is in charge
    └── SpeechError         a sentence cannot be spoken

Normal telephony outcomes (busy, no answer, no digits) are values, never exceptions.
"""

from __future__ import annotations

from typing import ClassVar


class QueuebackError(Exception):
    """Any failure this package raises on purpose."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False


class DomainError(QueuebackError):
    """A caller broke a rule of the contact centre."""

    code = "rule_broken"


class UnexpectedEvent(DomainError):
    """A state machine met an event that its table does not list for its state."""

    code = "unexpected_event"


class NotFound(DomainError):
    """Something was named that does not exist."""

    code = "not_found"


class NotNow(DomainError):
    """What was asked for cannot be done as things stand; says why."""

    code = "not-now"


class InvalidSite(DomainError):
    """A site cannot be applied; nothing of it was.

    Attributes:
        problems: Every fault, each with file, path and reason.
    """

    code = "invalid_site"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class TelephonyError(QueuebackError):
    """The switch or the link to it failed."""

    code = "telephony"


class LegGone(TelephonyError):
    """The leg hung up, or was moved to another place while a command ran on it."""

    code = "leg_gone"


class LinkDown(TelephonyError):
    """The switch cannot be reached.

    Attributes:
        maybe_done: Whether the command may have been carried out before the link was lost.
    """

    code = "link_down"
    retryable = True

    def __init__(self, message: str, *, maybe_done: bool) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class StoreError(QueuebackError):
    """The database failed or refused."""

    code = "store"
    retryable = True


class LeaseLost(StoreError):
    """Another controller is in charge; this one may change nothing."""

    code = "lease_lost"
    retryable = False


class SpeechError(QueuebackError):
    """A sentence cannot be spoken: no voice, or rendering failed."""

    code = "speech"
