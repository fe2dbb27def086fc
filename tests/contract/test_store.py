"""The store port: contacts, journal, site, flows and timers, on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ivr.domain.contact import Contact, ContactState, DisconnectReason, InitiationMethod
from ivr.domain.errors import LeaseLost, NotFound, StoreError
from ivr.domain.ids import E164, AgentId, ContactId, LegId, QueueId
from ivr.ports.store import Enqueued, Note, SiteObject, Store, Timer, TimerKind
from ivr.store.sql_store import SqlStore
from tests.builders import (
    ANNA,
    NO_LIMITS,
    NOW,
    SALES,
    SUPPORT,
    a_callback,
    a_callback_contact,
    a_contact,
    seconds,
)
from tests.stores import HOLDER, LEASE, in_charge

pytestmark = pytest.mark.contract

CALL = ContactId("call")
LATER = NOW + seconds(7)


def test_sql_store_is_a_store() -> None:
    store: Store = SqlStore("sqlite://")

    assert store is not None


# --- life ---------------------------------------------------------------------------------------


async def test_closed_store_refuses_every_call(store: SqlStore) -> None:
    await store.close()

    with pytest.raises(StoreError, match="not open"):
        await store.open_contacts()


async def test_what_was_written_is_there_after_reopening(served_url: str) -> None:
    first = await in_charge(served_url)
    await first.create_contact(a_contact())
    await first.close()

    again = SqlStore(served_url)
    await again.open()

    assert await again.contact(CALL) == a_contact()
    await again.close()


async def test_lease_is_refused_while_another_controller_renews_it(served_url: str) -> None:
    first, second = await in_charge(served_url), SqlStore(served_url)
    await second.open()

    assert not await second.take_lease("second", now=NOW + seconds(9), ttl=LEASE)
    assert await first.take_lease(HOLDER, now=NOW + seconds(9), ttl=LEASE)
    assert not await second.take_lease("second", now=NOW + seconds(18), ttl=LEASE)

    await first.close()
    await second.close()


async def test_lease_that_ran_out_is_taken_and_fences_the_old_controller(served_url: str) -> None:
    first, second = await in_charge(served_url), SqlStore(served_url)
    await second.open()

    assert await second.take_lease("second", now=NOW + LEASE, ttl=LEASE)

    with pytest.raises(LeaseLost):
        await first.create_contact(a_contact())
    assert await second.contact(CALL) is None
    await second.create_contact(a_contact())
    await first.close()
    await second.close()


async def test_restart_of_the_same_holder_takes_over_at_once(served_url: str) -> None:
    old, new = await in_charge(served_url), SqlStore(served_url)
    await new.open()

    assert await new.take_lease(HOLDER, now=NOW + seconds(1), ttl=LEASE)

    with pytest.raises(LeaseLost):
        await old.create_contact(a_contact())
    await old.close()
    await new.close()


async def test_superseded_controller_does_not_take_the_lease_back(served_url: str) -> None:
    old, new = await in_charge(served_url), await in_charge(served_url)

    assert not await old.take_lease(HOLDER, now=NOW + seconds(1), ttl=LEASE)
    await new.create_contact(a_contact())

    assert await old.take_lease(HOLDER, now=NOW + LEASE, ttl=LEASE)
    await old.close()
    await new.close()


async def test_controller_whose_lease_ran_out_unnoticed_is_still_in_charge(
    store: SqlStore,
) -> None:
    await store.create_contact(a_contact(initiated_at=NOW + timedelta(hours=1)))

    assert await store.contact(CALL) is not None


async def test_released_lease_is_free_at_once(served_url: str) -> None:
    first, second = await in_charge(served_url), SqlStore(served_url)
    await second.open()

    await first.release_lease()

    assert await second.take_lease("second", now=NOW, ttl=LEASE)
    with pytest.raises(LeaseLost):
        await first.create_contact(a_contact())
    await first.close()
    await second.close()


async def test_release_of_a_lost_lease_leaves_the_new_controller_in_charge(
    served_url: str,
) -> None:
    old, new = await in_charge(served_url), await in_charge(served_url)

    await old.release_lease()

    await new.create_contact(a_contact())
    await old.close()
    await new.close()


async def test_store_without_the_lease_reads_and_changes_the_site_only(database_url: str) -> None:
    command = SqlStore(database_url)
    await command.open()
    queue = SiteObject(kind="queue", id="q1", name="support", document={})

    await command.put_site_objects([queue])
    await command.publish_flow("f1", name="main", kind="inbound", content="{}", now=NOW)

    assert await command.site_objects() == [queue]
    assert await command.flow_content("f1") == (1, "{}")
    for change in (
        command.create_contact(a_contact()),
        command.ensure_agents([ANNA], now=NOW),
        command.set_timer(Timer(kind=TimerKind.ACW_ENDS, subject=ANNA, due_at=NOW)),
        command.create_callback(
            a_callback_contact(), a_callback(), asked_by=None, limits=NO_LIMITS, now=NOW
        ),
    ):
        with pytest.raises(LeaseLost):
            await change
    await command.close()


async def test_controller_that_lost_the_lease_may_not_change_the_site(served_url: str) -> None:
    old, new = await in_charge(served_url), await in_charge(served_url)

    with pytest.raises(LeaseLost):
        await old.put_site_objects([])

    await old.close()
    await new.close()


# --- contacts -----------------------------------------------------------------------------------


def a_full_contact() -> Contact:
    """A contact in which every field holds something other than its default."""
    return Contact(
        id=ContactId("full"),
        initial_id=ContactId("first"),
        previous_id=ContactId("before"),
        next_id=ContactId("after"),
        initiation=InitiationMethod.CALLBACK,
        state=ContactState.CONNECTED,
        customer_number=E164("+4930123450001"),
        customer_name="Ö'\"\\ ${X},\u20ac",
        system_number=E164("+4930123450099"),
        customer_leg=LegId("leg-1"),
        caller_account="caller",
        queue_id=SUPPORT,
        target_queue_id=SALES,
        place_at=NOW - timedelta(microseconds=1),
        priority=2,
        initiated_at=NOW,
        connected_to_system_at=NOW + seconds(1),
        enqueued_at=NOW + seconds(2),
        dequeued_at=NOW + seconds(3),
        connected_to_agent_at=NOW + seconds(4),
        disconnected_at=NOW + seconds(5),
        acw_started_at=NOW + seconds(6),
        acw_ended_at=NOW + seconds(7),
        agent_id=ANNA,
        agent_attempts=3,
        disconnect_reason=DisconnectReason.AGENT_DISCONNECT,
        language="de-DE",
        voice="Vicki",
        attributes={"name": "\u00e9", "empty": ""},
        hooks={"AgentWhisper": "", "CustomerQueue": "music"},
        callback_number=E164("+4930123450002"),
        position={"flow": "f1", "stack": [{"action": "a", "count": 2}], "none": None},
    )


async def test_contact_comes_back_as_it_was_written(store: SqlStore) -> None:
    await store.create_contact(a_full_contact())

    assert await store.contact(ContactId("full")) == a_full_contact()


async def test_contact_that_does_not_exist_is_none(store: SqlStore) -> None:
    assert await store.contact(CALL) is None


async def test_contact_is_created_once(store: SqlStore) -> None:
    await store.create_contact(a_contact(), Note("began"))

    with pytest.raises(StoreError):
        await store.create_contact(a_contact(), Note("began"))

    assert len(await store.journal(CALL)) == 1


async def test_store_errors_name_no_numbers(store: SqlStore) -> None:
    await store.create_contact(a_full_contact())

    with pytest.raises(StoreError) as failure:
        await store.create_contact(a_full_contact())

    assert "+49" not in str(failure.value)
    assert "+49" not in str(failure.value.__cause__)


async def test_open_contacts_leave_out_the_ended(store: SqlStore) -> None:
    await store.create_contact(a_contact("young", place_at=NOW + seconds(1)))
    await store.create_contact(a_contact("old"))
    await store.create_contact(a_contact("over", state=ContactState.ENDED))

    assert [contact.id for contact in await store.open_contacts()] == ["old", "young"]


async def test_recent_contacts_are_the_newest_first(store: SqlStore) -> None:
    for number in range(4):
        await store.create_contact(a_contact(f"c{number}", initiated_at=NOW + seconds(number)))

    assert [contact.id for contact in await store.recent_contacts(3)] == ["c3", "c2", "c1"]


async def test_change_sets_fields_and_notes_why(store: SqlStore) -> None:
    await store.create_contact(a_contact())

    await store.change_contact(
        CALL,
        {"attributes": {"a": "b"}, "callback_number": E164("+4930123450002"), "position": None},
        Note("number_set", {"number": "+49•••••••02"}),
        now=LATER,
    )

    assert await store.contact(CALL) == a_contact(
        attributes={"a": "b"}, callback_number=E164("+4930123450002")
    )
    (entry,) = await store.journal(CALL)
    assert (entry.number, entry.at, entry.kind) == (1, LATER, "number_set")
    assert entry.detail == {"number": "+49•••••••02"}


async def test_change_can_empty_a_field(store: SqlStore) -> None:
    await store.create_contact(a_contact(position={"flow": "f"}, voice="Vicki"))

    await store.change_contact(CALL, {"position": None, "voice": None}, now=LATER)

    assert await store.contact(CALL) == a_contact()


@pytest.mark.parametrize("field", ["state", "id", "nonsense"])
async def test_change_refuses_state_id_and_unknown_fields(store: SqlStore, field: str) -> None:
    await store.create_contact(a_contact())

    with pytest.raises(ValueError, match=field):
        await store.change_contact(CALL, {field: "x"}, now=LATER)
    with pytest.raises(ValueError, match=field):
        await store.move_contact(
            CALL, ContactState.IN_FLOW, ContactState.ENDED, {field: "x"}, now=LATER
        )

    assert await store.contact(CALL) == a_contact()


async def test_change_and_note_of_an_unknown_contact_are_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        await store.change_contact(CALL, {"voice": "x"}, now=NOW)
    with pytest.raises(NotFound):
        await store.note(CALL, Note("seen"), now=NOW)


async def test_move_happens_from_the_named_state_only(store: SqlStore) -> None:
    await store.create_contact(a_contact(state=ContactState.QUEUED))
    move = {"dequeued_at": LATER}

    refused = await store.move_contact(
        CALL, ContactState.OFFERED, ContactState.ENDED, move, Note("never"), now=LATER
    )
    moved = await store.move_contact(
        CALL, ContactState.QUEUED, ContactState.IN_FLOW, move, Note("left_queue"), now=LATER
    )
    again = await store.move_contact(
        CALL, ContactState.QUEUED, ContactState.IN_FLOW, move, Note("never"), now=LATER
    )

    assert (refused, moved, again) == (False, True, False)
    assert await store.contact(CALL) == a_contact(dequeued_at=LATER)
    assert [entry.kind for entry in await store.journal(CALL)] == ["left_queue"]


async def test_move_of_an_unknown_contact_is_refused(store: SqlStore) -> None:
    assert not await store.move_contact(CALL, ContactState.IN_FLOW, ContactState.ENDED, {}, now=NOW)


# --- entering a queue ---------------------------------------------------------------------------


async def test_enqueued_call_has_its_place_from_then(store: SqlStore) -> None:
    await store.create_contact(a_contact(dequeued_at=NOW))

    assert await store.enqueue_call(CALL, SUPPORT, max_contacts=1, now=LATER) is Enqueued.ENTERED

    assert await store.contact(CALL) == a_contact(
        state=ContactState.QUEUED, queue_id=SUPPORT, place_at=LATER, enqueued_at=LATER
    )


async def test_call_that_moved_on_is_not_enqueued(store: SqlStore) -> None:
    ended = a_contact(state=ContactState.ENDED)
    await store.create_contact(ended)

    assert await store.enqueue_call(CALL, SUPPORT, max_contacts=0, now=LATER) is Enqueued.MOVED_ON

    assert await store.contact(CALL) == ended


@pytest.mark.parametrize(
    ("state", "fills"),
    [
        (ContactState.QUEUED, True),
        (ContactState.OFFERED, True),
        (ContactState.AGENT_WHISPER, True),
        (ContactState.IN_FLOW, False),
        (ContactState.CUSTOMER_WHISPER, False),
        (ContactState.CONNECTED, False),
        (ContactState.ENDED, False),
    ],
)
async def test_b11_calls_fill_a_queue_while_they_wait(
    store: SqlStore, state: ContactState, fills: bool
) -> None:
    await store.create_contact(a_contact("before", state=state, queue_id=SUPPORT))
    await store.create_contact(a_contact())

    entered = await store.enqueue_call(CALL, SUPPORT, max_contacts=1, now=LATER)

    assert entered is (Enqueued.FULL if fills else Enqueued.ENTERED)
    contact = await store.contact(CALL)
    assert contact is not None
    assert contact.state is (ContactState.IN_FLOW if fills else ContactState.QUEUED)


@pytest.mark.parametrize("state", list(ContactState))
async def test_b11_callbacks_fill_a_queue_until_their_result(
    store: SqlStore, state: ContactState
) -> None:
    await store.create_callback(
        a_callback_contact(state=state), a_callback(), asked_by=None, limits=NO_LIMITS, now=NOW
    )
    await store.create_contact(a_contact())

    assert await store.enqueue_call(CALL, SUPPORT, max_contacts=1, now=LATER) is Enqueued.FULL


async def test_queues_fill_separately(store: SqlStore) -> None:
    await store.create_contact(a_contact("before", state=ContactState.QUEUED, queue_id=SALES))
    await store.create_contact(a_contact())

    assert await store.enqueue_call(CALL, SUPPORT, max_contacts=1, now=NOW) is Enqueued.ENTERED


async def test_queue_of_size_zero_is_closed(store: SqlStore) -> None:
    await store.create_contact(a_contact())

    assert await store.enqueue_call(CALL, SUPPORT, max_contacts=0, now=NOW) is Enqueued.FULL


# --- journal ------------------------------------------------------------------------------------


async def test_f4_journal_counts_up_within_each_contact(store: SqlStore) -> None:
    await store.create_contact(a_contact(), Note("began", {"flow": "main"}), Note("answered"))
    await store.create_contact(a_contact("other"), Note("began"))
    await store.note(CALL, Note("keyed", {"digits": 4}), Note("confirmed"), now=LATER)

    entries = await store.journal(CALL)

    assert [(entry.number, entry.at, entry.kind) for entry in entries] == [
        (1, NOW, "began"),
        (2, NOW, "answered"),
        (3, LATER, "keyed"),
        (4, LATER, "confirmed"),
    ]
    assert entries[2].detail == {"digits": 4}
    assert entries[2].contact_id == CALL
    assert [entry.number for entry in await store.journal(ContactId("other"))] == [1]


async def test_detail_that_is_no_json_changes_nothing(store: SqlStore) -> None:
    await store.create_contact(a_contact())

    with pytest.raises(StoreError):
        await store.change_contact(CALL, {"voice": "v"}, Note("bad", {"at": NOW}), now=NOW)

    assert await store.contact(CALL) == a_contact()
    assert await store.journal(CALL) == []


# --- site and flows -----------------------------------------------------------------------------


def an_object(kind: str, name: str, identity: str, **document: object) -> SiteObject:
    return SiteObject(kind=kind, id=identity, name=name, document=document)


async def test_site_objects_keep_the_id_they_were_first_given(store: SqlStore) -> None:
    await store.put_site_objects([an_object("queue", "support", "q1", max=5)])

    await store.put_site_objects(
        [an_object("queue", "support", "q9", max=6), an_object("agent", "support", "a1")]
    )

    assert await store.site_objects() == [
        an_object("agent", "support", "a1"),
        an_object("queue", "support", "q1", max=6),
    ]


async def test_removed_site_objects_are_gone_and_their_ids_free(store: SqlStore) -> None:
    await store.put_site_objects(
        [an_object("queue", "support", "q1"), an_object("hours", "support", "h1")]
    )

    await store.put_site_objects(
        [an_object("queue", "sales", "q1")], remove=[("queue", "support"), ("queue", "absent")]
    )

    assert await store.site_objects() == [
        an_object("hours", "support", "h1"),
        an_object("queue", "sales", "q1"),
    ]


async def test_site_objects_are_put_all_or_none(store: SqlStore) -> None:
    with pytest.raises(StoreError):
        await store.put_site_objects(
            [an_object("queue", "support", "q1"), an_object("queue", "sales", "q1")]
        )

    assert await store.site_objects() == []


async def test_a2_flow_versions_count_up_with_their_content(store: SqlStore) -> None:
    async def publish(content: str) -> int:
        return await store.publish_flow("f", name="main", kind="k", content=content, now=NOW)

    numbers = [await publish(content) for content in ("one", "one", "two", "one")]

    assert numbers == [1, 1, 2, 3]
    assert await store.flow_content("f") == (3, "one")
    assert await store.flow_content("f", 2) == (2, "two")
    assert await store.flow_content("f", 4) is None
    assert await store.flow_content("g") is None


# --- timers -------------------------------------------------------------------------------------


def a_timer(subject: str, due_in: float, kind: TimerKind = TimerKind.ACW_ENDS) -> Timer:
    return Timer(kind=kind, subject=subject, due_at=NOW + seconds(due_in))


async def test_timers_are_due_in_order_of_time(store: SqlStore) -> None:
    for timer in (a_timer("c", 30), a_timer("a", 20), a_timer("b", 10)):
        await store.set_timer(timer)

    assert await store.next_due() == NOW + seconds(10)
    assert await store.due_timers(now=NOW + seconds(9)) == []
    assert await store.due_timers(now=NOW + seconds(20)) == [a_timer("b", 10), a_timer("a", 20)]


async def test_timer_is_one_per_kind_and_subject(store: SqlStore) -> None:
    await store.set_timer(a_timer("a", 10))
    await store.set_timer(a_timer("a", 20, TimerKind.CALLBACK_DUE))
    await store.set_timer(a_timer("a", 30))

    assert await store.due_timers(now=NOW + seconds(60)) == [
        a_timer("a", 20, TimerKind.CALLBACK_DUE),
        a_timer("a", 30),
    ]

    await store.clear_timer(TimerKind.CALLBACK_DUE, "a")
    await store.clear_timer(TimerKind.CALLBACK_DUE, "a")

    assert await store.next_due() == NOW + seconds(30)


async def test_without_timers_nothing_is_due(store: SqlStore) -> None:
    assert await store.next_due() is None
    assert await store.due_timers(now=NOW) == []


# --- what waits ---------------------------------------------------------------------------------


async def test_queue_figures_tell_calls_callbacks_scheduled_and_oldest(store: SqlStore) -> None:
    billing = QueueId("billing")
    await store.create_contact(
        a_contact("c1", state=ContactState.QUEUED, queue_id=SUPPORT, place_at=NOW - seconds(5))
    )
    await store.create_contact(a_contact("c2", state=ContactState.AGENT_WHISPER, queue_id=SUPPORT))
    await store.create_contact(a_contact("c3", state=ContactState.CONNECTED, queue_id=SUPPORT))
    await store.create_contact(a_contact("c4", state=ContactState.ENDED, queue_id=SALES))
    states = {
        "b1": (ContactState.QUEUED, SUPPORT),
        "b2": (ContactState.SCHEDULED, SUPPORT),
        "b3": (ContactState.WAITING_FOR_RETRY, billing),
        "b4": (ContactState.DIALLING, SUPPORT),
    }
    for number, (name, (state, queue_id)) in enumerate(states.items()):
        await store.create_callback(
            a_callback_contact(name, state=state, queue_id=queue_id, place_at=NOW - seconds(9)),
            a_callback(name, number=E164(f"+49301234500{number}"), queue_id=queue_id),
            asked_by=None,
            limits=NO_LIMITS,
            now=NOW,
        )

    waiting, support = await store.queue_figures()

    assert (waiting.queue_id, waiting.calls, waiting.callbacks) == (billing, 0, 0)
    assert (waiting.scheduled, waiting.oldest_at) == (1, None)
    assert (support.queue_id, support.calls, support.callbacks) == (SUPPORT, 2, 1)
    assert (support.scheduled, support.oldest_at) == (1, NOW - seconds(9))


async def test_changed_mapping_of_any_kind_is_stored(store: SqlStore) -> None:
    await store.create_contact(replace(a_contact(), agent_id=AgentId("x")))

    await store.change_contact(CALL, {"agent_id": None, "hooks": {}}, now=NOW)

    assert await store.contact(CALL) == a_contact()
