"""Random kills under many callbacks in all states; the checker decides afterwards.

The seed is printed; ``IVR_STORM_SEED`` repeats a storm (the machine's timing still differs).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ivr.store.sql_store import SqlStore
from tests.acceptance.test_faults import rings
from tests.checker import numbers_in, violations, witnessed
from tests.house import House
from tests.phones import Answer, CallFailed, DeadlineMissed, Invite, Phone, Policy, Reject, Ring
from tests.scenes import asks
from tests.tone_site import tone_house

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.full,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(1200),
]

CALLBACKS = 20
STORM_SECONDS = 90.0
CALM_WITHIN = 420.0
_SWITCH_SHARE = 0.15
"""How many of the kills hit the switch instead of the controller."""


def _site(data: dict[str, object]) -> None:
    site = data["site"]
    assert isinstance(site, dict)
    site["ring_customer_seconds"] = 15


HOUSE = tone_house(_site, environment={"IVR_LIMITS__DIALS_PER_MINUTE": "1000"})


async def test_random_kills_lose_no_callback_and_ring_nobody_twice(house: House) -> None:
    seed = int(os.environ.get("IVR_STORM_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"storm seed {seed}")
    chance = random.Random(seed)
    customers = [house.stranger(f"+120255502{number:02}") for number in range(CALLBACKS)]
    ids = [await asks(house, customer) for customer in customers]
    agents = {name: await house.agent_phone(name) for name in ("anna", "ben")}
    for phone in agents.values():
        phone.will(Answer(after=0.2))
    kills = 0
    async with _everybody_lives(house, customers, agents, chance):
        until = time.monotonic() + STORM_SECONDS
        while time.monotonic() < until:
            await _passes(chance.uniform(3, 9))
            kills += 1
            if chance.random() < _SWITCH_SHARE:
                await house.pbx.kill()
                await house.pbx.start()
            else:
                await house.kill_controller()
                await house.start_controller()
        await house.until(lambda: _all_over(house), within=CALM_WITHIN, what="the storm is over")
    store = SqlStore(house.settings().store_url)
    await store.open()
    try:
        history = await witnessed(store, rings(house), confirmed=[c.number for c in customers])
    finally:
        await store.close()
    print(f"{kills} kills, {len(ids)} callbacks, {len(history.rings)} INVITEs to customers")
    assert violations(history) == []
    assert numbers_in(house.log(), [customer.number for customer in customers]) == []


@asynccontextmanager
async def _everybody_lives(
    house: House, customers: list[Phone], agents: dict[str, Phone], chance: random.Random
) -> AsyncIterator[None]:
    """Customers answer, ignore or refuse and hang up; agents come back to work."""

    def mood(_: Invite) -> Policy:
        return chance.choice((Answer(), Answer(after=1), Answer(after=2), Ring(), Reject(486)))

    tasks = [asyncio.create_task(_work(house, name, phone)) for name, phone in agents.items()]
    for customer in customers:
        customer.will(mood)
        tasks.append(asyncio.create_task(_talks(customer)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _talks(customer: Phone) -> None:
    """Hang up each call once two seconds of it have been heard."""
    while True:
        try:
            call = await customer.ringing(3600)
            await call.answered(60)
            await call.heard.until(lambda recording: recording.seconds > 6, within=60)
        except (CallFailed, DeadlineMissed):
            continue
        call.hang_up()


async def _work(house: House, name: str, phone: Phone) -> None:
    """Log in again after the switch was lost, and choose Available after a missed call."""
    while True:
        try:
            agent = await house.agent(name)
            if agent["phone"] != "registered":
                await phone.register()
            if agent["activity"] in ("missed", "error") or agent["status"] != "Available":
                await house.status(name)
        except Exception:  # whatever is down will be back
            await _passes(1)
        await _passes(0.5)


async def _all_over(house: House) -> bool:
    contacts = await house.contacts()
    agents = await house.get("/agents")
    return all(contact["state"] == "ended" for contact in contacts) and all(
        agent["activity"] not in ("offered", "connecting", "on_contact") for agent in agents
    )


async def _passes(seconds: float) -> None:
    never = asyncio.Event()
    try:
        async with asyncio.timeout(seconds):
            await never.wait()
    except TimeoutError:
        return
