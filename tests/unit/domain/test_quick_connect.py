"""Quick connects: the table is complete, reads as the rules say, and loses nobody."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.errors import UnexpectedEvent
from ivr.domain.quick_connect import (
    FINAL,
    FLOWS,
    IGNORED,
    IMPOSSIBLE,
    MET_BY_ALL,
    MOST_PARTIES,
    START,
    TRANSITIONS,
    VERBS,
    Command,
    Event,
    Hears,
    HoldOwner,
    Party,
    QuickConnectKind,
    Row,
    Sound,
    advance,
    allowed_verbs,
    can_add,
    gives_up,
    hearing,
    owner_of_hold,
    reminds_of_hold,
    start,
)
from ivr.domain.quick_connect import TransferState as S

pytestmark = pytest.mark.unit

FULL = os.environ.get("QUEUEBACK_FULL") == "1"
STEPS = 25
RUNS = settings(
    max_examples=(125_000 if FULL else 5_000) // STEPS, deadline=None, derandomize=not FULL
)

E, C, K = Event, Command, QuickConnectKind
OPEN = [state for state in S if state not in FINAL]
SETTLED = [S.CONSULTING, S.JOINED, S.ALL_HELD, S.DESTINATION_HELD]
BEFORE_ANSWER = [S.SOURCE_FLOW, S.IN_QUEUE, S.RINGING]
TURNED = [S.CUSTOMER_FLOW, S.JOINT_FLOW]
ADDING = [S.ADDING_IN_QUEUE, S.ADDING_RINGING, S.ADDING_WHISPER]
WITH_SOURCE = [*BEFORE_ANSWER, S.AGENT_WHISPER, S.SOURCE_WHISPER, *SETTLED, *ADDING]
QUEUES = [S.IN_QUEUE, S.ADDING_IN_QUEUE]
RINGS = [S.RINGING, S.ADDING_RINGING, S.COLD_RINGING]
COLD = [S.COLD_RINGING, S.COLD_WHISPER, S.CUSTOMER_WHISPER]


def path(row: Row, *events: Event) -> list[S]:
    """The states from a start on."""
    states = [row.to]
    for event in events:
        states.append(advance(states[-1], event).to)
    return states


# --- the table ----------------------------------------------------------------------------------


def test_every_state_knows_every_event_exactly_once() -> None:
    known = Counter(itertools.chain(TRANSITIONS, IGNORED, IMPOSSIBLE))

    assert known == dict.fromkeys(itertools.product(S, Event), 1)


def test_what_arrives_late_changes_nothing() -> None:
    for state, event in IGNORED:
        assert advance(state, event) == Row(state)


def test_what_cannot_happen_is_named() -> None:
    for state, event in IMPOSSIBLE:
        with pytest.raises(UnexpectedEvent, match=event.name):
            advance(state, event)


def test_every_command_and_every_start_is_used() -> None:
    rows = [*START.values(), *TRANSITIONS.values()]

    assert {command for row in rows for command in row.commands} == set(Command)
    assert set(START) == set(itertools.product(QuickConnectKind, (True, False)))


# --- E1 to E5: the ways to a consultation -------------------------------------------------------


@pytest.mark.parametrize("kind", QuickConnectKind)
def test_e2_the_customer_is_on_hold_before_anything_else_happens(kind: QuickConnectKind) -> None:
    row = start(kind, hold=True)

    assert row.commands[0] is C.CUSTOMER_TO_HOLD
    assert hearing(row.to)[Party.CUSTOMER] == {Sound.HOLD}


def test_e3_an_agent_is_consulted_after_flow_and_both_whispers() -> None:
    states = path(
        start(K.AGENT, hold=True),
        E.TRANSFERRED_TO_AGENT,
        E.AGENT_ANSWERED,
        E.DESTINATION_WHISPER_ENDED,
        E.SOURCE_WHISPER_ENDED,
    )

    assert states == [S.SOURCE_FLOW, S.RINGING, S.AGENT_WHISPER, S.SOURCE_WHISPER, S.CONSULTING]
    assert all(hearing(state)[Party.CUSTOMER] == {Sound.HOLD} for state in states)
    assert [hearing(state)[Party.SOURCE] for state in states] == [
        {Sound.TRANSFER_FLOW},
        {Sound.RINGING},
        {Sound.RINGING},
        {Sound.WHISPER},
        {Party.DESTINATION},
    ]


def test_e4_the_next_agent_of_a_queue_is_consulted() -> None:
    states = path(
        start(K.QUEUE, hold=True),
        E.TRANSFERRED_TO_QUEUE,
        E.OFFER_WON,
        E.DESTINATION_FAILED,
        E.OFFER_WON,
        E.AGENT_ANSWERED,
        E.DESTINATION_WHISPER_ENDED,
        E.SOURCE_WHISPER_ENDED,
    )

    assert states == [
        S.SOURCE_FLOW,
        *[S.IN_QUEUE] * 4,
        S.AGENT_WHISPER,
        S.SOURCE_WHISPER,
        S.CONSULTING,
    ]
    assert hearing(S.IN_QUEUE)[Party.SOURCE] == {Sound.QUEUE_FLOW}


def test_e5_a_number_is_dialled_at_once_and_consulted_without_flow_and_whispers() -> None:
    row = start(K.NUMBER, hold=True)

    assert C.DIAL_DESTINATION in row.commands
    assert path(row, E.NUMBER_ANSWERED) == [S.RINGING, S.CONSULTING]
    assert hearing(S.RINGING)[Party.SOURCE] == {Sound.RINGING}


def test_e2_the_transfer_flow_says_with_whom_it_speaks() -> None:
    states = path(
        start(K.AGENT, hold=True),
        E.FLOW_TURNED_TO_BOTH,
        E.FLOW_TURNED_TO_CUSTOMER,
        E.FLOW_TURNED_TO_BOTH,
        E.FLOW_TURNED_TO_SOURCE,
        E.FLOW_TURNED_TO_CUSTOMER,
        E.TRANSFERRED_TO_AGENT,
    )

    flow, hold = frozenset({Sound.TRANSFER_FLOW}), frozenset({Sound.HOLD})
    assert [(hearing(s)[Party.CUSTOMER], hearing(s)[Party.SOURCE]) for s in states] == [
        (hold, flow),
        (flow | {Party.SOURCE}, flow | {Party.CUSTOMER}),
        (flow, hold),
        (flow | {Party.SOURCE}, flow | {Party.CUSTOMER}),
        (hold, flow),
        (flow, hold),
        (hold, {Sound.RINGING}),
    ]


@pytest.mark.parametrize(
    ("event", "to"),
    [(E.TRANSFERRED_TO_AGENT, S.ADDING_RINGING), (E.TRANSFERRED_TO_QUEUE, S.ADDING_IN_QUEUE)],
)
def test_e2_nobody_is_put_on_hold_by_a_flow_that_speaks_with_both(event: Event, to: S) -> None:
    row = advance(S.JOINT_FLOW, event)

    assert row.to is to
    assert hearing(to)[Party.CUSTOMER] == {Party.SOURCE}
    assert C.CUSTOMER_TO_HOLD not in row.commands


# --- E10: without hold --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        (K.AGENT, (E.AGENT_ANSWERED, E.DESTINATION_WHISPER_ENDED)),
        (K.QUEUE, (E.OFFER_WON, E.AGENT_ANSWERED, E.DESTINATION_WHISPER_ENDED)),
        (K.NUMBER, (E.NUMBER_ANSWERED,)),
    ],
)
def test_e10_source_and_customer_talk_on_until_the_destination_joins(
    kind: QuickConnectKind, events: tuple[Event, ...]
) -> None:
    *before, joined = path(start(kind, hold=False), *events)

    assert joined is S.JOINED
    for state in before:
        assert hearing(state)[Party.CUSTOMER] == {Party.SOURCE}
        assert hearing(state)[Party.SOURCE] == {Party.CUSTOMER}


# --- E6: the verbs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "verb", "to"),
    [
        (S.CONSULTING, E.JOIN_ASKED, S.JOINED),
        (S.CONSULTING, E.HOLD_ALL_ASKED, S.ALL_HELD),
        (S.CONSULTING, E.HOLD_DESTINATION_ASKED, S.DESTINATION_HELD),
        (S.CONSULTING, E.HOLD_CUSTOMER_ASKED, None),
        (S.CONSULTING, E.SWAP_ASKED, S.DESTINATION_HELD),
        (S.JOINED, E.JOIN_ASKED, None),
        (S.JOINED, E.HOLD_ALL_ASKED, S.ALL_HELD),
        (S.JOINED, E.HOLD_DESTINATION_ASKED, S.DESTINATION_HELD),
        (S.JOINED, E.HOLD_CUSTOMER_ASKED, S.CONSULTING),
        (S.JOINED, E.SWAP_ASKED, None),
        (S.ALL_HELD, E.JOIN_ASKED, S.JOINED),
        (S.ALL_HELD, E.HOLD_ALL_ASKED, None),
        (S.ALL_HELD, E.HOLD_DESTINATION_ASKED, S.DESTINATION_HELD),
        (S.ALL_HELD, E.HOLD_CUSTOMER_ASKED, S.CONSULTING),
        (S.ALL_HELD, E.SWAP_ASKED, None),
        (S.DESTINATION_HELD, E.JOIN_ASKED, S.JOINED),
        (S.DESTINATION_HELD, E.HOLD_ALL_ASKED, S.ALL_HELD),
        (S.DESTINATION_HELD, E.HOLD_DESTINATION_ASKED, None),
        (S.DESTINATION_HELD, E.HOLD_CUSTOMER_ASKED, S.CONSULTING),
        (S.DESTINATION_HELD, E.SWAP_ASKED, S.CONSULTING),
        *((state, E.DROP_ASKED, S.RETURNED) for state in SETTLED),
        *((state, E.LEAVE_ASKED, S.HANDED_OVER) for state in SETTLED),
    ],
)
def test_e6_each_verb_from_each_settled_state(state: S, verb: Event, to: S | None) -> None:
    assert (verb in allowed_verbs(state)) == (to is not None)
    assert advance(state, verb).to is (to or state)


@pytest.mark.parametrize("state", SETTLED)
def test_e6_leaving_brings_the_others_together_before_the_source_is_gone(state: S) -> None:
    commands = advance(state, E.LEAVE_ASKED).commands
    before = commands[: commands.index(C.HANG_UP_SOURCE)]

    for party, move in (
        (Party.CUSTOMER, C.CUSTOMER_TO_TALK),
        (Party.DESTINATION, C.DESTINATION_TO_TALK),
    ):
        assert (move in before) == (hearing(state)[party] == {Sound.HOLD})
    assert C.SOURCE_WRAPS_UP in commands
    assert C.HAND_OVER in commands


def test_e6_two_swaps_change_nothing() -> None:
    once = advance(S.CONSULTING, E.SWAP_ASKED).to

    assert advance(once, E.SWAP_ASKED).to is S.CONSULTING


def test_e6_a_verb_is_allowed_or_changes_nothing() -> None:
    for state in S:
        changing = {verb for verb in VERBS if advance(state, verb) != Row(state)}

        assert changing == set(allowed_verbs(state)), state


# --- E7: nobody is stranded ---------------------------------------------------------------------


def test_e7_a_destination_that_is_dropped_leaves_customer_and_source_talking() -> None:
    assert {advance(state, E.DROP_ASKED).to for state in WITH_SOURCE} == {S.RETURNED}


@pytest.mark.parametrize("state", [S.RINGING, S.ADDING_RINGING])
def test_e7_an_agent_or_number_that_fails_brings_the_customer_back(state: S) -> None:
    row = advance(state, E.DESTINATION_FAILED)

    assert row.to is S.RETURNED
    assert C.REPORT_FAILURE in row.commands


@pytest.mark.parametrize("state", QUEUES)
@pytest.mark.parametrize("event", [E.DESTINATION_FAILED, E.DESTINATION_HUNG_UP])
def test_e7_a_miss_in_a_queue_moves_nobody(state: S, event: Event) -> None:
    assert advance(state, event) == Row(state, (C.DESTINATION_MISSED,))


@pytest.mark.parametrize("state", [S.SOURCE_FLOW, S.IN_QUEUE])
def test_e7_a_flow_that_disconnects_brings_the_customer_back(state: S) -> None:
    row = advance(state, E.FLOW_ENDED)

    assert row.to is S.RETURNED
    assert C.REPORT_FAILURE in row.commands


@pytest.mark.parametrize("state", [S.SOURCE_FLOW, *TURNED, S.IN_QUEUE, S.ADDING_IN_QUEUE])
def test_e7_a_full_queue_brings_the_customer_back(state: S) -> None:
    row = advance(state, E.QUEUE_FULL)

    assert row.to is S.RETURNED
    assert C.REPORT_FAILURE in row.commands


@pytest.mark.parametrize("state", [*BEFORE_ANSWER, S.ADDING_IN_QUEUE, S.ADDING_RINGING])
def test_e7_a_source_lost_before_the_answer_puts_the_customer_back_in_the_queue(state: S) -> None:
    row = advance(state, E.SOURCE_LOST)

    assert row.to is S.QUEUED
    assert C.CUSTOMER_TO_QUEUE in row.commands
    assert C.HAND_OVER not in row.commands


@pytest.mark.parametrize("state", SETTLED)
def test_e7_a_source_lost_in_consultation_leaves_the_customer_with_the_destination(
    state: S,
) -> None:
    row = advance(state, E.SOURCE_LOST)

    assert row.to is S.HANDED_OVER
    assert C.HAND_OVER in row.commands


@pytest.mark.parametrize(
    ("state", "to"),
    [
        (S.AGENT_WHISPER, S.COLD_WHISPER),
        (S.ADDING_WHISPER, S.COLD_WHISPER),
        (S.SOURCE_WHISPER, S.CUSTOMER_WHISPER),
    ],
)
def test_e7_a_source_lost_during_the_whispers_gives_the_customer_to_who_answered(
    state: S, to: S
) -> None:
    assert advance(state, E.SOURCE_LOST).to is to


@pytest.mark.parametrize(
    "state",
    [S.RINGING, S.ADDING_RINGING, S.AGENT_WHISPER, S.SOURCE_WHISPER, S.ADDING_WHISPER, *SETTLED],
)
def test_e7_a_destination_that_hangs_up_brings_the_customer_back(state: S) -> None:
    row = advance(state, E.DESTINATION_HUNG_UP)

    assert row.to is S.RETURNED
    assert (C.REPORT_FAILURE in row.commands) == (state not in SETTLED)


# --- E8: the customer hangs up ------------------------------------------------------------------


@pytest.mark.parametrize("state", SETTLED)
def test_e8_source_and_destination_are_told_and_may_finish_talking(state: S) -> None:
    row = advance(state, E.CUSTOMER_HUNG_UP)

    assert row.to is S.CUSTOMER_GONE
    assert row.commands[-1] is C.REPORT_CUSTOMER_GONE
    assert hearing(row.to)[Party.SOURCE] == {Party.DESTINATION}


@pytest.mark.parametrize(
    "event", [E.LEAVE_ASKED, E.DROP_ASKED, E.SOURCE_LOST, E.DESTINATION_HUNG_UP, E.STOPPED]
)
def test_e8_it_ends_when_either_of_them_has_finished(event: Event) -> None:
    assert advance(S.CUSTOMER_GONE, event).to is S.ENDED


@pytest.mark.parametrize("state", [s for s in OPEN if s not in (*SETTLED, S.CUSTOMER_GONE)])
def test_e8_without_a_consultation_everything_ends_with_the_customer(state: S) -> None:
    assert advance(state, E.CUSTOMER_HUNG_UP).to is S.ENDED


# --- E9: the limit of hold ----------------------------------------------------------------------


def test_e9_the_source_is_reminded_where_it_could_forget_somebody() -> None:
    reminded = {state for state in S if reminds_of_hold(state)}

    assert reminded == {S.CONSULTING, S.ALL_HELD, S.DESTINATION_HELD}


@pytest.mark.parametrize("state", [s for s in OPEN if owner_of_hold(s) is HoldOwner.SOURCE])
def test_e9_a_customer_held_too_long_is_back_in_the_talk(state: S) -> None:
    row = advance(state, E.CUSTOMER_HOLD_EXPIRED)

    assert Party.SOURCE in hearing(row.to)[Party.CUSTOMER]


@pytest.mark.parametrize(
    ("state", "to"),
    [
        (S.IN_QUEUE, S.ADDING_IN_QUEUE),
        (S.RINGING, S.ADDING_RINGING),
        (S.AGENT_WHISPER, S.ADDING_WHISPER),
    ],
)
def test_e9_the_destination_is_fetched_on_while_source_and_customer_talk(state: S, to: S) -> None:
    row = advance(state, E.CUSTOMER_HOLD_EXPIRED)

    assert row == Row(to, (C.SOURCE_TO_TALK, C.CUSTOMER_TO_TALK))


@pytest.mark.parametrize(
    ("state", "to"), [(S.ALL_HELD, S.CONSULTING), (S.DESTINATION_HELD, S.JOINED)]
)
def test_e9_a_destination_held_too_long_is_back_in_the_talk(state: S, to: S) -> None:
    assert advance(state, E.DESTINATION_HOLD_EXPIRED).to is to


# --- E13: cold transfers ------------------------------------------------------------------------


@pytest.mark.parametrize("state", [S.IN_QUEUE, S.ADDING_IN_QUEUE])
def test_e13_left_to_a_queue_the_customer_waits_there(state: S) -> None:
    row = advance(state, E.LEAVE_ASKED)

    assert row.to is S.QUEUED
    assert row.commands[:2] == (C.HAND_OVER, C.CUSTOMER_TO_QUEUE)
    assert C.CANCEL_DESTINATION not in row.commands


@pytest.mark.parametrize("state", [S.SOURCE_FLOW, *TURNED, S.RINGING, S.ADDING_RINGING])
def test_e13_left_to_an_agent_or_number_the_customer_is_on_hold_while_it_rings(state: S) -> None:
    row = advance(state, E.LEAVE_ASKED)

    assert row.to is S.COLD_RINGING
    assert (C.RING_DESTINATION in row.commands) == (state in FLOWS)
    assert C.SOURCE_WRAPS_UP in row.commands


def test_e13_an_agent_who_answers_and_the_customer_hear_their_whispers_then_talk() -> None:
    states = path(
        Row(S.COLD_RINGING),
        E.AGENT_ANSWERED,
        E.DESTINATION_WHISPER_ENDED,
        E.CUSTOMER_WHISPER_ENDED,
    )

    assert states == [S.COLD_RINGING, S.COLD_WHISPER, S.CUSTOMER_WHISPER, S.HANDED_OVER]
    assert hearing(S.CUSTOMER_WHISPER)[Party.CUSTOMER] == {Sound.WHISPER}


def test_e13_a_number_that_answers_and_the_customer_talk_at_once() -> None:
    assert advance(S.COLD_RINGING, E.NUMBER_ANSWERED).to is S.HANDED_OVER


def test_e13_a_failure_puts_the_customer_back_in_the_queue() -> None:
    row = advance(S.COLD_RINGING, E.DESTINATION_FAILED)

    assert row == Row(S.QUEUED, (C.CUSTOMER_TO_QUEUE, C.DESTINATION_MISSED))


@pytest.mark.parametrize("state", COLD)
def test_e13_a_destination_that_hangs_up_puts_the_customer_back_in_the_queue(state: S) -> None:
    assert advance(state, E.DESTINATION_HUNG_UP).to is S.QUEUED


# --- a supervisor ends the contact --------------------------------------------------------------


def test_g2_a_stop_ends_it_for_everybody() -> None:
    assert {advance(state, E.STOPPED).to for state in OPEN} == {S.ENDED}


# --- a floor with three legs --------------------------------------------------------------------


class Place(Enum):
    """Where a leg is."""

    AWAY = auto()  # there is no leg
    PHONE = auto()  # rings, not answered
    LOOSE = auto()  # answered, or what it heard is over, and nobody has moved it
    TALK = auto()
    HOLD = auto()
    RINGBACK = auto()
    QUIET = auto()
    TRANSFER_FLOW = auto()
    QUEUE_FLOW = auto()
    WHISPER = auto()


SOUNDS: dict[Place, Hears] = {
    Place.AWAY: frozenset(),
    Place.PHONE: frozenset(),
    Place.QUIET: frozenset(),
    Place.HOLD: frozenset({Sound.HOLD}),
    Place.RINGBACK: frozenset({Sound.RINGING}),
    Place.TRANSFER_FLOW: frozenset({Sound.TRANSFER_FLOW}),
    Place.QUEUE_FLOW: frozenset({Sound.QUEUE_FLOW}),
    Place.WHISPER: frozenset({Sound.WHISPER}),
}
MOVES = {
    C.CUSTOMER_TO_HOLD: (Party.CUSTOMER, Place.HOLD),
    C.CUSTOMER_TO_TALK: (Party.CUSTOMER, Place.TALK),
    C.CUSTOMER_TO_TRANSFER_FLOW: (Party.CUSTOMER, Place.TRANSFER_FLOW),
    C.CUSTOMER_TO_QUEUE: (Party.CUSTOMER, Place.QUEUE_FLOW),
    C.PLAY_WHISPER_TO_CUSTOMER: (Party.CUSTOMER, Place.WHISPER),
    C.HANG_UP_CUSTOMER: (Party.CUSTOMER, Place.AWAY),
    C.SOURCE_TO_TRANSFER_FLOW: (Party.SOURCE, Place.TRANSFER_FLOW),
    C.SOURCE_TO_QUEUE_FLOW: (Party.SOURCE, Place.QUEUE_FLOW),
    C.SOURCE_TO_RINGBACK: (Party.SOURCE, Place.RINGBACK),
    C.SOURCE_TO_TALK: (Party.SOURCE, Place.TALK),
    C.SOURCE_TO_HOLD: (Party.SOURCE, Place.HOLD),
    C.PLAY_WHISPER_TO_SOURCE: (Party.SOURCE, Place.WHISPER),
    C.TELL_SOURCE: (Party.SOURCE, Place.AWAY),
    C.HANG_UP_SOURCE: (Party.SOURCE, Place.AWAY),
    C.PLAY_WHISPER_TO_DESTINATION: (Party.DESTINATION, Place.WHISPER),
    C.DESTINATION_TO_QUIET: (Party.DESTINATION, Place.QUIET),
    C.DESTINATION_TO_TALK: (Party.DESTINATION, Place.TALK),
    C.DESTINATION_TO_HOLD: (Party.DESTINATION, Place.HOLD),
    C.TELL_DESTINATION: (Party.DESTINATION, Place.AWAY),
    C.HANG_UP_DESTINATION: (Party.DESTINATION, Place.AWAY),
}
RELEASES = {
    C.DESTINATION_IS_FREE,
    C.DESTINATION_MISSED,
    C.DESTINATION_ERRED,
    C.DESTINATION_WRAPS_UP,
}


@dataclass(frozen=True, slots=True)
class Floor:
    """Where three legs are, and what is held besides."""

    customer: Place = Place.TALK
    source: Place = Place.TALK
    destination: Place = Place.AWAY
    flow_talks: bool = False
    by_number: bool = False
    waiting: bool = False
    source_working: bool = True
    destination_reserved: bool = False
    handed_over: bool = False

    def at(self, party: Party) -> Place:
        return {
            Party.CUSTOMER: self.customer,
            Party.SOURCE: self.source,
            Party.DESTINATION: self.destination,
        }[party]

    def put(self, party: Party, place: Place) -> Floor:
        match party:
            case Party.CUSTOMER:
                return replace(self, customer=place)
            case Party.SOURCE:
                return replace(self, source=place)
            case Party.DESTINATION:
                return replace(self, destination=place)

    def hears(self, party: Party) -> Hears:
        if self.at(party) is not Place.TALK:
            return SOUNDS[self.at(party)]
        flow = {Sound.TRANSFER_FLOW} if self.flow_talks else set()
        return frozenset(p for p in Party if p is not party and self.at(p) is Place.TALK) | flow

    def happened(self, event: Event) -> Floor:
        """What the event itself does, before any command."""
        match event:
            case E.AGENT_ANSWERED | E.NUMBER_ANSWERED:
                return replace(self, destination=Place.LOOSE, waiting=False)
            case E.DESTINATION_FAILED | E.DESTINATION_HUNG_UP:
                return self.put(Party.DESTINATION, Place.AWAY)
            case E.OFFER_WON:
                return replace(self, destination_reserved=True)
            case E.DESTINATION_WHISPER_ENDED:
                return self.put(Party.DESTINATION, Place.LOOSE)
            case (
                E.FLOW_ENDED
                | E.TRANSFERRED_TO_AGENT
                | E.TRANSFERRED_TO_QUEUE
                | E.FLOW_TURNED_TO_SOURCE
                | E.FLOW_TURNED_TO_CUSTOMER
                | E.FLOW_TURNED_TO_BOTH
            ):
                floor = self
                for party in (Party.CUSTOMER, Party.SOURCE):
                    if self.at(party) in (Place.TRANSFER_FLOW, Place.QUEUE_FLOW):
                        floor = floor.put(party, Place.LOOSE)
                return floor
            case E.SOURCE_WHISPER_ENDED:
                return self.put(Party.SOURCE, Place.LOOSE)
            case E.CUSTOMER_WHISPER_ENDED | E.CUSTOMER_HOLD_EXPIRED:
                return self.put(Party.CUSTOMER, Place.LOOSE)
            case E.DESTINATION_HOLD_EXPIRED:
                return self.put(Party.DESTINATION, Place.LOOSE)
            case E.CUSTOMER_HUNG_UP:
                return self.put(Party.CUSTOMER, Place.AWAY)
            case E.SOURCE_LOST:
                return self.put(Party.SOURCE, Place.AWAY)
            case _:
                return self

    def do(self, command: Command) -> Floor:
        """Carry out one command; what cannot be carried out fails."""
        if command in MOVES:
            party, place = MOVES[command]
            assert self.at(party) not in (Place.AWAY, Place.PHONE, place), command
            return self.put(party, place)
        if command in RELEASES:
            assert self.destination_reserved
            return replace(self, destination_reserved=False)
        match command:
            case C.RING_DESTINATION | C.DIAL_DESTINATION:
                assert self.destination is Place.AWAY
                return replace(
                    self,
                    destination=Place.PHONE,
                    destination_reserved=True,
                    by_number=command is C.DIAL_DESTINATION,
                )
            case C.FLOW_TO_TALK | C.FLOW_LEAVES:
                joins = command is C.FLOW_TO_TALK
                assert self.flow_talks is not joins
                return replace(self, flow_talks=joins)
            case C.ENTER_QUEUE:
                assert not self.waiting
                return replace(self, waiting=True)
            case C.CANCEL_DESTINATION:
                assert self.destination in (Place.AWAY, Place.PHONE)
                return replace(
                    self, destination=Place.AWAY, destination_reserved=False, waiting=False
                )
            case C.SOURCE_WRAPS_UP:
                assert self.source is Place.AWAY
                assert self.source_working
                return replace(self, source_working=False)
            case C.HAND_OVER:
                assert not self.handed_over
                return replace(self, handed_over=True)
            case C.REPORT_FAILURE:
                assert self.source is Place.TALK
            case C.REPORT_CUSTOMER_GONE:
                assert self.source is self.destination is Place.TALK
            case _:
                raise AssertionError(command)
        return self

    def after(self, row: Row) -> Floor:
        floor = self
        for command in row.commands:
            floor = floor.do(command)
        return floor


def can_happen(state: S, floor: Floor) -> Iterator[Event]:
    """What the world may bring, by where the legs are; verbs and a stop may come at any time."""
    yield from sorted(VERBS, key=str)
    yield E.STOPPED
    if state is S.JOINED:
        yield E.TAKEN_OVER
    if floor.customer is not Place.AWAY:
        yield E.CUSTOMER_HUNG_UP
    if floor.source is not Place.AWAY:
        yield E.SOURCE_LOST
    if floor.destination is not Place.AWAY:
        yield E.DESTINATION_HUNG_UP
    if floor.destination is Place.PHONE:
        yield E.NUMBER_ANSWERED if floor.by_number else E.AGENT_ANSWERED
        yield E.DESTINATION_FAILED
    if floor.waiting and floor.destination is Place.AWAY:
        yield from (E.OFFER_WON, E.QUEUE_FULL)
    flow_is_at = (floor.source, floor.customer)
    if floor.flow_talks or Place.TRANSFER_FLOW in flow_is_at:
        yield from (E.TRANSFERRED_TO_AGENT, E.TRANSFERRED_TO_QUEUE, E.FLOW_ENDED, E.QUEUE_FULL)
        yield from (turn for turn, to in TURNS.items() if to is not state)
    if floor.flow_talks:
        yield E.FLOW_APART
    if floor.source is Place.QUEUE_FLOW:
        yield E.FLOW_ENDED
    # Away from the source, the limit of the ring or of the whisper comes first.
    if floor.customer is Place.HOLD and owner_of_hold(state) is HoldOwner.SOURCE:
        yield E.CUSTOMER_HOLD_EXPIRED
    if floor.destination is Place.HOLD:
        yield E.DESTINATION_HOLD_EXPIRED
    for party, ended in WHISPERS.items():
        if floor.at(party) is Place.WHISPER:
            yield ended


TURNS = {
    E.FLOW_TURNED_TO_SOURCE: S.SOURCE_FLOW,
    E.FLOW_TURNED_TO_CUSTOMER: S.CUSTOMER_FLOW,
    E.FLOW_TURNED_TO_BOTH: S.JOINT_FLOW,
}
HANG_UPS = {
    Party.CUSTOMER: E.CUSTOMER_HUNG_UP,
    Party.SOURCE: E.SOURCE_LOST,
    Party.DESTINATION: E.DESTINATION_HUNG_UP,
}
WHISPERS = {
    Party.CUSTOMER: E.CUSTOMER_WHISPER_ENDED,
    Party.SOURCE: E.SOURCE_WHISPER_ENDED,
    Party.DESTINATION: E.DESTINATION_WHISPER_ENDED,
}
ENDS_HOLD = {
    HoldOwner.SOURCE: (E.DROP_ASKED, E.CUSTOMER_HOLD_EXPIRED),
    HoldOwner.RING_LIMIT: (E.DESTINATION_FAILED,),
    HoldOwner.WHISPER_LIMIT: (E.DESTINATION_WHISPER_ENDED,),
}


def step(state: S, floor: Floor, event: Event) -> tuple[S, Floor]:
    row = advance(state, event)
    if (state, event) in IGNORED:
        return state, floor
    return row.to, floor.happened(event).after(row)


def check(state: S, floor: Floor) -> None:
    """What holds after every event."""
    places = [floor.at(party) for party in Party]
    assert Place.LOOSE not in places
    assert {party: floor.hears(party) for party in Party} == hearing(state)
    # Nobody is alone in the room, but the source who has put both others on hold.
    if places.count(Place.TALK) == 1:
        assert state is S.ALL_HELD
        assert floor.source is Place.TALK
    check_hold(state, floor)
    assert floor.flow_talks == (state is S.JOINT_FLOW)
    # Agents are held as long as they have a leg.
    assert floor.source_working == (floor.source is not Place.AWAY)
    assert floor.destination_reserved == (floor.destination is not Place.AWAY)
    # A destination is fetched in the states that say so, and a contact handed over once.
    if state not in FINAL:
        assert floor.waiting == (state in QUEUES)
        assert state in QUEUES or (floor.destination is Place.PHONE) == (state in RINGS)
        assert floor.handed_over == (state in COLD)
    elif state is not S.ENDED:
        assert floor.handed_over or state is not S.HANDED_OVER
        assert not floor.handed_over or state is not S.RETURNED
    # It ends exactly when nobody is left, and is over when nobody needs it any more.
    assert (state is S.ENDED) == (set(places) == {Place.AWAY})
    if state in FINAL:
        assert places.count(Place.TALK) in (0, 2)
        offered = state is S.QUEUED and floor.handed_over
        assert floor.destination is not Place.PHONE or offered
        assert not floor.waiting or offered


def check_hold(state: S, floor: Floor) -> None:
    """A customer on hold has an owner who is there, or a limit, to be taken off by."""
    owner = owner_of_hold(state)
    assert (owner is not None) == (floor.customer is Place.HOLD)
    if owner is None:
        return
    assert (owner is HoldOwner.SOURCE) == (floor.source is not Place.AWAY)
    for event in ENDS_HOLD[owner]:
        assert (state, event) in TRANSITIONS
        heard = hearing(advance(state, event).to)[Party.CUSTOMER]
        assert heard
        assert Sound.HOLD not in heard


# --- E12: more than three -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Conference:
    """The quick connect with the controls, and how many parties are in the room beside it."""

    state: S
    floor: Floor
    parties: int = 0

    def happened(self, event: Event) -> Conference:
        """Move the one with the controls; when it is over, the newest party has them."""
        state, floor = step(self.state, self.floor, event)
        if not self.parties or state not in (S.RETURNED, S.HANDED_OVER):
            return Conference(state, floor, self.parties)
        assert advance(S.PARTY, E.PROMOTED) == Row(S.JOINED)
        assert floor.customer is Place.TALK
        # Who was handed over to is the source of those who stay.
        assert Place.TALK in (floor.source, floor.destination)
        return Conference(S.JOINED, IN_THE_ROOM, self.parties - 1)

    def one_party_met(self, event: Event) -> Conference:
        row = advance(S.PARTY, event)
        assert row.to is S.ENDED
        floor = replace(IN_THE_ROOM, customer=self.floor.customer).happened(event).after(row)
        assert floor.destination is Place.AWAY
        assert not floor.destination_reserved
        assert floor.source is Place.TALK
        return replace(self, parties=self.parties - 1)

    def met(self, event: Event) -> Conference:
        """What the session does: all meet it, or who leaves gives up whom they fetch."""
        now = self
        if event in MET_BY_ALL:
            for _ in range(self.parties):
                now = now.one_party_met(event)
        elif self.parties and gives_up(self.state, event):
            now = now.happened(E.DROP_ASKED)
        return now.happened(event)

    def another(self, kind: QuickConnectKind) -> Conference:
        assert advance(self.state, E.ANOTHER_BEGAN) == Row(S.PARTY)
        row = start(kind, hold=False)
        alone = replace(self.floor, destination=Place.AWAY, destination_reserved=False)
        floor = replace(alone, by_number=False).after(row)
        return Conference(row.to, floor, self.parties + 1)

    def following(self) -> Iterator[tuple[tuple[S, Event], Conference]]:
        """Every step that is possible here: what happened to whom, and where it leads."""
        for event in can_happen(self.state, self.floor):
            yield (self.state, event), self.met(event)
        if self.parties:
            for event in (E.DROP_ASKED, E.DESTINATION_HUNG_UP):
                yield (S.PARTY, event), self.one_party_met(event)
            for event in MET_BY_ALL:
                yield (S.PARTY, event), self.met(event)
            yield (S.PARTY, E.PROMOTED), self.met(E.DROP_ASKED)
        if can_add(self.state) and self.parties + 3 < MOST_PARTIES:
            for kind in QuickConnectKind:
                yield (self.state, E.ANOTHER_BEGAN), self.another(kind)


IN_THE_ROOM = Floor(destination=Place.TALK, destination_reserved=True)
BESIDE_PARTIES = (*SETTLED, *ADDING)


def check_conference(at: Conference) -> None:
    """Parties are in the room with the source, and with the customer who is not on hold."""
    check(at.state, at.floor)
    if not at.parties:
        return
    assert at.parties + 3 <= MOST_PARTIES
    assert at.state in BESIDE_PARTIES
    heard = {p for p in (Party.CUSTOMER, Party.SOURCE) if at.floor.at(p) is Place.TALK}
    assert heard <= hearing(S.PARTY)[Party.DESTINATION]
    assert Party.SOURCE in heard
    assert (Party.CUSTOMER in heard) == (owner_of_hold(at.state) is None)


def test_e12_another_begins_only_where_all_three_talk_and_holds_nobody() -> None:
    assert {state for state in S if can_add(state)} == {S.JOINED}
    for kind in QuickConnectKind:
        row = start(kind, hold=False)
        assert hearing(row.to)[Party.CUSTOMER] == {Party.SOURCE}


def test_e12_six_are_together_at_most() -> None:
    assert max(at.parties for at in EVERYWHERE) + 3 == MOST_PARTIES == 6


@pytest.mark.parametrize("event", [E.LEAVE_ASKED, E.SOURCE_LOST])
def test_e12_a_source_who_goes_leaves_the_customer_with_those_who_are_there(event: Event) -> None:
    for at in EVERYWHERE:
        if not at.parties or event not in set(can_happen(at.state, at.floor)):
            continue
        after = at.met(event)
        there = at.parties + (at.state in SETTLED)
        assert (after.state, after.parties) == (
            (S.JOINED, there - 2) if there > 1 else (S.HANDED_OVER, 0)
        )
        assert Party.DESTINATION in after.floor.hears(Party.CUSTOMER)


@pytest.mark.parametrize("state", ADDING)
def test_e12_a_destination_that_fails_gives_the_controls_back(state: S) -> None:
    for at in EVERYWHERE:
        if at.parties and at.state is state:
            assert at.met(E.DROP_ASKED) == Conference(S.JOINED, IN_THE_ROOM, at.parties - 1)


# --- everything that can be ---------------------------------------------------------------------


def begin() -> dict[tuple[QuickConnectKind, bool], Conference]:
    rows = {(kind, hold): start(kind, hold=hold) for kind, hold in START}
    return {key: Conference(row.to, Floor().after(row)) for key, row in rows.items()}


BEGINNINGS = list(begin().values())


def reachable() -> set[Conference]:
    """Every state with every arrangement of the legs that it can be in."""
    seen, new = set(BEGINNINGS), list(BEGINNINGS)
    while new:
        at = new.pop()
        if at.state in FINAL:
            continue
        for _, found in at.following():
            if found not in seen:
                seen.add(found)
                new.append(found)
    return seen


LATE = {state: [event for event in Event if (state, event) in IGNORED] for state in S}
EVERYWHERE = sorted(reachable(), key=str)


def test_every_state_can_be_reached() -> None:
    assert {at.state for at in EVERYWHERE} == set(S) - {S.PARTY}
    assert any(at.parties for at in EVERYWHERE)


def test_every_transition_can_happen() -> None:
    happening = {step for at in EVERYWHERE if at.state not in FINAL for step, _ in at.following()}

    assert set(TRANSITIONS) <= happening
    assert happening.isdisjoint(IMPOSSIBLE)


def test_legs_are_where_the_state_says() -> None:
    for at in EVERYWHERE:
        check_conference(at)


def test_it_is_over_when_all_have_hung_up_in_any_order() -> None:
    for at, order in itertools.product(EVERYWHERE, itertools.permutations(Party)):
        for party in order * MOST_PARTIES:
            if at.state not in FINAL and at.floor.at(party) is not Place.AWAY:
                at = at.met(HANG_UPS[party])
                check_conference(at)

        assert at.state in FINAL
        assert not at.parties


@RUNS
@given(
    st.sampled_from(BEGINNINGS),
    st.lists(st.integers(0, 9_999), min_size=STEPS, max_size=STEPS),
)
def test_nobody_is_lost_whatever_happens(at: Conference, codes: list[int]) -> None:
    # Any events in any order, late ones among them; a new one starts where one is over.
    for code in codes:
        if code % 5 == 0:
            late = LATE[at.state]
            assert advance(at.state, late[code // 5 % len(late)]) == Row(at.state)
        elif at.state in FINAL:
            at = BEGINNINGS[code % len(BEGINNINGS)]
        else:
            steps = [found for _, found in at.following()]
            at = steps[code % len(steps)]
        check_conference(at)
