"""The store port: supervisors on contacts, on every database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ivr.domain.agent import AVAILABLE, OFFLINE, AgentActivity, AgentState, StatusKind
from ivr.domain.contact import ContactState
from ivr.domain.ids import AgentId, ContactId, LegId
from ivr.domain.monitor import Monitor, MonitorMode
from ivr.ports.store import ContactChange, Note
from ivr.store.sql_store import SqlStore
from tests.builders import ANNA, BEN, NOW, a_contact, seconds
from tests.contract.test_store_transfers import (
    CALL,
    DESTINATION,
    S,
    a_destination,
    a_transfer,
    notes_of,
    ready,
    talking,
)

pytestmark = pytest.mark.contract

LEG = LegId("call-s1")
LATER = NOW + seconds(9)
A = AgentActivity


def a_monitor(leg: LegId = LEG, **fields: Any) -> Monitor:
    monitor = Monitor(
        leg_id=leg,
        contact_id=CALL,
        supervisor_id=BEN,
        mode=MonitorMode.LISTEN,
        began_at=NOW,
    )
    return replace(monitor, **fields)


async def agent(store: SqlStore, agent_id: AgentId = BEN) -> AgentState:
    found = await store.agent(agent_id)
    assert found is not None
    return found


async def begun(store: SqlStore) -> None:
    await talking(store, a_contact())
    await ready(store, BEN)
    assert await store.begin_monitor(a_monitor(), Note("monitor_began"))


async def test_a_supervisor_is_reserved_with_a_row_and_a_note(store: SqlStore) -> None:
    await begun(store)

    assert await store.open_monitors() == [a_monitor()]
    assert await store.monitor_count(CALL) == 1
    assert (await agent(store)).activity is A.SUPERVISING
    assert not (await agent(store)).is_ready
    assert "monitor_began" in await notes_of(store, CALL)


async def test_only_who_is_idle_supervises_and_only_who_talks_is_supervised(
    store: SqlStore,
) -> None:
    await begun(store)
    await store.create_contact(a_contact("waits", state=ContactState.QUEUED))

    assert not await store.begin_monitor(a_monitor(LegId("call-s2")))
    assert not await store.begin_monitor(a_monitor(LegId("call-s3"), supervisor_id=ANNA))
    waits = a_monitor(LegId("waits-s1"), contact_id=ContactId("waits"))
    assert await store.end_monitor(LEG, now=NOW)
    assert not await store.begin_monitor(waits)
    assert await store.open_monitors() == []


async def test_the_end_frees_the_supervisor_once_and_applies_the_next_status(
    store: SqlStore,
) -> None:
    await begun(store)
    before = await agent(store)
    await store.set_agent_status(BEN, OFFLINE, StatusKind.OFFLINE, now=NOW)
    assert (await agent(store)).status == AVAILABLE

    assert await store.end_monitor(LEG, Note("monitor_ended"), now=LATER)
    assert not await store.end_monitor(LEG, now=LATER)

    after = await agent(store)
    assert (after.activity, after.status) == (A.IDLE, OFFLINE)
    assert after.idle_since == before.idle_since, "listening is no work: the turn is kept"
    assert await store.open_monitors() == []
    assert await store.monitor_count(CALL) == 1


async def test_the_mode_changes_only_while_it_is_open(store: SqlStore) -> None:
    await begun(store)

    assert await store.set_monitor_mode(LEG, MonitorMode.BARGE, Note("monitor_changed"), now=NOW)
    assert await store.open_monitors() == [a_monitor(mode=MonitorMode.BARGE)]
    await store.end_monitor(LEG, now=LATER)

    assert not await store.set_monitor_mode(LEG, MonitorMode.LISTEN, now=LATER)


async def test_taking_over_puts_the_supervisor_on_the_new_contact(store: SqlStore) -> None:
    await begun(store)
    transfer = a_transfer(state=S.JOINED)
    contact = a_destination(state=ContactState.CONNECTED, agent_id=BEN, adopted_leg=LEG)
    change = ContactChange(CALL, None, {})

    assert await store.take_over(LEG, transfer, contact, change, Note("monitor_took_over"))
    assert not await store.take_over(LEG, transfer, contact, change)

    supervisor = await agent(store)
    assert (supervisor.activity, supervisor.contact_id) == (A.ON_CONTACT, DESTINATION)
    assert await store.open_monitors() == []
    assert await store.open_transfers() == [transfer]
    taken = await store.contact(DESTINATION)
    assert taken is not None
    assert taken.agent_leg == LEG
