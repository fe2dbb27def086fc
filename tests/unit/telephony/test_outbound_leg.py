"""One fate for each outbound leg, in whatever order Asterisk tells it."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.errors import UnexpectedEvent
from ivr.domain.ids import LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.telephony import LegAnswered, LegEnded, LegEvent, LegFailed, LegRang
from ivr.telephony.ami.outbound_leg import (
    CancelAsked,
    Gone,
    LegReport,
    LegState,
    OutboundLeg,
    Redirected,
    Responded,
    Ringing,
    WaitOver,
    advance,
    outcome,
)

pytestmark = pytest.mark.unit

LEG = LegId("k1-c1")
ANSWERED = Responded(answered=True, reason=4)
REFUSED = Responded(answered=False, reason=0)
RANG_OUT = Responded(answered=False, reason=3)
BYE = Gone(16, None)
REPORTS: tuple[LegReport, ...] = (
    *(Ringing(), Redirected(), ANSWERED, REFUSED, BYE, CancelAsked(), WaitOver()),
)


def tell(*reports: LegReport) -> tuple[list[LegEvent], OutboundLeg]:
    leg = OutboundLeg(LEG)
    told: list[LegEvent] = []
    for report in reports:
        leg, events = advance(leg, report)
        told += events
    return told, leg


def test_every_state_knows_every_report() -> None:
    assert {type(report) for report in REPORTS} == set(get_args(LegReport))
    for state, report in itertools.product(LegState, REPORTS):
        leg, _ = advance(OutboundLeg(LEG, state=state, gone=BYE), report)

        assert isinstance(leg.state, LegState)


def test_unlisted_report_is_unexpected() -> None:
    with pytest.raises(UnexpectedEvent):
        advance(OutboundLeg(LEG), object())  # type: ignore[arg-type]


def test_answered_leg_rings_answers_and_ends() -> None:
    told, leg = tell(Ringing(), Ringing(), ANSWERED, Ringing(), Gone(27, 502))

    assert told == [LegRang(LEG), LegAnswered(LEG), LegEnded(LEG, normal=False)]
    assert leg.state is LegState.OVER


def test_end_that_comes_before_the_answer_is_told_after_it() -> None:
    told, _ = tell(BYE, ANSWERED)

    assert told == [LegAnswered(LEG), LegEnded(LEG, normal=True)]


@pytest.mark.parametrize("order", list(itertools.permutations([REFUSED, Gone(17, 486)])))
def test_failure_and_its_reason_in_either_order(order: tuple[LegReport, ...]) -> None:
    told, _ = tell(*order, WaitOver(), Ringing())

    assert told == [LegFailed(LEG, LegOutcome.BUSY, False, "reason 0, cause 17, SIP 486")]


def test_ring_time_over_waits_for_nothing() -> None:
    told, leg = tell(Ringing(), RANG_OUT)
    late, _ = tell(Ringing(), RANG_OUT, Gone(19, 480), WaitOver())

    assert told == [LegRang(LEG), LegFailed(LEG, LegOutcome.NO_ANSWER, True, "reason 3")]
    assert not leg.is_waiting
    assert late == told


def test_failure_without_a_channel_was_never_sent() -> None:
    told, leg = tell(REFUSED)
    assert leg.is_waiting
    assert told == []

    told, leg = tell(REFUSED, WaitOver(), Gone(0, None))
    assert told == [
        LegFailed(LEG, LegOutcome.NETWORK_FAILURE, False, "reason 0, nothing sent"),
    ]


def test_end_without_a_response_is_decided_by_its_reason() -> None:
    told, _ = tell(Gone(1, 404), WaitOver(), REFUSED)

    assert told == [
        LegFailed(LEG, LegOutcome.INVALID_NUMBER, False, "no response, cause 1, SIP 404")
    ]


def test_twins_failure_changes_nothing_in_a_live_leg() -> None:
    """The failure of a second order with this name carries the live call's Uniqueid."""
    told, leg = tell(ANSWERED, REFUSED, WaitOver())

    assert told == [LegAnswered(LEG)]
    assert leg.state is LegState.UP


@pytest.mark.parametrize(
    "order",
    [
        (Redirected(), REFUSED, Gone(23, 302)),
        (REFUSED, Redirected(), Gone(23, None)),
        (Gone(23, None), Redirected(), REFUSED),
        (Redirected(), ANSWERED, Gone(23, 302)),  # whom Asterisk reached instead has answered
        (REFUSED, Gone(23, 302), Redirected()),
    ],
)
def test_redirect_is_a_refusal_whoever_answers_instead(order: tuple[LegReport, ...]) -> None:
    told, _ = tell(*order, WaitOver())

    assert [type(event) for event in told] == [LegFailed]
    assert isinstance(told[0], LegFailed)
    assert told[0].outcome is LegOutcome.REJECTED


