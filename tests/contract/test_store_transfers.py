"""The store port: quick connects, moved together with the contacts they link, on every database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ivr.domain.agent import AVAILABLE, AgentActivity, StatusKind
from ivr.domain.callback import CallbackResult
from ivr.domain.contact import Contact, ContactState, DisconnectReason, InitiationMethod
from ivr.domain.ids import AgentId, ContactId
from ivr.domain.quick_connect import FINAL, QuickConnectId, QuickConnectKind, TransferState
from ivr.domain.transfer import Transfer
from ivr.ports.store import ContactChange, DialLimits, Enqueued, Note
from ivr.store.sql_store import SqlStore
from tests.builders import (
    ANNA,
    BEN,
    NO_LIMITS,
    NOW,
    SALES,
    SUPPORT,
    a_callback,
    a_callback_contact,
    a_contact,
    seconds,
)

pytestmark = pytest.mark.contract

CALL, DESTINATION = ContactId("call"), ContactId("destination")
LATER = NOW + seconds(7)
PLACE = NOW - seconds(300)
S = TransferState
C = ContactState
A = AgentActivity


def a_transfer(name: str = "destination", source: ContactId = CALL, **fields: Any) -> Transfer:
    transfer = Transfer(
        contact_id=ContactId(name),
        source_id=source,
        quick_connect_id=QuickConnectId("ben"),
        kind=QuickConnectKind.AGENT,
        state=S.SOURCE_FLOW,
        began_at=NOW,
    )
    return replace(transfer, **fields)


def a_destination(name: str = "destination", **fields: Any) -> Contact:
    how = {"initiation": InitiationMethod.TRANSFER, "previous_id": CALL, "target_queue_id": SUPPORT}
    return a_contact(name, **(how | fields))


async def ready(store: SqlStore, *agent_ids: AgentId) -> None:
    await store.ensure_agents(agent_ids, now=NOW)
    for agent_id in agent_ids:
        await store.set_agent_status(agent_id, AVAILABLE, StatusKind.ROUTABLE, now=NOW)
        await store.set_agent_reachable(agent_id, reachable=True, now=NOW)


async def talking(store: SqlStore, contact: Contact, agent_id: AgentId = ANNA) -> None:
    """Have an agent talk on a call that waited in a queue."""
    await ready(store, agent_id)
    waiting = replace(contact, state=C.QUEUED, queue_id=SUPPORT, enqueued_at=NOW)
    await store.create_contact(waiting)
    await connect(store, contact.id, agent_id)


async def connect(store: SqlStore, contact_id: ContactId, agent_id: AgentId) -> None:
    assert await store.claim(contact_id, agent_id, now=NOW)
    assert await store.move_agent(agent_id, contact_id, A.ON_CONTACT, now=NOW)
    assert await store.move_contact(contact_id, C.OFFERED, C.CONNECTED, {}, now=NOW)


async def began(store: SqlStore, state: TransferState = S.SOURCE_FLOW, **fields: Any) -> Transfer:
    """Have Anna talk on the call, and a quick connect under way."""
    await talking(store, a_contact())
    transfer = a_transfer(state=state)
    assert await begin(store, transfer, a_destination(**fields))
    return transfer


async def begin(
    store: SqlStore, transfer: Transfer, contact: Contact, *notes: Note, **fields: Any
) -> bool:
    change = ContactChange(transfer.source_id, None, fields)
    return await store.begin_transfer(transfer, contact, change, *notes)


async def the(store: SqlStore, contact_id: ContactId) -> Contact:
    found = await store.contact(contact_id)
    assert found is not None
    return found


async def notes_of(store: SqlStore, contact_id: ContactId) -> list[str]:
    return [entry.kind for entry in await store.journal(contact_id)]


# --- caps ---------------------------------------------------------------------------------------


async def a_number_is_called(
    store: SqlStore, name: str, agent_id: AgentId, limits: DialLimits, *, at: float = 0
) -> bool:
    """Have an agent talk and bring in a phone number; whether the caps allow it."""
    source = ContactId(f"source-{name}")
    await talking(store, a_contact(source), agent_id)
    number = a_transfer(
        name, source, kind=QuickConnectKind.NUMBER, state=S.RINGING, began_at=NOW + seconds(at)
    )
    contact = a_destination(name, state=C.OFFERED, agent_attempts=1, previous_id=source)
    change = ContactChange(source, None)
    return await store.begin_transfer(number, contact, change, limits=limits)


async def test_numbers_of_quick_connects_keep_the_cap_of_calls_at_once(store: SqlStore) -> None:
    one = DialLimits(concurrent=1, per_minute=None)

    assert await a_number_is_called(store, "first", ANNA, one)
    assert not await a_number_is_called(store, "second", BEN, one)

    first = await store.transfer(ContactId("first"))
    assert first is not None
    over = ContactChange(first.contact_id, C.ENDED)
    assert await store.move_transfer(replace(first, state=S.RETURNED), S.RINGING, [over], now=NOW)
    third = a_transfer("third", ContactId("source-second"), kind=QuickConnectKind.NUMBER)
    contact = a_destination("third", state=C.OFFERED, agent_attempts=1)
    change = ContactChange(third.source_id, None)
    assert await store.begin_transfer(third, contact, change, limits=one)


async def test_numbers_of_quick_connects_keep_the_cap_of_a_minute(store: SqlStore) -> None:
    one = DialLimits(concurrent=None, per_minute=1)

    assert await a_number_is_called(store, "first", ANNA, one)
    assert not await a_number_is_called(store, "second", BEN, one, at=59)
    late = a_transfer(
        "late", ContactId("source-second"), kind=QuickConnectKind.NUMBER, began_at=NOW + seconds(60)
    )
    contact = a_destination("late", state=C.OFFERED, agent_attempts=1)
    change = ContactChange(late.source_id, None)
    assert await store.begin_transfer(late, contact, change, limits=one)


async def test_agents_are_no_calls_out(store: SqlStore) -> None:
    await talking(store, a_contact())
    nobody = DialLimits(concurrent=0, per_minute=0)
    change = ContactChange(CALL, None)

    assert await store.begin_transfer(a_transfer(), a_destination(), change, limits=nobody)


# --- begin --------------------------------------------------------------------------------------


async def test_quick_connect_begins_with_its_contact_a_change_and_a_note(store: SqlStore) -> None:
    await talking(store, a_contact())
    before = await the(store, CALL)
    fields: dict[str, Any] = {"holds": 1, "held_since": NOW}

    assert await begin(store, a_transfer(), a_destination(), Note("transfer_began"), **fields)

    assert await store.transfer(DESTINATION) == a_transfer()
    assert await the(store, DESTINATION) == a_destination()
    assert await the(store, CALL) == replace(before, **fields)
    assert "transfer_began" in await notes_of(store, CALL)
    assert await notes_of(store, DESTINATION) == []


async def test_quick_connect_begins_only_for_an_agent_on_a_connected_contact(
    store: SqlStore,
) -> None:
    async def refused() -> bool:
        begun = await begin(store, a_transfer(), a_destination(), Note("transfer_began"), holds=9)
        untouched = await store.contact(DESTINATION) is None
        return not begun and untouched and await store.transfer(DESTINATION) is None

    assert await refused(), "there is no such contact"
    await ready(store, ANNA)
    await store.create_contact(a_contact(state=C.QUEUED, queue_id=SUPPORT, enqueued_at=NOW))
    assert await refused(), "nobody serves it"
    assert await store.claim(CALL, ANNA, now=NOW)
    assert await refused(), "the agent is only offered it"
    assert await store.move_agent(ANNA, CALL, A.ON_CONTACT, now=NOW)
    assert await refused(), "the contact is not connected"
    assert await store.move_contact(CALL, C.OFFERED, C.CONNECTED, {}, now=NOW)
    await store.change_contact(CALL, {"agent_id": BEN}, now=NOW)
    assert await refused(), "the contact is another agent's"
    await store.change_contact(CALL, {"agent_id": ANNA}, now=NOW)
    assert await store.move_agent(ANNA, CALL, A.AFTER_CONTACT_WORK, now=NOW)
    assert await refused(), "the agent is not on it any more"

    assert (await the(store, CALL)).holds == 0
    assert "transfer_began" not in await notes_of(store, CALL)


async def test_one_quick_connect_of_a_contact_is_open_at_a_time(store: SqlStore) -> None:
    first = await began(store)
    second = a_transfer("second", began_at=LATER)

    assert not await begin(store, second, a_destination("second"))
    assert await store.contact(ContactId("second")) is None
    assert await store.move_transfer(replace(first, state=S.RETURNED), S.SOURCE_FLOW, (), now=LATER)
    assert await begin(store, second, a_destination("second"))

    assert await store.latest_transfer_of(CALL) == second


async def test_quick_connects_of_two_contacts_are_open_together(store: SqlStore) -> None:
    other = ContactId("other")
    first = await began(store)
    await talking(store, a_contact("other"), BEN)
    second = a_transfer("second", other, began_at=NOW - seconds(1))

    assert await begin(store, second, a_destination("second", previous_id=other))

    assert await store.open_transfers() == [second, first], "oldest first"


# --- parties ------------------------------------------------------------------------------------


async def conference(store: SqlStore, size: int) -> list[Transfer]:
    """Have Anna talk with so many who were brought in one after the other, oldest first."""
    rows = [await began(store, S.JOINED)]
    for number in range(1, size):
        party = replace(rows[-1], state=S.PARTY)
        at = NOW + seconds(number)
        newest = a_transfer(f"destination{number}", state=S.JOINED, began_at=at)
        contact = a_destination(f"destination{number}")
        change = ContactChange(CALL, None)
        assert await store.begin_transfer(newest, contact, change, former=party)
        rows[-1:] = [party, newest]
    return rows


async def test_another_quick_connect_begins_as_the_former_becomes_a_party(store: SqlStore) -> None:
    first = await began(store, S.JOINED)
    second = a_transfer("second", began_at=LATER, state=S.ADDING_RINGING)
    party = replace(first, state=S.PARTY)

    change = ContactChange(CALL, None)
    contact = a_destination("second")
    assert await store.begin_transfer(second, contact, change, Note("began"), former=party)

    assert await store.open_transfers_of(CALL) == await store.open_transfers() == [party, second]
    assert await store.latest_transfer_of(CALL) == second
    assert (await notes_of(store, CALL))[-1] == "began"


async def test_a_quick_connect_that_is_not_joined_becomes_no_party(store: SqlStore) -> None:
    transfer = await began(store)
    second = a_transfer("second", began_at=LATER)
    change = ContactChange(CALL, None)
    for state in S:
        if state in FINAL or state in (S.PARTY, S.JOINED):
            continue
        moved = replace(transfer, state=state)
        assert await store.move_transfer(moved, transfer.state, (), now=NOW)
        transfer = moved

        party = replace(transfer, state=S.PARTY)
        contact = a_destination("second")
        assert not await store.begin_transfer(second, contact, change, former=party)

        assert await store.open_transfers_of(CALL) == [transfer]
        assert await store.contact(ContactId("second")) is None


async def test_many_are_parties_and_one_has_the_controls(store: SqlStore) -> None:
    rows = await conference(store, 4)
    assert await store.open_transfers_of(CALL) == rows
    assert await store.latest_transfer_of(CALL) == rows[-1]

    over = replace(rows[-1], state=S.RETURNED)
    assert await store.move_transfer(over, S.JOINED, (), now=LATER)
    promoted = replace(rows[-2], state=S.JOINED)
    assert await store.move_transfer(promoted, S.PARTY, (), now=LATER)

    assert await store.open_transfers_of(CALL) == [*rows[:-2], promoted]
    assert await store.latest_transfer_of(CALL) == promoted


async def test_parties_follow_the_customer_who_is_handed_over(store: SqlStore) -> None:
    rows = await conference(store, 4)
    gone = replace(rows[0], state=S.ENDED)
    assert await store.move_transfer(gone, S.PARTY, (), now=LATER)
    left = replace(rows[-1], state=S.HANDED_OVER, handed_over=True)

    assert await store.move_transfer(left, S.JOINED, (), now=LATER)

    assert await store.open_transfers_of(CALL) == []
    assert await store.open_transfers_of(left.contact_id) == [
        replace(each, source_id=left.contact_id) for each in rows[1:-1]
    ]
    assert await store.transfer(rows[0].contact_id) == replace(gone, ended_at=LATER)
    assert await store.latest_transfer_of(CALL) == replace(left, ended_at=LATER)


async def test_the_latest_of_those_that_are_over_is_the_one_the_source_left_by(
    store: SqlStore,
) -> None:
    rows = await conference(store, 2)
    cancelled = replace(rows[1], state=S.RETURNED)
    left = replace(rows[0], state=S.HANDED_OVER, handed_over=True)

    assert await store.move_transfer(cancelled, S.JOINED, (), now=LATER)
    assert await store.move_transfer(left, S.PARTY, (), now=LATER)

    assert await store.latest_transfer_of(CALL) == replace(left, ended_at=LATER)


# --- move ---------------------------------------------------------------------------------------


async def test_quick_connect_moves_with_both_contacts_and_notes_of_the_source(
    store: SqlStore,
) -> None:
    transfer = await began(store, S.RINGING)
    moved = replace(transfer, state=S.HANDED_OVER, handed_over=True)
    left = {"disconnect_reason": DisconnectReason.AGENT_DISCONNECT, "next_id": DESTINATION}
    changes = (
        ContactChange(CALL, C.ENDED, left),
        ContactChange(DESTINATION, C.CONNECTED, {"connected_to_agent_at": LATER}),
    )

    assert await store.move_transfer(moved, S.RINGING, changes, Note("transfer_moved"), now=LATER)

    assert await store.transfer(DESTINATION) == replace(moved, ended_at=LATER)
    source, destination = await the(store, CALL), await the(store, DESTINATION)
    assert (source.state, source.next_id) == (C.ENDED, DESTINATION)
    assert source.disconnect_reason is DisconnectReason.AGENT_DISCONNECT
    assert (destination.state, destination.connected_to_agent_at) == (C.CONNECTED, LATER)
    assert (await notes_of(store, CALL))[-1] == "transfer_moved"
    assert await notes_of(store, DESTINATION) == []


async def test_quick_connect_that_is_elsewhere_does_not_move(store: SqlStore) -> None:
    transfer = await began(store, S.RINGING)
    before = await the(store, CALL)
    change = ContactChange(CALL, C.ENDED, {"holds": 9})

    for state in (S.CONSULTING, S.SOURCE_FLOW, S.RETURNED):
        moved = replace(transfer, state=S.JOINED)
        assert not await store.move_transfer(moved, state, [change], Note("moved"), now=LATER)
    nobody = a_transfer("nobody", state=S.JOINED)
    assert not await store.move_transfer(nobody, S.RINGING, [change], now=LATER)

    assert await store.transfer(DESTINATION) == transfer
    assert await the(store, CALL) == before
    assert "moved" not in await notes_of(store, CALL)


async def test_every_state_is_kept_and_final_ones_date_the_end(store: SqlStore) -> None:
    transfer = await began(store)
    for state in sorted(S, key=lambda each: each in FINAL):
        moved = replace(transfer, state=state)
        assert await store.move_transfer(moved, transfer.state, (), now=LATER)
        found = await store.transfer(DESTINATION)
        assert found == replace(moved, ended_at=LATER if state in FINAL else None)
        assert found.is_open == (found in await store.open_transfers())
        transfer = moved


async def test_callback_that_a_quick_connect_ends_is_completed(store: SqlStore) -> None:
    callback = ContactId("callback")
    await ready(store, ANNA)
    await store.create_callback(
        a_callback_contact(), a_callback(), asked_by=None, limits=NO_LIMITS, now=NOW
    )
    await connect(store, callback, ANNA)
    transfer = a_transfer(source=callback, state=S.CONSULTING)
    assert await begin(store, transfer, a_destination(previous_id=callback))
    ended = ContactChange(callback, C.ENDED, {"disconnected_at": LATER})

    moved = replace(transfer, state=S.HANDED_OVER, handed_over=True)
    assert await store.move_transfer(moved, S.CONSULTING, [ended], Note("moved"), now=LATER)

    kept = await store.callback(callback)
    assert kept is not None
    assert kept.result is CallbackResult.COMPLETED
    after = await the(store, callback)
    assert (after.state, after.disconnected_at) == (C.ENDED, LATER)
    assert await store.open_callbacks() == []
    assert (await notes_of(store, callback))[-1] == "moved"


async def test_a_contact_that_has_ended_stays_ended(store: SqlStore) -> None:
    transfer = await began(store, S.RINGING)
    reason = {"disconnect_reason": DisconnectReason.CUSTOMER_DISCONNECT}
    assert await store.move_contact(DESTINATION, C.IN_FLOW, C.ENDED, reason, now=NOW)
    before = await the(store, DESTINATION)

    other = {"disconnect_reason": DisconnectReason.OTHER}
    for to_state in (C.AGENT_WHISPER, C.QUEUED, C.CONNECTED, C.ENDED):
        change = ContactChange(DESTINATION, to_state, other)
        assert await store.move_transfer(transfer, S.RINGING, [change], now=LATER)
        assert await the(store, DESTINATION) == before, to_state


# --- read ---------------------------------------------------------------------------------------


async def test_unknown_quick_connect_is_none(store: SqlStore) -> None:
    await began(store)

    assert await store.transfer(CALL) is None
    assert await store.latest_transfer_of(DESTINATION) is None
    assert await store.latest_transfer_of(ContactId("nobody")) is None


async def test_the_latest_quick_connect_of_a_contact_may_be_over(store: SqlStore) -> None:
    transfer = await began(store)
    for number in range(1, 4):
        over = replace(transfer, state=S.RETURNED)
        at = NOW + seconds(number)
        assert await store.move_transfer(over, S.SOURCE_FLOW, (), now=at)
        assert await store.latest_transfer_of(CALL) == replace(over, ended_at=at)
        assert await store.open_transfers() == []
        transfer = a_transfer(f"next{number}", began_at=at)
        assert await begin(store, transfer, a_destination(f"next{number}"))
        assert await store.latest_transfer_of(CALL) == transfer


# --- its contact in queues and offers -----------------------------------------------------------


async def test_quick_connect_to_an_agent_is_claimed_out_of_its_flow(store: SqlStore) -> None:
    await began(store)
    await ready(store, BEN)

    assert await store.claim(DESTINATION, BEN, now=LATER) is None, "it is in no queue"
    assert await store.claim(DESTINATION, ANNA, from_state=C.IN_FLOW, now=LATER) is None, "busy"
    number = await store.claim(DESTINATION, BEN, Note("offer"), from_state=C.IN_FLOW, now=LATER)

    assert number == 1
    contact, agent = await the(store, DESTINATION), await store.agent(BEN)
    assert agent is not None
    assert (contact.state, contact.agent_id, contact.agent_attempts) == (C.OFFERED, BEN, 1)
    assert (agent.activity, agent.contact_id) == (A.OFFERED, DESTINATION)
    assert await notes_of(store, DESTINATION) == ["offer"]
    assert await store.claim(DESTINATION, BEN, from_state=C.IN_FLOW, now=LATER) is None


async def test_quick_connect_enters_a_queue_at_its_place_and_a_call_at_the_end(
    store: SqlStore,
) -> None:
    for method in InitiationMethod:
        keeps = method is InitiationMethod.QUEUE_TRANSFER
        name = ContactId(method.value)
        await store.create_contact(a_contact(name, initiation=method, place_at=PLACE))

        entered = await store.enqueue_call(name, SALES, max_contacts=None, now=LATER)

        assert entered is Enqueued.ENTERED
        contact = await the(store, name)
        assert (contact.state, contact.queue_id) == (C.QUEUED, SALES)
        assert contact.place_at == (PLACE if keeps else LATER), method
        assert contact.enqueued_at == LATER
