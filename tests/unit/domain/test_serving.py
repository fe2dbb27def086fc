"""The life of a contact: the table is complete, and reads as the rules say."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from ivr.domain.contact import ContactState as S
from ivr.domain.errors import UnexpectedEvent
from ivr.domain.serving import IGNORED, IMPOSSIBLE, TRANSITIONS, Command, Event, Row, advance

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("state", S)
def test_every_state_knows_every_event_exactly_once(state: S) -> None:
    known = Counter(itertools.chain(TRANSITIONS, IGNORED, IMPOSSIBLE))

    assert {event: known[state, event] for event in Event} == dict.fromkeys(Event, 1)


@pytest.mark.parametrize("state", S)
def test_what_arrives_late_changes_nothing(state: S) -> None:
    late = [event for event in Event if (state, event) in IGNORED]

    assert [advance(state, event) for event in late] == [Row(state)] * len(late)


@pytest.mark.parametrize("state", sorted({state for state, _ in IMPOSSIBLE}, key=str))
def test_what_cannot_happen_is_named(state: S) -> None:
    for event in Event:
        if (state, event) in IMPOSSIBLE:
            with pytest.raises(UnexpectedEvent, match=event.name):
                advance(state, event)


def test_a_callback_is_dialled_after_the_agent_whisper_and_joined_after_the_outbound_one() -> None:
    events = (
        Event.BECAME_DUE,
        Event.OFFER_WON,
        Event.AGENT_ANSWERED,
        Event.READY_TO_DIAL,
        Event.CUSTOMER_ANSWERED,
        Event.CUSTOMER_WHISPER_ENDED,
        Event.CUSTOMER_HUNG_UP,
    )

    assert _path(S.SCHEDULED, events) == [
        S.QUEUED,
        S.OFFERED,
        S.AGENT_WHISPER,
        S.DIALLING,
        S.OUTBOUND_WHISPER,
        S.CONNECTED,
        S.ENDED,
    ]


def test_d2_a_call_stays_queued_when_the_agent_hangs_up_in_the_agent_whisper() -> None:
    row = advance(S.AGENT_WHISPER, Event.AGENT_HUNG_UP)

    assert row.to is S.QUEUED
    assert Command.HANG_UP_CUSTOMER not in row.commands


@pytest.mark.parametrize("state", [s for s in S if (s, Event.STOPPED) in TRANSITIONS])
def test_b9_a_stop_ends_every_open_contact(state: S) -> None:
    row = advance(state, Event.STOPPED)

    assert row.to is S.ENDED
    assert Command.DIAL_CUSTOMER not in row.commands


def test_only_one_transition_dials() -> None:
    dialling = [pair for pair, row in TRANSITIONS.items() if Command.DIAL_CUSTOMER in row.commands]

    assert dialling == [(S.AGENT_WHISPER, Event.READY_TO_DIAL)]


_FREEING = {
    Command.AGENT_IS_FREE,
    Command.AGENT_MISSED,
    Command.AGENT_FAILED,
    Command.AGENT_WRAPS_UP,
    Command.AGENT_AFTER_ATTEMPT,
}
_SERVED = {
    S.OFFERED, S.AGENT_WHISPER, S.CUSTOMER_WHISPER, S.DIALLING, S.OUTBOUND_WHISPER, S.CONNECTED
}  # fmt: skip


def test_no_agent_is_stuck_whoever_leaves() -> None:
    for state, event in (pair for pair in TRANSITIONS if pair[0] in _SERVED):
        row = advance(state, event)

        assert (row.to in _SERVED) != bool(_FREEING & set(row.commands)), (state, event)


def _path(state: S, events: tuple[Event, ...]) -> list[S]:
    path = []
    for event in events:
        state = advance(state, event).to
        path.append(state)
    return path