def test_answer_that_proves_to_be_a_strangers_ends_the_leg() -> None:
    told, _ = tell(ANSWERED, Redirected(), Gone(23, 302))

    assert told == [LegAnswered(LEG), LegEnded(LEG, normal=False)]


@pytest.mark.parametrize(
    ("reason", "sip", "rang", "expected"),
    [
        (3, None, True, LegOutcome.NO_ANSWER),
        (3, 480, True, LegOutcome.NO_ANSWER),
        (3, None, False, LegOutcome.NETWORK_FAILURE),
        (3, 480, False, LegOutcome.NETWORK_FAILURE),
        (0, 408, False, LegOutcome.NETWORK_FAILURE),
        (0, 408, True, LegOutcome.NETWORK_FAILURE),
        (0, 500, False, LegOutcome.NETWORK_FAILURE),
        (0, 502, False, LegOutcome.NETWORK_FAILURE),
        (0, 503, True, LegOutcome.NETWORK_FAILURE),
        (0, 504, False, LegOutcome.NETWORK_FAILURE),
        (0, None, False, LegOutcome.NETWORK_FAILURE),
        (0, 486, False, LegOutcome.BUSY),
        (0, 486, True, LegOutcome.BUSY),
        (0, 600, True, LegOutcome.BUSY),
        (0, 480, True, LegOutcome.NO_ANSWER),
        (0, 480, False, LegOutcome.NETWORK_FAILURE),
        (0, 603, True, LegOutcome.REJECTED),
        (0, 403, False, LegOutcome.REJECTED),
        (0, 401, False, LegOutcome.REJECTED),
        (0, 407, False, LegOutcome.REJECTED),
        (0, 404, False, LegOutcome.INVALID_NUMBER),
        (0, 410, False, LegOutcome.INVALID_NUMBER),
        (0, 484, False, LegOutcome.INVALID_NUMBER),
        (0, 604, False, LegOutcome.INVALID_NUMBER),
        (0, 487, False, LegOutcome.NETWORK_FAILURE),
        (0, 488, True, LegOutcome.NETWORK_FAILURE),
        (0, 302, False, LegOutcome.REJECTED),
    ],
)
def test_outcome_of_a_customer_leg(
    reason: int, sip: int | None, rang: bool, expected: LegOutcome
) -> None:
    """The table at the end of the design of calls."""
    assert outcome(reason=reason, gone=Gone(0, sip), rang=rang, cancelled=False) is expected


@pytest.mark.parametrize(
    ("sip", "expected"),
    [
        (None, LegOutcome.CANCELLED),
        (487, LegOutcome.CANCELLED),
        (480, LegOutcome.CANCELLED),
        (486, LegOutcome.BUSY),
        (603, LegOutcome.REJECTED),
    ],
)
def test_leg_we_cancelled_unless_the_far_end_was_first(
    sip: int | None, expected: LegOutcome
) -> None:
    assert outcome(reason=0, gone=Gone(0, sip), rang=True, cancelled=True) is expected


def test_cancelled_leg_that_was_answered_meanwhile_is_answered() -> None:
    told, _ = tell(CancelAsked(), ANSWERED, BYE)

    assert told == [LegAnswered(LEG), LegEnded(LEG, normal=True)]


@given(
    st.lists(
        st.sampled_from([*REPORTS, RANG_OUT, Gone(17, 486), Gone(0, None)]),
        max_size=12,
    )
)
def test_every_story_has_at_most_one_fate_and_one_end(reports: list[LegReport]) -> None:
    told, _ = tell(*reports)

    fates = [e for e in told if isinstance(e, LegAnswered | LegFailed)]
    ends = [e for e in told if isinstance(e, LegEnded)]
    assert len(fates) <= 1
    assert len(ends) <= len([e for e in fates if isinstance(e, LegAnswered)])
    if ends:
        assert told.index(fates[0]) < told.index(ends[0])
    assert told.count(LegRang(LEG)) <= 1


@given(st.permutations([REFUSED, Gone(17, 486), Ringing(), WaitOver()]))
def test_a_failed_story_is_told_in_any_order(reports: list[LegReport]) -> None:
    told, leg = tell(*reports)
    if leg.is_waiting:
        leg, more = advance(leg, WaitOver())
        told += more

    (failed,) = [e for e in told if isinstance(e, LegFailed)]
    assert failed.outcome in {LegOutcome.BUSY, LegOutcome.NETWORK_FAILURE}
