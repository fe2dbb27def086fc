"""A quick connect as its agent sees it: what verbs ask for, banners, what its contact becomes."""

from __future__ import annotations

import pytest

from ivr.domain.contact import ContactState
from ivr.domain.quick_connect import (
    FINAL,
    TRANSITIONS,
    Event,
    Party,
    QuickConnectKind,
    Sound,
    advance,
    allowed_verbs,
    hearing,
    owner_of_hold,
)
from ivr.domain.quick_connect import TransferState as S
from ivr.domain.transfer import (
    Banner,
    Verb,
    banner,
    event_of,
    is_held,
    state_of_destination,
    talks,
)

pytestmark = pytest.mark.unit

E, K, C = Event, QuickConnectKind, ContactState
OPEN = [state for state in S if state not in FINAL]
QUEUES = [S.IN_QUEUE, S.ADDING_IN_QUEUE]
RINGS = [S.RINGING, S.ADDING_RINGING, S.COLD_RINGING]
ASKS = {
    Verb.JOIN: E.JOIN_ASKED,
    Verb.HOLD_ALL: E.HOLD_ALL_ASKED,
    Verb.HOLD_DESTINATION: E.HOLD_DESTINATION_ASKED,
    Verb.HOLD_CUSTOMER: E.HOLD_CUSTOMER_ASKED,
    Verb.SWAP: E.SWAP_ASKED,
    Verb.DROP: E.DROP_ASKED,
    Verb.CANCEL: E.DROP_ASKED,
    Verb.LEAVE: E.LEAVE_ASKED,
}
RESUMED = {
    Verb.RESUME_DESTINATION: Party.DESTINATION,
    Verb.RESUME_CUSTOMER: Party.CUSTOMER,
}
# By where all three are: who stays on hold when one is taken off it.
RESUMES = [
    (S.ALL_HELD, Verb.RESUME_DESTINATION, S.CONSULTING),
    (S.ALL_HELD, Verb.RESUME_CUSTOMER, S.DESTINATION_HELD),
    (S.CONSULTING, Verb.RESUME_CUSTOMER, S.JOINED),
    (S.DESTINATION_HELD, Verb.RESUME_DESTINATION, S.JOINED),
]


def can(verb: Verb, state: S) -> bool:
    return event_of(verb, state) in allowed_verbs(state)


def test_every_verb_but_resuming_asks_for_the_same_everywhere() -> None:
    assert set(ASKS) | set(RESUMED) == set(Verb)
    for verb, event in ASKS.items():
        assert {event_of(verb, state) for state in S} == {event}


def test_resuming_takes_one_off_hold_and_leaves_the_other_where_it_is() -> None:
    for state, verb, to in RESUMES:
        assert can(verb, state), (state, verb)
        assert advance(state, event_of(verb, state)).to is to
        party = RESUMED[verb]
        assert Sound.HOLD in hearing(state)[party]
        assert Sound.HOLD not in hearing(to)[party]
        (other,) = {Party.CUSTOMER, Party.DESTINATION} - {party}
        assert (Sound.HOLD in hearing(state)[other]) == (Sound.HOLD in hearing(to)[other])


def test_resuming_is_possible_wherever_one_of_three_is_on_hold() -> None:
    there = [state for state in OPEN if (state, E.HOLD_ALL_ASKED) in TRANSITIONS]
    for state in (*there, S.ALL_HELD):
        for verb, party in RESUMED.items():
            assert can(verb, state) or Sound.HOLD not in hearing(state)[party], (state, verb)


def test_resuming_one_who_hears_the_source_holds_nobody() -> None:
    for state in S:
        for verb, party in RESUMED.items():
            if can(verb, state) and Sound.HOLD not in hearing(state)[party]:
                to = advance(state, event_of(verb, state)).to
                heard = hearing(to).values()
                assert not any(Sound.HOLD in each for each in heard), (state, verb)


