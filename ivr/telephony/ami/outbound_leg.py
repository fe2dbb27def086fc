"""One outbound leg, from the order to its end: what Asterisk reports becomes one fate.

Asterisk tells it in pieces whose order is not fixed: ``OriginateResponse`` (reason 4 answered, 3
our ring time is over, 0 everything else), ``DialState`` (it rings), ``DialEnd`` (it redirects), and
``Hangup`` with the SIP code. A failure waits a second for its ``Hangup``, an end for its
``OriginateResponse``; the shell arms that timer while ``is_waiting``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from ivr.domain.errors import UnexpectedEvent
from ivr.domain.ids import LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.telephony import LegAnswered, LegEnded, LegEvent, LegFailed, LegRang

RING_TIME_OVER: Final = 3
_MADE_UP_BY_US: Final = frozenset({None, 487})

_OUTCOMES: Final[Mapping[int, LegOutcome]] = {
    486: LegOutcome.BUSY,
    600: LegOutcome.BUSY,
    403: LegOutcome.REJECTED,
    401: LegOutcome.REJECTED,
    407: LegOutcome.REJECTED,
    603: LegOutcome.REJECTED,
    404: LegOutcome.INVALID_NUMBER,
    410: LegOutcome.INVALID_NUMBER,
    484: LegOutcome.INVALID_NUMBER,
    604: LegOutcome.INVALID_NUMBER,
    **dict.fromkeys((300, 301, 302, 305, 380), LegOutcome.REJECTED),  # a redirect is a refusal
}
_ABNORMAL_CAUSES: Final = frozenset({18, 27, 38, 41, 42, 44, 58, 102, 111, 127})
"""Q.850 causes that say the network or the phone failed. Not 34: the place ``reorder`` ends so."""


# --- what was reported --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ringing:
    """The phone rings."""


@dataclass(frozen=True, slots=True)
class Redirected:
    """The phone named another address (302). Whoever Asterisk reaches there is not this leg."""


@dataclass(frozen=True, slots=True)
class Responded:
    """Asterisk has finished dialling.

    Attributes:
        answered: Whether somebody answered.
        reason: ``OriginateResponse``'s reason.
    """

    answered: bool
    reason: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The channel is gone.

    Attributes:
        cause: Q.850.
        sip: The SIP code behind it, if there was one.
    """

    cause: int
    sip: int | None

    @property
    def normal(self) -> bool:
        """Whether somebody hung up, rather than something failed."""
        return self.cause not in _ABNORMAL_CAUSES


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """We asked for its end."""


@dataclass(frozen=True, slots=True)
class WaitOver:
    """The missing piece did not come within a second."""


LegReport = Ringing | Redirected | Responded | Gone | CancelAsked | WaitOver


# --- the machine --------------------------------------------------------------------------------


class LegState(Enum):
    """How far a leg is."""

    DIALLING = "dialling"
    FAILING = "failing"  # dialling failed, the hang-up with its reason is still to come
    LEAVING = "leaving"  # hung up, whether it was answered is still to come
    UP = "up"  # answered; its fate is told, its end is not
    FAILED = "failed"  # its fate is told; the hang-up may still come
    OVER = "over"  # nothing more to be told


