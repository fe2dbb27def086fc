"""C: who is offered what, in virtual time with a real store (C1 to C3, C5 to C8).

The decision itself is proved by property in ``tests/unit/domain/test_routing.py``; here the whole
centre obeys it. What phones show is proved in ``tests/acceptance/test_routing_to_phones.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.contact import ContactState
from ivr.service.contact_centre import ContactCentre
from ivr.testing.fake_phone import FakePhone
from tests.centre import (
    ANNA,
    ANNAS_PHONE,
    BEN,
    BENS_PHONE,
    LOCAL,
    Centre,
    running_centre,
)
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration


def play(folder: Path, scene: Callable[[Centre], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), folder, **how) as centre:
            await scene(centre)

    run_virtual(main())


async def waits(centre: Centre, caller: str) -> FakePhone:
    """A caller presses 2 and waits in the sales queue."""
    phone = centre.switch.dials(LOCAL, caller=caller).will_press("2")
    await centre.switch.until(lambda: "hold-music" in phone.heard)
    return phone


def offers(centre: Centre, endpoint: str) -> list[str | None]:
    """Whose calls an agent was offered, in order."""
    return [order.caller_number for order in centre.switch.phone(endpoint).calls]


def test_c1_a_profile_delay_must_have_passed_before_its_agent_is_offered(tmp_path: Path) -> None:
    def change(site: dict[str, Any]) -> None:
        site["routing_profiles"][1]["queues"][0]["delay_seconds"] = 90

    async def scene(centre: Centre) -> None:
        centre.switch.phone(BENS_PHONE).rings()
        await centre.becomes(BEN)
        await waits(centre, "+12025550160")
        (contact,) = await centre.contacts()
        assert contact.enqueued_at is not None

        await centre.clock.sleep_until(contact.enqueued_at + timedelta(seconds=89))
        assert offers(centre, BENS_PHONE) == []
        await centre.until(lambda: offers(centre, BENS_PHONE), within=2)

    play(tmp_path, scene, change=change)


def test_c1_c2_c3_the_longest_idle_choose_first_and_nobody_gets_two(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        for phone in (ANNAS_PHONE, BENS_PHONE):
            centre.switch.phone(phone).rings()
        await centre.asks_for_callback("2025550190", caller="+12025550160")
        await waits(centre, "+12025550161")
        await waits(centre, "+12025550162")
        await centre.passes(2)
        assert len(await centre.contacts()) == 4

        await centre.becomes(BEN)  # calls come first in his profile
        await centre.until(lambda: offers(centre, BENS_PHONE))
        await centre.becomes(ANNA)
        await centre.until(lambda: offers(centre, ANNAS_PHONE))
        await centre.passes(5)

        assert offers(centre, BENS_PHONE) == ["+12025550161"]
        assert offers(centre, ANNAS_PHONE) == ["+12025550190"]
        held = {agent.contact_id for agent in await centre.store.agents()}
        assert len(held) == 2
        assert None not in held

    async def idle(centre: Centre) -> None:
        for phone in (ANNAS_PHONE, BENS_PHONE):
            centre.switch.phone(phone).rings()
        await centre.becomes(BEN)
        await centre.passes(10)
        await centre.becomes(ANNA)
        await waits(centre, "+12025550161")
        await centre.until(lambda: offers(centre, BENS_PHONE))
        (contact,) = await centre.contacts()
        entries = await centre.store.journal(contact.id)
        (offer,) = [entry.detail for entry in entries if entry.kind == "offer_made"]
        assert offer["considered"] == {"ben": "chosen", "anna": "idle_less_long"}
        assert offers(centre, ANNAS_PHONE) == []

    play(tmp_path / "two", scene)
    play(tmp_path / "idle", idle)


def test_c5_c6_a_status_chosen_in_a_contact_is_the_next_one_and_work_is_cleared(
    tmp_path: Path,
) -> None:
    def change(site: dict[str, Any]) -> None:
        anna, ben = site["agents"]
        anna["after_contact_work_seconds"] = 0  # until it is cleared
        ben["routing_profile"] = "No work"
        site["routing_profiles"].append(
            {
                "name": "No work",
                "queues": [{"queue": "Sales"}, {"queue": "Callbacks"}],
                "after_contact_work": False,
            }
        )

    async def scene(centre: Centre) -> None:
        for phone in (ANNAS_PHONE, BENS_PHONE):
            centre.switch.phone(phone).answers(after=1)
        caller = await waits(centre, "+12025550160")
        await centre.becomes(ANNA)
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.ON_CONTACT))
        await centre.becomes(ANNA, "Lunch")
        anna = await centre.agent(ANNA)
        assert (anna.status, anna.next_status) == ("Available", "Lunch")

        caller.hang_up()
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.AFTER_CONTACT_WORK))
        await centre.passes(3600)
        assert await centre.is_doing(ANNA, AgentActivity.AFTER_CONTACT_WORK)
        await centre.becomes(ANNA)
        anna = await centre.agent(ANNA)
        assert anna.is_ready
        assert anna.next_status is None
        await centre.becomes(ANNA, "Offline")

        second = await waits(centre, "+12025550161")
        await centre.becomes(BEN)
        await centre.until(lambda: centre.is_doing(BEN, AgentActivity.ON_CONTACT))
        await centre.becomes(BEN, "Lunch")
        second.hang_up()
        await centre.until(lambda: centre.is_doing(BEN, AgentActivity.IDLE))
        assert (await centre.agent(BEN)).status == "Lunch"
        assert not (await centre.agent(BEN)).is_ready

    play(tmp_path, scene, change=change, sweep=timedelta(minutes=10))


def test_c7_the_order_survives_a_restart(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers()
        numbers = ("+12025550190", "+12025550191", "+12025550192")
        customers = [centre.switch.customer(each).answers(leaves_after=3) for each in numbers]
        for number in numbers:
            await centre.asks_for_callback(number[2:])
            await centre.passes(3)
        before = [each.place for each in await centre.centre.callbacks.list_open()]
        assert before == [1, 2, 3]

        centre.switch.detach()
        for task in centre.tasks:
            task.cancel()
        centre.centre = ContactCentre(centre.world)
        centre.tasks = [asyncio.create_task(centre.centre.run())]
        centre.switch.attach(centre.centre.on_event, centre.centre.receive)
        await centre.becomes(ANNA)

        await centre.until(lambda: all(customer.calls for customer in customers))
        times = [contact.dequeued_at for contact, _ in await centre.callbacks()]
        assert times == sorted(times, key=str)

    play(tmp_path, scene)


def test_c8_a_disabled_queue_takes_nobody_and_offers_nobody(tmp_path: Path) -> None:
    def disable(site: dict[str, Any]) -> None:
        site["queues"][0]["enabled"] = False

    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers()
        await centre.becomes(ANNA)
        caller = centre.switch.dials(LOCAL, caller="+12025550160").will_press("2")
        await centre.until(lambda: caller.leg is None)
        assert caller.heard[-1] == "reorder"
        assert offers(centre, ANNAS_PHONE) == []
        (contact,) = await centre.contacts()
        assert contact.state is ContactState.ENDED

    play(tmp_path, scene, change=disable)