def test_no_verb_is_possible_when_it_is_over_or_the_source_has_left() -> None:
    for state in (*FINAL, S.COLD_RINGING, S.COLD_WHISPER, S.CUSTOMER_WHISPER):
        assert not [verb for verb in Verb if can(verb, state)], state


def test_an_open_one_with_a_source_can_always_be_dropped_and_left() -> None:
    for state in OPEN:
        if state is S.PARTY:
            continue
        source_is_there = bool(hearing(state)[Party.SOURCE]) or state is S.ALL_HELD
        assert {can(Verb.DROP, state), can(Verb.CANCEL, state), can(Verb.LEAVE, state)} == {
            source_is_there
        }, state


def test_a_party_can_only_be_dropped() -> None:
    assert {verb for verb in Verb if can(verb, S.PARTY)} == {Verb.DROP, Verb.CANCEL}


DETAILS = {
    "transferring": (S.SOURCE_FLOW, S.CUSTOMER_FLOW, S.JOINT_FLOW),
    "queued": (S.IN_QUEUE, S.ADDING_IN_QUEUE),
    "ringing": (S.RINGING, S.ADDING_RINGING, S.COLD_RINGING),
    "whispering": (
        S.AGENT_WHISPER,
        S.ADDING_WHISPER,
        S.COLD_WHISPER,
        S.SOURCE_WHISPER,
        S.CUSTOMER_WHISPER,
    ),
    "talking": (S.CONSULTING, S.JOINED, S.PARTY, S.CUSTOMER_GONE),
    "hold": (S.ALL_HELD, S.DESTINATION_HELD),
    "ended": (S.RETURNED, S.HANDED_OVER, S.QUEUED, S.ENDED),
}


def test_banner_of_every_state_and_kind() -> None:
    seen = {}
    for detail, states in DETAILS.items():
        for state in states:
            for kind in K:
                seen[kind, state] = banner(kind, state)
                assert seen[kind, state].detail == detail
    assert set(seen) == {(kind, state) for kind in K for state in S}

    for (kind, state), found in seen.items():
        match found.detail:
            case "ended":
                words = "disconnected"
            case "hold":
                words = "hold"
            case "talking":
                words = "connected"
            case _:
                words = "connected" if kind is K.AGENT else "connecting"
        assert found == Banner(words, found.detail), (kind, state)


def test_banner_says_talking_exactly_when_the_destination_talks_and_it_is_open() -> None:
    for state in OPEN:
        talking = talks(hearing(state)[Party.DESTINATION])
        assert (banner(K.AGENT, state).detail == "talking") == talking, state


def test_customer_is_held_exactly_when_somebody_or_a_limit_ends_it() -> None:
    for state in S:
        assert is_held(state) == (owner_of_hold(state) is not None), state


CONTACTS = {
    C.IN_FLOW: {S.SOURCE_FLOW, S.CUSTOMER_FLOW, S.JOINT_FLOW},
    C.AGENT_WHISPER: {S.AGENT_WHISPER, S.ADDING_WHISPER, S.COLD_WHISPER},
    C.CUSTOMER_WHISPER: {S.SOURCE_WHISPER, S.CUSTOMER_WHISPER},
    C.CONNECTED: {
        S.CONSULTING,
        S.JOINED,
        S.PARTY,
        S.ALL_HELD,
        S.DESTINATION_HELD,
        S.CUSTOMER_GONE,
        S.HANDED_OVER,
    },
    C.ENDED: {S.RETURNED, S.ENDED},
    None: {*QUEUES, *RINGS, S.QUEUED},
}


def test_state_of_the_destinations_contact_is_given_but_for_queues_and_rings() -> None:
    for contact, states in CONTACTS.items():
        for state in states:
            assert state_of_destination(state) is contact, state
    assert set().union(*CONTACTS.values()) == set(S)


def test_destination_that_hears_others_is_connected() -> None:
    for state in S:
        if talks(hearing(state)[Party.DESTINATION]):
            assert state_of_destination(state) is C.CONNECTED, state
