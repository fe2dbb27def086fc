"""The store port: agents, what routing reads and the claim, on every database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ivr.domain.agent import (
    AVAILABLE,
    BUSY_ACTIVITIES,
    OFFLINE,
    AgentActivity,
    AgentState,
    StatusKind,
)
from ivr.domain.contact import ContactState, InitiationMethod
from ivr.domain.errors import NotFound
from ivr.domain.ids import AgentId, ContactId
from ivr.ports.store import Note, Timer, TimerKind, WaitingContact
from ivr.store.sql_store import SqlStore
from tests.builders import (
    ANNA,
    BEN,
    CUSTOMER,
    NO_LIMITS,
    NOW,
    OTHER_CUSTOMER,
    SALES,
    SUPPORT,
    a_callback,
    a_callback_contact,
    a_contact,
    an_agent_state,
    seconds,
)

pytestmark = pytest.mark.contract

CALL = ContactId("call")
LATER = NOW + seconds(7)
ACW = AgentActivity.AFTER_CONTACT_WORK
LETTING_GO = (AgentActivity.MISSED, AgentActivity.ERROR)


async def ready(store: SqlStore, *agent_ids: AgentId) -> None:
    await store.ensure_agents(agent_ids, now=NOW)
    for agent_id in agent_ids:
        await store.set_agent_status(agent_id, AVAILABLE, StatusKind.ROUTABLE, now=NOW)
        await store.set_agent_reachable(agent_id, reachable=True, now=NOW)


async def queued(store: SqlStore, *names: str, **fields: Any) -> None:
    for name in names:
        waiting = {"state": ContactState.QUEUED, "queue_id": SUPPORT, "enqueued_at": NOW} | fields
        await store.create_contact(a_contact(name, **waiting))


async def holding(store: SqlStore, activity: AgentActivity = AgentActivity.OFFERED) -> None:
    """Have Anna hold the call, in this activity since ``NOW``."""
    await ready(store, ANNA)
    await queued(store, "call")
    assert await store.claim(CALL, ANNA, now=NOW) == 1
    assert await store.move_agent(ANNA, CALL, activity, now=NOW)


async def anna(store: SqlStore) -> AgentState:
    agent = await store.agent(ANNA)
    assert agent is not None
    return agent


async def lunch(store: SqlStore) -> AgentState:
    return await store.set_agent_status(ANNA, "Lunch", StatusKind.CUSTOM, now=LATER)


async def available(store: SqlStore) -> AgentState:
    return await store.set_agent_status(ANNA, AVAILABLE, StatusKind.ROUTABLE, now=LATER)


# --- agents and their status --------------------------------------------------------------------


async def test_new_agent_is_offline_idle_and_unreachable(store: SqlStore) -> None:
    await store.ensure_agents([BEN, ANNA, ANNA], now=NOW)

    new = {"status": OFFLINE, "status_kind": StatusKind.OFFLINE, "reachable": False}
    assert await store.agents() == [an_agent_state(ANNA, **new), an_agent_state(BEN, **new)]
    assert not (await anna(store)).is_ready


async def test_known_agent_stays_as_it_is(store: SqlStore) -> None:
    await ready(store, ANNA)

    await store.ensure_agents([ANNA, BEN], now=LATER)

    assert await anna(store) == an_agent_state()
    assert len(await store.agents()) == 2


async def test_unknown_agent_is_none_or_not_found(store: SqlStore) -> None:
    assert await store.agent(ANNA) is None
    with pytest.raises(NotFound):
        await lunch(store)
    with pytest.raises(NotFound):
        await store.set_agent_reachable(ANNA, reachable=True, now=NOW)


async def test_c5_agent_who_becomes_available_is_idle_from_then(store: SqlStore) -> None:
    await store.ensure_agents([ANNA], now=NOW)

    chosen = await available(store)

    assert chosen == await anna(store)
    assert chosen == an_agent_state(status_since=LATER, idle_since=LATER, reachable=False)


async def test_c5_choosing_the_same_status_again_changes_nothing(store: SqlStore) -> None:
    await ready(store, ANNA)

    assert await available(store) == an_agent_state()


async def test_c5_idle_agent_changes_status_at_once(store: SqlStore) -> None:
    await ready(store, ANNA)

    chosen = await lunch(store)

    assert chosen == an_agent_state(
        status="Lunch", status_kind=StatusKind.CUSTOM, status_since=LATER
    )
    assert not chosen.is_ready


async def test_c5_phone_that_comes_back_starts_no_new_idle_time(store: SqlStore) -> None:
    await ready(store, ANNA)

    await store.set_agent_reachable(ANNA, reachable=False, now=LATER)
    away = await anna(store)
    await store.set_agent_reachable(ANNA, reachable=True, now=LATER)

    assert not away.is_ready
    assert await anna(store) == an_agent_state()


@pytest.mark.parametrize("activity", [each for each in AgentActivity if each in BUSY_ACTIVITIES])
async def test_c5_choice_during_a_contact_is_the_next_status(
    store: SqlStore, activity: AgentActivity
) -> None:
    await holding(store, activity)

    chosen = await lunch(store)
    assert (chosen.status, chosen.next_status, chosen.activity) == (AVAILABLE, "Lunch", activity)
    await store.move_agent(ANNA, CALL, AgentActivity.IDLE, now=LATER)

    assert await anna(store) == an_agent_state(
        status="Lunch",
        status_kind=StatusKind.CUSTOM,
        status_since=LATER,
        activity_since=LATER,
        idle_since=LATER,
    )


async def test_c5_last_choice_during_a_contact_wins(store: SqlStore) -> None:
    await holding(store)
    await lunch(store)

    await available(store)
    await store.move_agent(ANNA, CALL, AgentActivity.IDLE, now=LATER)

    assert (await anna(store)).is_ready


@pytest.mark.parametrize("activity", LETTING_GO)
async def test_c4_missed_agent_is_unroutable_until_available_again(
    store: SqlStore, activity: AgentActivity
) -> None:
    await holding(store, activity)
    missed = await anna(store)

    back = await available(store)

    assert (missed.status, missed.contact_id, missed.is_ready) == (AVAILABLE, None, False)
    assert back == an_agent_state(activity_since=LATER, idle_since=LATER)
    assert back.is_ready


async def test_c4_missed_agent_who_goes_to_lunch_stays_missed(store: SqlStore) -> None:
    await holding(store, AgentActivity.MISSED)

    chosen = await lunch(store)

    assert (chosen.status, chosen.activity) == ("Lunch", AgentActivity.MISSED)


async def test_c4_missing_an_offer_applies_no_next_status(store: SqlStore) -> None:
    await holding(store)
    await lunch(store)

    await store.move_agent(ANNA, CALL, AgentActivity.MISSED, now=LATER)

    assert (await anna(store)).status == AVAILABLE
    assert await available(store) == an_agent_state(activity_since=LATER, idle_since=LATER)


# --- activity -----------------------------------------------------------------------------------


@pytest.mark.parametrize("activity", list(AgentActivity))
async def test_agent_moves_only_with_the_contact_they_hold(
    store: SqlStore, activity: AgentActivity
) -> None:
    await holding(store)
    before = await anna(store)

    assert not await store.move_agent(ANNA, ContactId("other"), activity, now=LATER)
    assert not await store.move_agent(BEN, CALL, activity, now=LATER)

    assert await anna(store) == before


@pytest.mark.parametrize("activity", list(AgentActivity))
async def test_activity_keeps_or_lets_go_of_the_contact(
    store: SqlStore, activity: AgentActivity
) -> None:
    await holding(store)

    assert await store.move_agent(ANNA, CALL, activity, now=LATER)

    agent = await anna(store)
    gone = activity in (AgentActivity.IDLE, *LETTING_GO)
    assert (agent.activity, agent.activity_since) == (activity, LATER)
    assert agent.contact_id == (None if gone else CALL)
    assert agent.idle_since == (LATER if activity is AgentActivity.IDLE else NOW)


async def test_agent_whose_offer_was_withdrawn_keeps_their_idle_time(store: SqlStore) -> None:
    await holding(store)

    await store.move_agent(ANNA, CALL, AgentActivity.IDLE, now=LATER, keep_idle_since=True)

    assert await anna(store) == an_agent_state(activity_since=LATER)


async def test_c6_after_contact_work_ends_by_its_timer(store: SqlStore) -> None:
    await holding(store, AgentActivity.ON_CONTACT)
    until = LATER + seconds(30)

    await store.move_agent(ANNA, CALL, ACW, now=LATER, acw_until=until)

    agent = await anna(store)
    assert (agent.activity, agent.contact_id, agent.acw_until) == (ACW, CALL, until)
    assert await store.due_timers(now=until) == [
        Timer(kind=TimerKind.ACW_ENDS, subject=ANNA, due_at=until)
    ]
    assert await store.end_acw(ANNA, now=until)
    assert await anna(store) == an_agent_state(activity_since=until, idle_since=until)
    assert await store.next_due() is None


async def test_c6_after_contact_work_without_limit_sets_no_timer(store: SqlStore) -> None:
    await holding(store, ACW)

    assert await store.next_due() is None
    assert await store.end_acw(ANNA, now=LATER)


async def test_f1_contact_records_its_after_contact_work(store: SqlStore) -> None:
    await holding(store)
    await store.move_agent(ANNA, CALL, ACW, now=LATER)
    await store.end_acw(ANNA, now=LATER + seconds(5))

    contact = await store.contact(CALL)

    assert contact is not None
    assert (contact.acw_started_at, contact.acw_ended_at) == (LATER, LATER + seconds(5))


async def test_c6_available_ends_after_contact_work(store: SqlStore) -> None:
    await holding(store)
    await store.move_agent(ANNA, CALL, ACW, now=NOW, acw_until=LATER + seconds(30))

    assert await available(store) == an_agent_state(activity_since=LATER, idle_since=LATER)
    assert await store.next_due() is None
    contact = await store.contact(CALL)
    assert contact is not None
    assert contact.acw_ended_at == LATER


async def test_c6_lunch_chosen_in_after_contact_work_comes_after_it(store: SqlStore) -> None:
    await holding(store, ACW)

    during = await lunch(store)
    await store.end_acw(ANNA, now=LATER)
    after = await anna(store)

    assert (during.status, during.next_status, during.activity) == (AVAILABLE, "Lunch", ACW)
    assert (after.status, after.next_status, after.activity) == (
        "Lunch",
        None,
        AgentActivity.IDLE,
    )


@pytest.mark.parametrize("activity", [each for each in AgentActivity if each is not ACW])
async def test_after_contact_work_that_is_not_is_not_ended(
    store: SqlStore, activity: AgentActivity
) -> None:
    await holding(store, activity)
    before = await anna(store)
    await store.set_timer(Timer(kind=TimerKind.ACW_ENDS, subject=ANNA, due_at=NOW))

    assert not await store.end_acw(ANNA, now=LATER)

    assert await anna(store) == before
    assert await store.next_due() is None


# --- what routing reads -------------------------------------------------------------------------


async def test_c7_snapshot_is_queued_contacts_in_order_of_place_and_all_agents(
    store: SqlStore,
) -> None:
    await ready(store, BEN, ANNA)
    await queued(store, "young", place_at=NOW + seconds(3), enqueued_at=NOW + seconds(3))
    await queued(store, "old", place_at=NOW - seconds(3), priority=1, queue_id=SALES)
    await store.create_contact(a_contact("in flow", customer_number=OTHER_CUSTOMER))
    await store.create_callback(
        a_callback_contact(customer_number=None, enqueued_at=None),
        a_callback(),
        asked_by=None,
        limits=NO_LIMITS,
        now=NOW,
    )

    snapshot = await store.snapshot()

    assert snapshot.agents == [an_agent_state(ANNA), an_agent_state(BEN)]
    assert snapshot.waiting == [
        WaitingContact(
            contact_id=ContactId("old"),
            queue_id=SALES,
            place_at=NOW - seconds(3),
            waiting_since=NOW,
            priority=1,
            is_callback=False,
            busy_number=False,
        ),
        WaitingContact(
            contact_id=ContactId("callback"),
            queue_id=SUPPORT,
            place_at=NOW,
            waiting_since=NOW,
            priority=5,
            is_callback=True,
            number=CUSTOMER,
            busy_number=False,
        ),
        WaitingContact(
            contact_id=ContactId("young"),
            queue_id=SUPPORT,
            place_at=NOW + seconds(3),
            waiting_since=NOW + seconds(3),
            priority=5,
            is_callback=False,
            busy_number=False,
        ),
    ]


@pytest.mark.parametrize("state", list(ContactState))
async def test_b20_callback_of_a_number_on_a_call_is_marked_busy(
    store: SqlStore, state: ContactState
) -> None:
    await store.create_callback(
        a_callback_contact(), a_callback(), asked_by=None, limits=NO_LIMITS, now=NOW
    )
    await store.create_contact(a_contact(state=state, queue_id=SUPPORT))

    waiting = {each.contact_id: each.busy_number for each in (await store.snapshot()).waiting}

    assert waiting.pop(ContactId("callback")) is (state is not ContactState.ENDED)
    assert not any(waiting.values())


@pytest.mark.parametrize("state", list(ContactState))
async def test_b20_callback_of_a_number_another_callback_has_on_the_line_is_marked_busy(
    store: SqlStore, state: ContactState
) -> None:
    await queued(store, "first", initiation=InitiationMethod.CALLBACK)
    await store.create_contact(a_callback_contact("second", state=state))

    waiting = {each.contact_id: each.busy_number for each in (await store.snapshot()).waiting}

    on_the_line = state in (ContactState.OUTBOUND_WHISPER, ContactState.CONNECTED)
    assert waiting[ContactId("first")] is on_the_line


# --- the claim ----------------------------------------------------------------------------------


async def test_c3_claim_reserves_both_and_counts_the_offer(store: SqlStore) -> None:
    await ready(store, ANNA)
    await queued(store, "call", agent_attempts=2)

    assert await store.claim(CALL, ANNA, Note("offered", {"agent": "anna"}), now=LATER) == 3

    contact = await store.contact(CALL)
    assert contact is not None
    assert (contact.state, contact.agent_id) == (ContactState.OFFERED, ANNA)
    assert contact.agent_attempts == 3
    assert await anna(store) == an_agent_state(
        activity=AgentActivity.OFFERED, activity_since=LATER, contact_id=CALL
    )
    assert [entry.kind for entry in await store.journal(CALL)] == ["offered"]


async def refused(store: SqlStore) -> None:
    """The claim of the call by Anna changes neither."""
    before = (await store.contact(CALL), await store.agent(ANNA))

    assert await store.claim(CALL, ANNA, Note("never"), now=LATER) is None

    assert (await store.contact(CALL), await store.agent(ANNA)) == before
    assert await store.journal(CALL) == []


@pytest.mark.parametrize(
    "state", [state for state in ContactState if state is not ContactState.QUEUED]
)
async def test_c3_contact_that_is_not_queued_is_not_claimed(
    store: SqlStore, state: ContactState
) -> None:
    await ready(store, ANNA)
    await store.create_contact(a_contact(state=state, queue_id=SUPPORT))

    await refused(store)


@pytest.mark.parametrize(
    ("status", "kind"), [("Lunch", StatusKind.CUSTOM), (OFFLINE, StatusKind.OFFLINE)]
)
async def test_c5_agent_who_is_not_available_is_not_claimed(
    store: SqlStore, status: str, kind: StatusKind
) -> None:
    await ready(store, ANNA)
    await queued(store, "call")
    await store.set_agent_status(ANNA, status, kind, now=NOW)

    await refused(store)


async def test_c5_agent_whose_phone_is_away_is_not_claimed(store: SqlStore) -> None:
    await ready(store, ANNA)
    await queued(store, "call")
    await store.set_agent_reachable(ANNA, reachable=False, now=NOW)

    await refused(store)


@pytest.mark.parametrize(
    "activity", [each for each in AgentActivity if each is not AgentActivity.IDLE]
)
async def test_i3_agent_who_does_something_else_is_not_claimed(
    store: SqlStore, activity: AgentActivity
) -> None:
    await ready(store, ANNA)
    await queued(store, "first", "call")
    assert await store.claim(ContactId("first"), ANNA, now=NOW) == 1
    await store.move_agent(ANNA, ContactId("first"), activity, now=NOW)

    await refused(store)


async def test_unknown_contact_or_agent_is_not_claimed(store: SqlStore) -> None:
    await ready(store, ANNA)
    await queued(store, "call")

    assert await store.claim(ContactId("nobody"), ANNA, now=NOW) is None
    assert await store.claim(CALL, BEN, now=NOW) is None

    assert await store.claim(CALL, ANNA, now=NOW) == 1


async def test_c3_many_claims_at_once_give_each_contact_and_agent_once(store: SqlStore) -> None:
    names = [f"c{number}" for number in range(6)]
    agent_ids = [AgentId(f"a{number}") for number in range(4)]
    await ready(store, *agent_ids)
    await queued(store, *names)

    offers = await asyncio.gather(
        *(
            store.claim(ContactId(name), agent_id, now=NOW)
            for name in names
            for agent_id in agent_ids
        )
    )

    assert sum(offer is not None for offer in offers) == 4
    held = [agent.contact_id for agent in await store.agents()]
    assert len(set(held)) == 4
    contacts = [await store.contact(ContactId(name)) for name in names]
    offered = {each.id for each in contacts if each and each.state is ContactState.OFFERED}
    assert offered == set(held)
