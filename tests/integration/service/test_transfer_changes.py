"""What each step of a quick connect changes in the two contacts that it links."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ivr.domain.contact import Contact, ContactState, DisconnectReason, InitiationMethod
from ivr.domain.ids import ContactId, LegId
from ivr.domain.quick_connect import (
    FINAL,
    FLOWS,
    TRANSITIONS,
    Command,
    Event,
    QuickConnectId,
    QuickConnectKind,
)
from ivr.domain.quick_connect import TransferState as S
from ivr.domain.transfer import Transfer, is_held, state_of_destination
from ivr.ports.store import ContactChange
from ivr.service.transfer_changes import changes_of, hold_begins, hold_ends
from tests.builders import ANNA, BEN, NOW, SALES, SUPPORT, a_contact, seconds

pytestmark = pytest.mark.integration

E, K, C, R = Event, QuickConnectKind, ContactState, DisconnectReason
CUSTOMER_LEG = LegId("in-1")
LATER = NOW + seconds(9)
COLD = (S.COLD_RINGING, S.COLD_WHISPER, S.CUSTOMER_WHISPER)


def a_transfer(state: S, kind: QuickConnectKind = K.AGENT) -> Transfer:
    return Transfer(
        contact_id=ContactId("destination"),
        source_id=ContactId("source"),
        quick_connect_id=QuickConnectId("ben"),
        kind=kind,
        state=state,
        handed_over=state in COLD,
        began_at=NOW,
    )


def a_source(state: S, **fields: Any) -> Contact:
    held = hold_begins(a_contact(), NOW) if is_held(state) and state not in COLD else {}
    connected = {"state": C.CONNECTED, "agent_id": ANNA, "queue_id": SALES}
    return a_contact("source", customer_leg=CUSTOMER_LEG, **{**connected, **held, **fields})


def a_destination(state: S) -> Contact:
    """As it stands in a state; in a queue and while it rings, an offer is under way."""
    in_flow = state in FLOWS
    return a_contact(
        "destination",
        initiation=InitiationMethod.TRANSFER,
        state=state_of_destination(state) or C.OFFERED,
        target_queue_id=SUPPORT,
        agent_id=None if in_flow else BEN,
        customer_leg=CUSTOMER_LEG if state in COLD else None,
    )


def step(
    state: S,
    event: Event,
    *,
    kind: QuickConnectKind = K.AGENT,
    source: Contact | None = None,
    now: datetime = LATER,
) -> tuple[ContactChange, ContactChange]:
    row, before = TRANSITIONS[state, event], a_transfer(state, kind)
    handed_over = before.handed_over or Command.HAND_OVER in row.commands
    after = replace(before, state=row.to, handed_over=handed_over)
    of_source = source or a_source(state)
    return changes_of(before, after, event, of_source, a_destination(state), now=now)


def test_holds_are_counted_and_timed() -> None:
    contact = a_contact("source", state=C.CONNECTED)
    for number, length in enumerate((10, 40, 20), start=1):
        begins = NOW + seconds(100 * number)
        contact = replace(contact, **hold_begins(contact, begins))
        assert (contact.holds, contact.held_since) == (number, begins)
        contact = replace(contact, **hold_ends(contact, begins + seconds(length)))
        assert contact.held_since is None
    assert contact.holds == 3
    assert (contact.held, contact.longest_hold) == (seconds(70), seconds(40))
    assert hold_ends(contact, NOW) == {}


def test_every_step_keeps_the_hold_of_the_source_as_its_state_says() -> None:
    now = NOW + seconds(9)
    for (state, event), row in TRANSITIONS.items():
        source = a_source(state)
        change, _ = step(state, event, source=source, now=now)
        after = replace(source, **change.fields)
        handed_over = state in COLD or Command.HAND_OVER in row.commands
        where = (state, event)
        assert (after.held_since is not None) == (is_held(row.to) and not handed_over), where
        if source.held_since is not None and after.held_since is None:
            assert (after.held, after.longest_hold) == (seconds(9), seconds(9)), where
            assert after.holds == source.holds
        elif source.held_since is None:
            assert after.holds == (1 if after.held_since == now else 0), where
        else:
            assert after.held_since == source.held_since, where


def test_every_step_ends_exactly_the_contacts_that_are_over() -> None:
    for (state, event), row in TRANSITIONS.items():
        change, other = step(state, event)
        handed_over = state in COLD or Command.HAND_OVER in row.commands
        where = (state, event)
        leaves = Command.HAND_OVER in row.commands
        assert (change.to_state is C.ENDED) == (
            leaves or (row.to is S.ENDED and state not in (*COLD, S.PARTY))
        ), where
        over = row.to in (S.RETURNED, S.ENDED) or (row.to is S.QUEUED and not handed_over)
        assert (other.to_state is C.ENDED) == over, where
        for each in (change, other):
            ended = each.to_state is C.ENDED
            assert (
                ended == ("disconnect_reason" in each.fields) == ("disconnected_at" in each.fields)
            )
        if row.to not in FINAL and state_of_destination(row.to):
            expected = state_of_destination(row.to)
            assert other.to_state == (None if expected is state_of_destination(state) else expected)


def test_source_that_leaves_hands_the_customer_over_once() -> None:
    for (state, event), row in TRANSITIONS.items():
        change, other = step(state, event)
        leaves = Command.HAND_OVER in row.commands
        where = (state, event)
        assert (change.fields.get("next_id") == "destination") == leaves, where
        assert ("customer_leg" in other.fields) == leaves, where
        if leaves:
            assert other.fields["customer_leg"] == CUSTOMER_LEG
            taken = event is E.TAKEN_OVER
            assert change.fields["disconnect_reason"] is (R.BARGED if taken else R.AGENT_DISCONNECT)
        if state in (*COLD, S.PARTY):
            assert change == ContactChange(ContactId("source"), None), where


REASONS = [
    (S.CONSULTING, E.DROP_ASKED, K.AGENT, None, R.AGENT_DISCONNECT),
    (S.CONSULTING, E.LEAVE_ASKED, K.AGENT, R.AGENT_DISCONNECT, None),
    (S.CONSULTING, E.SOURCE_LOST, K.AGENT, R.AGENT_DISCONNECT, None),
    (S.CONSULTING, E.DESTINATION_HUNG_UP, K.AGENT, None, R.AGENT_DISCONNECT),
    (S.CONSULTING, E.DESTINATION_HUNG_UP, K.NUMBER, None, R.THIRD_PARTY_DISCONNECT),
    (S.CONSULTING, E.STOPPED, K.AGENT, R.API, R.API),
    (S.SOURCE_FLOW, E.FLOW_ENDED, K.AGENT, None, R.CONTACT_FLOW_DISCONNECT),
    (S.SOURCE_FLOW, E.QUEUE_FULL, K.QUEUE, None, R.OTHER),
    (S.RINGING, E.DESTINATION_FAILED, K.AGENT, None, R.OTHER),
    (S.RINGING, E.CUSTOMER_HUNG_UP, K.AGENT, R.CUSTOMER_DISCONNECT, R.CUSTOMER_DISCONNECT),
    (S.RINGING, E.SOURCE_LOST, K.AGENT, None, R.AGENT_DISCONNECT),
    (S.COLD_RINGING, E.CUSTOMER_HUNG_UP, K.AGENT, None, R.CUSTOMER_DISCONNECT),
    (S.CUSTOMER_GONE, E.LEAVE_ASKED, K.AGENT, R.CUSTOMER_DISCONNECT, R.AGENT_DISCONNECT),
    (S.CUSTOMER_GONE, E.SOURCE_LOST, K.AGENT, R.CUSTOMER_DISCONNECT, R.AGENT_DISCONNECT),
    (
        S.CUSTOMER_GONE,
        E.DESTINATION_HUNG_UP,
        K.NUMBER,
        R.CUSTOMER_DISCONNECT,
        R.THIRD_PARTY_DISCONNECT,
    ),
    (S.CUSTOMER_GONE, E.STOPPED, K.AGENT, R.CUSTOMER_DISCONNECT, R.API),
    (S.PARTY, E.DROP_ASKED, K.AGENT, None, R.AGENT_DISCONNECT),
    (S.PARTY, E.DESTINATION_HUNG_UP, K.AGENT, None, R.AGENT_DISCONNECT),
    (S.PARTY, E.DESTINATION_HUNG_UP, K.NUMBER, None, R.THIRD_PARTY_DISCONNECT),
    (S.PARTY, E.CUSTOMER_HUNG_UP, K.NUMBER, None, R.CUSTOMER_DISCONNECT),
    (S.PARTY, E.STOPPED, K.AGENT, None, R.API),
]


def test_who_gets_which_disconnect_reason() -> None:
    for state, event, kind, source, destination in REASONS:
        found = step(state, event, kind=kind)
        reasons = [each.fields.get("disconnect_reason") for each in found]
        assert reasons == [source, destination], (state, event, kind)


def test_number_that_was_left_with_the_customer_disconnects_as_a_third_party() -> None:
    number = a_source(S.JOINED, agent_id=None)

    change, _ = step(S.JOINED, E.LEAVE_ASKED, source=number)

    assert change.fields["disconnect_reason"] is R.THIRD_PARTY_DISCONNECT


def test_customer_who_goes_back_to_the_queue_of_the_source_keeps_its_place() -> None:
    for state in (*FLOWS, S.IN_QUEUE, S.RINGING, S.ADDING_RINGING):
        change, other = step(state, E.SOURCE_LOST)
        assert change.to_state is C.QUEUED, state
        assert (change.fields["agent_id"], change.fields["dequeued_at"]) == (None, None)
        assert "place_at" not in change.fields
        assert other.to_state is C.ENDED, state


def test_customer_who_is_left_waiting_waits_in_the_destinations_queue() -> None:
    for state in (S.IN_QUEUE, S.ADDING_IN_QUEUE):
        _, other = step(state, E.LEAVE_ASKED)
        assert other.to_state is None, "an offer of that queue goes on"
        assert "agent_id" not in other.fields
    for state in COLD:
        event = E.DESTINATION_HUNG_UP
        _, other = step(state, event)
        assert other.to_state is C.QUEUED, state
        assert other.fields["queue_id"] == SUPPORT
        assert other.fields["agent_id"] is None


def test_offer_of_a_queue_that_is_missed_waits_for_the_next() -> None:
    for state in (S.IN_QUEUE, S.ADDING_IN_QUEUE):
        for event in (E.DESTINATION_FAILED, E.DESTINATION_HUNG_UP):
            change, other = step(state, event)
            assert (change.to_state, other.to_state) == (None, C.QUEUED)
            assert other.fields == {"agent_id": None, "dequeued_at": None}


def test_destination_that_answers_has_its_times() -> None:
    now = NOW + seconds(9)
    _, whisper = step(S.RINGING, E.AGENT_ANSWERED, now=now)
    assert (whisper.to_state, whisper.fields) == (C.AGENT_WHISPER, {"dequeued_at": now})
    _, talk = step(S.SOURCE_WHISPER, E.SOURCE_WHISPER_ENDED, now=now)
    assert (talk.to_state, talk.fields) == (C.CONNECTED, {"connected_to_agent_at": now})
