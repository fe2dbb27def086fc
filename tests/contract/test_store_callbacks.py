"""The store port: callbacks from creation to their one result, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ivr.domain.callback import LIFETIME, CallbackResult, FailureReason
from ivr.domain.contact import SERVING_STATES, Contact, ContactState, DisconnectReason
from ivr.domain.errors import DomainError, NotFound, StoreError
from ivr.domain.ids import E164, ContactId
from ivr.ports.store import (
    CallbackCreated,
    CallbackKept,
    CallbackLimits,
    CallbackRefused,
    Note,
    Timer,
    TimerKind,
)
from ivr.store.sql_store import SqlStore
from tests.builders import (
    ANNA,
    CUSTOMER,
    NO_LIMITS,
    NOW,
    OTHER_CUSTOMER,
    SALES,
    SUPPORT,
    a_callback,
    a_callback_contact,
    a_contact,
    seconds,
)

pytestmark = pytest.mark.contract

CALL = ContactId("call")
CALLBACK = ContactId("callback")
LATER = NOW + seconds(7)
FOR_EVER = NOW + timedelta(days=30)


async def create(
    store: SqlStore,
    name: str = "callback",
    *,
    number: E164 = CUSTOMER,
    asked_by: ContactId | None = None,
    limits: CallbackLimits = NO_LIMITS,
    now: datetime = NOW,
    state: ContactState = ContactState.QUEUED,
    **contact: Any,
) -> CallbackCreated | CallbackKept | CallbackRefused:
    fields = {"state": state, "customer_number": number} | contact
    row = a_callback_contact(name, **fields)
    return await store.create_callback(
        row,
        a_callback(name, number=number, queue_id=row.queue_id, created_at=now),
        asked_by=asked_by,
        limits=limits,
        now=now,
    )


def limits(**changes: Any) -> CallbackLimits:
    return replace(NO_LIMITS, **changes)


async def state_of(store: SqlStore, name: str) -> ContactState:
    contact = await store.contact(ContactId(name))
    assert contact is not None
    return contact.state


async def timers(store: SqlStore) -> list[Timer]:
    return list(await store.due_timers(now=FOR_EVER))


# --- creation -----------------------------------------------------------------------------------


async def test_b1_callback_and_contact_come_back_as_written(store: SqlStore) -> None:
    contact = a_callback_contact(previous_id=CALL, attributes={"a": "b"}, hooks={"X": "y"})
    callback = a_callback(
        caller_id=E164("+4930123450099"),
        retries=10,
        retry_delay=timedelta(microseconds=1),
        attempts_used=1,
        dials=2,
        network_failures=3,
    )

    created = await store.create_callback(
        contact, callback, asked_by=None, limits=NO_LIMITS, now=NOW
    )

    assert created == CallbackCreated(CALLBACK)
    assert await store.contact(CALLBACK) == contact
    assert await store.callback(CALLBACK) == callback
    assert await store.open_callbacks() == [(contact, callback)]


async def test_call_has_no_callback_row(store: SqlStore) -> None:
    await store.create_contact(a_contact())

    assert await store.callback(CALL) is None


async def test_b4_scheduled_callback_is_due_later_and_expires(store: SqlStore) -> None:
    await store.create_callback(
        a_callback_contact(state=ContactState.SCHEDULED),
        a_callback(due_at=NOW + seconds(99)),
        asked_by=None,
        limits=NO_LIMITS,
        now=NOW,
    )

    assert await timers(store) == [
        Timer(kind=TimerKind.CALLBACK_DUE, subject=CALLBACK, due_at=NOW + seconds(99)),
        Timer(kind=TimerKind.CALLBACK_EXPIRES, subject=CALLBACK, due_at=NOW + LIFETIME),
    ]


async def test_callback_queued_at_once_only_expires(store: SqlStore) -> None:
    await create(store)

    assert [timer.kind for timer in await timers(store)] == [TimerKind.CALLBACK_EXPIRES]


@pytest.mark.parametrize("state", [ContactState.IN_FLOW, ContactState.ENDED])
async def test_b1_asking_contact_is_linked_and_stays_where_it_is(
    store: SqlStore, state: ContactState
) -> None:
    await store.create_contact(a_contact(state=state))

    await create(store, asked_by=CALL, now=LATER)

    assert await store.contact(CALL) == a_contact(state=state, next_id=CALLBACK)


async def test_b1_waiting_caller_leaves_the_queue_and_is_no_abandoned_call(
    store: SqlStore,
) -> None:
    await store.create_contact(a_contact(state=ContactState.QUEUED, queue_id=SUPPORT))

    await create(store, asked_by=CALL, now=LATER)

    assert await store.contact(CALL) == a_contact(
        queue_id=SUPPORT, next_id=CALLBACK, dequeued_at=LATER
    )


@pytest.mark.parametrize("state", [state for state in ContactState if state in SERVING_STATES])
async def test_d4_offered_or_served_caller_gets_no_callback(
    store: SqlStore, state: ContactState
) -> None:
    caller = a_contact(state=state, queue_id=SUPPORT)
    await store.create_contact(caller)

    with pytest.raises(DomainError):
        await create(store, asked_by=CALL)

    assert await store.contact(CALL) == caller
    assert await store.open_callbacks() == []
    assert await timers(store) == []


async def test_asking_contact_must_exist(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        await create(store, asked_by=CALL)

    assert await store.contact(CALLBACK) is None


# --- one per number (B12) -----------------------------------------------------------------------


async def test_b12_open_callback_of_the_number_in_the_queue_is_kept(store: SqlStore) -> None:
    await create(store)
    await store.create_contact(a_contact(state=ContactState.QUEUED, queue_id=SUPPORT))

    assert await create(store, "second", asked_by=CALL, now=LATER) == CallbackKept(CALLBACK)

    assert await store.contact(ContactId("second")) is None
    assert await store.contact(CALL) == a_contact(queue_id=SUPPORT, dequeued_at=LATER)
    assert len(await timers(store)) == 1


async def test_b12_kept_callback_is_kept_whatever_the_limits(store: SqlStore) -> None:
    await create(store)
    strict = limits(max_contacts=0, per_number_daily=0, per_minute=0)

    assert await create(store, "second", limits=strict) == CallbackKept(CALLBACK)


async def test_b12_other_queue_or_number_is_another_callback(store: SqlStore) -> None:
    await create(store)

    in_sales = await create(store, "second", queue_id=SALES)
    other = await create(store, "third", number=OTHER_CUSTOMER)

    assert in_sales == CallbackCreated(ContactId("second"))
    assert other == CallbackCreated(ContactId("third"))


async def test_b12_ended_callback_does_not_stand_in_the_way(store: SqlStore) -> None:
    await create(store)
    await end(store)

    assert await create(store, "second") == CallbackCreated(ContactId("second"))


async def test_b12_can_be_turned_off(store: SqlStore) -> None:
    await create(store)

    again = await create(store, "second", limits=limits(one_per_number=False))

    assert again == CallbackCreated(ContactId("second"))


async def test_b12_number_of_two_callbacks_cannot_become_the_same(store: SqlStore) -> None:
    await create(store)
    await create(store, "second", number=OTHER_CUSTOMER)

    with pytest.raises(StoreError):
        await store.change_callback(ContactId("second"), {"number": CUSTOMER})


# --- limits -------------------------------------------------------------------------------------


async def test_b11_full_queue_refuses_a_callback_and_nothing_changes(store: SqlStore) -> None:
    await store.create_contact(a_contact("waiting", state=ContactState.QUEUED, queue_id=SUPPORT))
    await store.create_contact(a_contact())

    refused = await create(store, asked_by=CALL, limits=limits(max_contacts=1))

    assert refused is CallbackRefused.QUEUE_FULL
    assert await store.contact(CALL) == a_contact()
    assert await store.contact(CALLBACK) is None
    assert await timers(store) == []


async def test_b11_waiting_caller_may_swap_their_place_for_a_callback(store: SqlStore) -> None:
    await store.create_contact(a_contact(state=ContactState.QUEUED, queue_id=SUPPORT))

    created = await create(store, asked_by=CALL, limits=limits(max_contacts=1))

    assert created == CallbackCreated(CALLBACK)


async def test_b11_place_held_in_another_queue_frees_none_in_this_one(store: SqlStore) -> None:
    await store.create_contact(a_contact(state=ContactState.QUEUED, queue_id=SALES))

    refused = await create(store, asked_by=CALL, limits=limits(max_contacts=0))

    assert refused is CallbackRefused.QUEUE_FULL
    assert await state_of(store, "call") is ContactState.QUEUED


async def test_b11_callback_holds_its_place_until_its_end(store: SqlStore) -> None:
    await create(store, state=ContactState.SCHEDULED)
    one = limits(max_contacts=1)

    before = await create(store, "second", number=OTHER_CUSTOMER, limits=one)
    await end(store, ContactState.SCHEDULED)
    after = await create(store, "second", number=OTHER_CUSTOMER, limits=one)

    assert before is CallbackRefused.QUEUE_FULL
    assert after == CallbackCreated(ContactId("second"))


async def test_number_gets_so_many_callbacks_in_any_24_hours(store: SqlStore) -> None:
    two = limits(per_number_daily=2)
    for name, at in (("first", NOW), ("second", NOW + timedelta(hours=10))):
        await create(store, name, limits=two, now=at)
        await end(store, name=name)

    day = timedelta(hours=24)
    early = await create(store, "third", limits=two, now=NOW + day - timedelta(microseconds=1))
    other = await create(store, "fourth", number=OTHER_CUSTOMER, limits=two, now=NOW)
    late = await create(store, "fifth", limits=two, now=NOW + day)

    assert early is CallbackRefused.TOO_MANY_FOR_NUMBER
    assert other == CallbackCreated(ContactId("fourth"))
    assert late == CallbackCreated(ContactId("fifth"))


async def test_site_creates_so_many_callbacks_in_any_minute(store: SqlStore) -> None:
    one = limits(per_minute=1)
    await create(store, limits=one)

    early = await create(
        store, "second", number=OTHER_CUSTOMER, limits=one, now=NOW + seconds(59.9)
    )
    late = await create(store, "third", number=OTHER_CUSTOMER, limits=one, now=NOW + seconds(60))

    assert early is CallbackRefused.TOO_MANY_PER_MINUTE
    assert late == CallbackCreated(ContactId("third"))


async def test_b11_fifty_at_once_fill_one_place_once(store: SqlStore) -> None:
    one = limits(max_contacts=1)

    outcomes = await asyncio.gather(
        *(create(store, f"b{n}", number=E164(f"+4930{n:07}"), limits=one) for n in range(50))
    )

    assert sum(isinstance(outcome, CallbackCreated) for outcome in outcomes) == 1
    assert outcomes.count(CallbackRefused.QUEUE_FULL) == 49
    assert len(await store.open_callbacks()) == 1


async def test_b12_same_request_many_times_at_once_is_one_callback(store: SqlStore) -> None:
    outcomes = await asyncio.gather(*(create(store, f"b{n}") for n in range(50)))

    (first,) = (outcome for outcome in outcomes if isinstance(outcome, CallbackCreated))
    kept = [outcome for outcome in outcomes if isinstance(outcome, CallbackKept)]
    assert kept == [CallbackKept(first.contact_id)] * 49


# --- looking up ---------------------------------------------------------------------------------


async def test_b3_open_callbacks_are_in_order_of_place(store: SqlStore) -> None:
    await create(store, "late", place_at=NOW + seconds(5))
    await create(store, "ended", number=OTHER_CUSTOMER, place_at=NOW - seconds(9))
    await create(store, "early", queue_id=SALES, place_at=NOW - seconds(5))
    await end(store, name="ended")

    listed = await store.open_callbacks()

    assert [contact.id for contact, _ in listed] == ["early", "late"]
    assert [callback.contact_id for _, callback in listed] == ["early", "late"]


async def test_b10_open_callback_of_a_number_is_the_one_with_the_oldest_place(
    store: SqlStore,
) -> None:
    await create(store, "late", place_at=NOW + seconds(5))
    await create(store, "early", queue_id=SALES, place_at=NOW)
    await create(store, "other", number=OTHER_CUSTOMER, place_at=NOW - seconds(5))

    found = await store.open_callback_of(CUSTOMER)

    assert found is not None
    assert (found[0].id, found[1].contact_id) == ("early", "early")
    assert await store.open_callback_of(E164("+4930123459999")) is None


async def test_change_sets_fields_of_the_callback(store: SqlStore) -> None:
    await create(store)

    await store.change_callback(CALLBACK, {"number": OTHER_CUSTOMER, "network_failures": 2})

    assert await store.callback(CALLBACK) == a_callback(number=OTHER_CUSTOMER, network_failures=2)


@pytest.mark.parametrize("field", ["result", "failure", "contact_id", "nonsense"])
async def test_change_never_sets_the_result(store: SqlStore, field: str) -> None:
    await create(store)

    with pytest.raises(ValueError, match=field):
        await store.change_callback(CALLBACK, {field: None})


async def test_change_of_an_unknown_callback_is_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        await store.change_callback(CALLBACK, {"dials": 1})


# --- due, rescheduled ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(ContactState))
async def test_b4_callback_enters_its_queue_when_due_from_waiting_only(
    store: SqlStore, state: ContactState
) -> None:
    await create(store, state=state)
    await store.set_timer(Timer(kind=TimerKind.CALLBACK_DUE, subject=CALLBACK, due_at=NOW))
    waits = state in (ContactState.SCHEDULED, ContactState.WAITING_FOR_RETRY)

    assert await store.callback_due(CALLBACK, Note("became_due"), now=LATER) is waits

    told = [entry.kind for entry in await store.journal(CALLBACK)]
    assert ("became_due" in told) is waits
    contact = await store.contact(CALLBACK)
    assert contact == a_callback_contact(
        state=ContactState.QUEUED if waits else state, enqueued_at=LATER if waits else NOW
    )
    assert [timer.kind for timer in await timers(store)] == [TimerKind.CALLBACK_EXPIRES]


async def test_b7_rescheduled_callback_waits_until_due_and_keeps_its_place(
    store: SqlStore,
) -> None:
    await create(store, state=ContactState.DIALLING, agent_id=ANNA)

    moved = await store.reschedule_callback(
        CALLBACK,
        ContactState.DIALLING,
        due_at=NOW + seconds(300),
        notes=[Note("retry_later")],
        now=LATER,
    )

    assert moved
    assert await store.contact(CALLBACK) == a_callback_contact(state=ContactState.WAITING_FOR_RETRY)
    assert await store.callback(CALLBACK) == a_callback(due_at=NOW + seconds(300))
    assert await store.next_due() == NOW + seconds(300)
    assert [entry.kind for entry in await store.journal(CALLBACK)] == ["retry_later"]


async def test_callback_that_moved_on_is_not_rescheduled(store: SqlStore) -> None:
    await create(store, state=ContactState.CONNECTED)

    moved = await store.reschedule_callback(
        CALLBACK, ContactState.DIALLING, due_at=LATER, notes=[Note("never")], now=NOW
    )

    assert not moved
    assert await state_of(store, "callback") is ContactState.CONNECTED
    assert await store.callback(CALLBACK) == a_callback()
    assert await store.next_due() == NOW + LIFETIME
    assert await store.journal(CALLBACK) == []


# --- the result ---------------------------------------------------------------------------------


async def end(
    store: SqlStore,
    *from_states: ContactState,
    name: str = "callback",
    result: CallbackResult = CallbackResult.STOPPED,
    failure: FailureReason | None = None,
    **changes: Any,
) -> bool:
    return await store.end_callback(
        ContactId(name),
        from_states or (ContactState.QUEUED,),
        result,
        failure,
        changes,
        Note("callback_ended"),
        now=LATER,
    )


async def test_b2_result_ends_the_contact_and_clears_its_timers(store: SqlStore) -> None:
    await create(store, state=ContactState.SCHEDULED)

    ended = await end(
        store,
        ContactState.QUEUED,
        ContactState.SCHEDULED,
        result=CallbackResult.FAILED,
        failure=FailureReason.BUSY,
        disconnect_reason=DisconnectReason.TELECOM_BUSY,
    )

    assert ended
    assert await store.contact(CALLBACK) == a_callback_contact(
        state=ContactState.ENDED,
        disconnected_at=LATER,
        disconnect_reason=DisconnectReason.TELECOM_BUSY,
    )
    assert await store.callback(CALLBACK) == a_callback(
        result=CallbackResult.FAILED, failure=FailureReason.BUSY
    )
    assert await timers(store) == []
    assert [entry.kind for entry in await store.journal(CALLBACK)] == ["callback_ended"]
    assert await store.open_callbacks() == []


async def test_b2_result_is_given_once(store: SqlStore) -> None:
    await create(store)

    outcomes = await asyncio.gather(
        end(store, result=CallbackResult.STOPPED),
        end(store, result=CallbackResult.EXPIRED),
        end(store, ContactState.ENDED, result=CallbackResult.COMPLETED),
    )

    assert list(outcomes) == [True, False, False]
    assert await store.callback(CALLBACK) == a_callback(result=CallbackResult.STOPPED)
    assert len(await store.journal(CALLBACK)) == 1


async def test_b2_callback_in_another_state_gets_no_result(store: SqlStore) -> None:
    await create(store, state=ContactState.CONNECTED)

    assert not await end(store, ContactState.QUEUED, ContactState.SCHEDULED)

    assert await store.callback(CALLBACK) == a_callback()
    assert len(await timers(store)) == 1


async def test_call_or_unknown_contact_gets_no_result(store: SqlStore) -> None:
    call: Contact = a_contact(state=ContactState.QUEUED)
    await store.create_contact(call)

    assert not await end(store, name="call")
    assert not await end(store, name="nobody")

    assert await store.contact(CALL) == call