@dataclass(frozen=True, slots=True)
class OutboundLeg:
    """The machine; a value."""

    leg_id: LegId
    state: LegState = LegState.DIALLING
    rang: bool = False
    cancelled: bool = False
    responded: Responded | None = None
    gone: Gone | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether ``WaitOver`` is due a second after this."""
        return self.state in {LegState.FAILING, LegState.LEAVING}


Events = tuple[LegEvent, ...]
Step = tuple[OutboundLeg, Events]


def advance(leg: OutboundLeg, report: LegReport) -> Step:
    """Take a report.

    Raises:
        UnexpectedEvent: The table lists nothing for it.
    """
    step = _TRANSITIONS.get((leg.state, type(report)))
    if step is None:
        message = f"{type(report).__name__} while {leg.state.value}"
        raise UnexpectedEvent(message)
    return step(leg, report)


def outcome(*, reason: int | None, gone: Gone | None, rang: bool, cancelled: bool) -> LegOutcome:
    """How an attempt that was not answered ended (calls: outcome of a customer leg)."""
    sip = gone.sip if gone else None
    if reason == RING_TIME_OVER or (sip == 480 and not cancelled):
        return LegOutcome.NO_ANSWER if rang else LegOutcome.NETWORK_FAILURE
    if cancelled and sip in _MADE_UP_BY_US | {480}:
        return LegOutcome.CANCELLED
    return (
        LegOutcome.NETWORK_FAILURE
        if sip is None
        else _OUTCOMES.get(sip, LegOutcome.NETWORK_FAILURE)
    )


def _ring(leg: OutboundLeg, _: LegReport) -> Step:
    if leg.rang:
        return leg, ()
    return replace(leg, rang=True), (LegRang(leg.leg_id),)


def _respond(leg: OutboundLeg, report: LegReport) -> Step:
    assert isinstance(report, Responded)  # noqa: S101 - the table's key
    leg = replace(leg, responded=report)
    if report.answered:
        return replace(leg, state=LegState.UP), (LegAnswered(leg.leg_id),)
    if report.reason == RING_TIME_OVER:
        return _fail(leg, LegState.FAILED)
    return replace(leg, state=LegState.FAILING), ()


def _respond_after_end(leg: OutboundLeg, report: LegReport) -> Step:
    assert isinstance(report, Responded)  # noqa: S101 - the table's key
    leg = replace(leg, responded=report)
    if report.answered and leg.gone is not None:
        ended = LegEnded(leg.leg_id, leg.gone.normal)
        return replace(leg, state=LegState.OVER), (LegAnswered(leg.leg_id), ended)
    return _fail(leg, LegState.OVER)


def _leave(leg: OutboundLeg, report: LegReport) -> Step:
    assert isinstance(report, Gone)  # noqa: S101 - the table's key
    return replace(leg, gone=report, state=LegState.LEAVING), ()


def _fail_with_reason(leg: OutboundLeg, report: LegReport) -> Step:
    assert isinstance(report, Gone)  # noqa: S101 - the table's key
    return _fail(replace(leg, gone=report), LegState.OVER)


def _fail_without(leg: OutboundLeg, _: LegReport) -> Step:
    return _fail(leg, LegState.FAILED if leg.gone is None else LegState.OVER)


def _fail_redirected(leg: OutboundLeg, _: LegReport) -> Step:
    state = LegState.FAILED if leg.gone is None else LegState.OVER
    failed = LegFailed(leg.leg_id, LegOutcome.REJECTED, leg.rang, "redirected")
    return replace(leg, state=state), (failed,)


def _lose(leg: OutboundLeg, _: LegReport) -> Step:
    return replace(leg, state=LegState.FAILED), (LegEnded(leg.leg_id, normal=False),)


def _end(leg: OutboundLeg, report: LegReport) -> Step:
    assert isinstance(report, Gone)  # noqa: S101 - the table's key
    return replace(leg, state=LegState.OVER), (LegEnded(leg.leg_id, report.normal),)


def _close(leg: OutboundLeg, _: LegReport) -> Step:
    return replace(leg, state=LegState.OVER), ()


def _cancel(leg: OutboundLeg, _: LegReport) -> Step:
    return replace(leg, cancelled=True), ()


def _ignore(leg: OutboundLeg, _: LegReport) -> Step:
    return leg, ()


def _fail(leg: OutboundLeg, state: LegState) -> Step:
    reason = leg.responded.reason if leg.responded else None
    how = outcome(reason=reason, gone=leg.gone, rang=leg.rang, cancelled=leg.cancelled)
    failed = LegFailed(leg.leg_id, how, leg.rang, _words(reason, leg.gone))
    return replace(leg, state=state), (failed,)


def _words(reason: int | None, gone: Gone | None) -> str:
    parts = ["no response" if reason is None else f"reason {reason}"]
    if gone is not None:
        parts.append(f"cause {gone.cause}")
        parts.append("no SIP code" if gone.sip is None else f"SIP {gone.sip}")
    elif reason != RING_TIME_OVER:
        parts.append("nothing sent")
    return ", ".join(parts)


_S = LegState
_TRANSITIONS: Final[
    Mapping[tuple[LegState, type[LegReport]], Callable[[OutboundLeg, LegReport], Step]]
] = {
    (_S.DIALLING, Redirected): _fail_redirected,
    (_S.DIALLING, Ringing): _ring,
    (_S.DIALLING, Responded): _respond,
    (_S.DIALLING, Gone): _leave,
    (_S.DIALLING, CancelAsked): _cancel,
    (_S.DIALLING, WaitOver): _ignore,
    (_S.FAILING, Redirected): _fail_redirected,
    (_S.FAILING, Ringing): _ignore,
    (_S.FAILING, Responded): _ignore,
    (_S.FAILING, Gone): _fail_with_reason,
    (_S.FAILING, CancelAsked): _ignore,
    (_S.FAILING, WaitOver): _fail_without,
    (_S.LEAVING, Redirected): _fail_redirected,
    (_S.LEAVING, Ringing): _ignore,
    (_S.LEAVING, Responded): _respond_after_end,
    (_S.LEAVING, Gone): _ignore,
    (_S.LEAVING, CancelAsked): _ignore,
    (_S.LEAVING, WaitOver): _fail_without,
    (_S.UP, Redirected): _lose,  # a stranger answered
    (_S.UP, Ringing): _ignore,
    (_S.UP, Responded): _ignore,  # a twin's failure: same id, refused before anything was sent
    (_S.UP, Gone): _end,
    (_S.UP, CancelAsked): _ignore,
    (_S.UP, WaitOver): _ignore,
    (_S.FAILED, Redirected): _ignore,
    (_S.FAILED, Ringing): _ignore,
    (_S.FAILED, Responded): _ignore,
    (_S.FAILED, Gone): _close,
    (_S.FAILED, CancelAsked): _ignore,
    (_S.FAILED, WaitOver): _ignore,
    (_S.OVER, Redirected): _ignore,
    (_S.OVER, Ringing): _ignore,
    (_S.OVER, Responded): _ignore,
    (_S.OVER, Gone): _ignore,
    (_S.OVER, CancelAsked): _ignore,
    (_S.OVER, WaitOver): _ignore,
}
