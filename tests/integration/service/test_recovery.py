"""The controller dies, or loses the switch, at any step: nothing is lost, nobody is rung twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ivr.domain.agent import AgentActivity, StatusKind
from ivr.domain.callback import CallbackResult
from ivr.domain.contact import ContactState, DisconnectReason
from ivr.domain.ids import E164, AgentId, ContactId, QueueId
from ivr.testing.fake_phone import FakePhone
from tests.builders import NO_LIMITS, a_callback, a_callback_contact
from tests.centre import ANNA, ANNAS_PHONE, BEN, BENS_PHONE, LOCAL
from tests.checker import violations, witnessed
from tests.crashing import CrashingCentre, crashing_centre
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

CUSTOMER = "+12025550199"
CONFIRMED = "say:We will call you back. You keep your place in line. Goodbye."

Scene = Callable[[CrashingCentre], Awaitable[list[str]]]


async def is_available(centre: CrashingCentre, agent: AgentId) -> None:
    await centre.store.set_agent_status(agent, "Available", StatusKind.ROUTABLE, now=centre.now())


async def callback_asked_for(centre: CrashingCentre) -> list[str]:
    """Asked for, not answered, answered at the second try, ended by the customer."""
    centre.switch.phone(ANNAS_PHONE).answers(after=2)
    customer = centre.switch.customer(CUSTOMER).rings()
    customer.then().answers(after=3, leaves_after=20)
    caller = centre.caller(CUSTOMER[2:])
    await is_available(centre, ANNA)
    await centre.until(lambda: over(centre))
    return [CUSTOMER] if CONFIRMED in caller.heard else []


async def a_missed_offer(centre: CrashingCentre) -> list[str]:
    """The first agent lets it ring, the second one takes it; the agent hangs up."""
    centre.switch.phone(ANNAS_PHONE).rings()
    ben = centre.switch.phone(BENS_PHONE).answers(after=1, leaves_after=30)
    ben.then().answers(after=1, leaves_after=30)
    centre.switch.customer(CUSTOMER).answers(after=3)
    caller = centre.caller(CUSTOMER[2:])
    await is_available(centre, ANNA)
    await centre.passes(25)
    await is_available(centre, BEN)
    await centre.until(lambda: over(centre))
    return [CUSTOMER] if CONFIRMED in caller.heard else []


async def a_waiting_caller(centre: CrashingCentre) -> list[str]:
    """Waits in the queue, is served, and hangs up."""
    caller = centre.switch.dials(LOCAL, caller="+12025550160").will_press("2", "2", "2")
    await centre.passes(15)
    centre.switch.phone(ANNAS_PHONE).answers(after=2)
    await is_available(centre, ANNA)
    await centre.until(lambda: len(rooms(centre)) == 2)
    await centre.passes(10)
    caller.hang_up()
    await centre.until(lambda: over(centre))
    return []


def rooms(centre: CrashingCentre) -> list[str]:
    return [
        leg
        for contact in (f"c{n}" for n in range(1, 9))
        for leg in centre.switch.talking(contact)  # type: ignore[arg-type]
    ]


async def over(centre: CrashingCentre) -> bool:
    contacts = await centre.store.recent_contacts(100)
    return (
        bool(contacts)
        and all(c.state is ContactState.ENDED for c in contacts)
        and all(
            a.contact_id is None or a.activity is AgentActivity.MISSED
            for a in await centre.store.agents()
        )
        and not await centre.switch.live_legs()
    )


def play(folder: Path, scene: Scene, dies_at: int | str | None) -> list[str]:
    """Play a scene in which the controller dies at a step; the names of its steps until then."""

    async def main() -> list[str]:
        async with crashing_centre(VirtualClock(), folder) as centre:
            centre.starts(dies_at)
            first = centre.steps

            async def resurrect() -> None:
                await centre.died()
                await centre.passes(3)
                centre.starts()

            rescue = centre.outer.create_task(resurrect()) if dies_at else None
            try:
                confirmed = await scene(centre)
            finally:
                if rescue is not None:
                    rescue.cancel()
            history = await witnessed(centre.store, centre.rings, confirmed=confirmed)
            assert violations(history) == [], first.names[-3:]
            return first.names

    return run_virtual(main())


SCENES = {"callback": callback_asked_for, "missed": a_missed_offer, "caller": a_waiting_caller}


@pytest.mark.full
@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_without_a_crash_keeps_every_promise(scene: str, tmp_path: Path) -> None:
    assert len(play(tmp_path, SCENES[scene], None)) > 20


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scene", SCENES)
def test_a_controller_may_die_after_any_step(scene: str, tmp_path: Path) -> None:
    steps = len(play(tmp_path / "whole", SCENES[scene], None))
    broken = []
    for step in range(1, steps + 1):
        try:
            play(tmp_path / str(step), SCENES[scene], step)
        except* (AssertionError, RuntimeError) as errors:
            broken.append(f"{step}: {errors.exceptions!r}"[:600])
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    "step", ["create_callback", "claim", "begin_attempt", "call", "end_attempt"]
)
def test_b15_a_controller_that_dies_after_this_step_rings_nobody_twice(
    step: str, tmp_path: Path
) -> None:
    play(tmp_path, callback_asked_for, step)


# --- the switch and the link to it --------------------------------------------------------------


def run_scene(folder: Path, scene: Callable[[CrashingCentre], Awaitable[None]]) -> None:
    """Play a scene to its end, and ask the witnesses."""

    async def main() -> None:
        async with crashing_centre(VirtualClock(), folder) as centre:
            centre.starts()
            await scene(centre)
            await centre.until(lambda: over(centre))
            assert violations(await witnessed(centre.store, centre.rings)) == []

    run_virtual(main())


def test_a_link_that_is_cut_while_the_customer_rings_loses_no_answer(tmp_path: Path) -> None:
    async def scene(centre: CrashingCentre) -> None:
        customer = await rings(centre)
        centre.switch.cut_link()
        await centre.passes(1)
        customer.answer()
        await centre.passes(4)
        centre.switch.restore_link()
        await centre.until(lambda: len(rooms(centre)) == 2, within=20)
        assert len(customer.calls) == 1
        customer.hang_up()

    run_scene(tmp_path, scene)


def test_a_hang_up_that_the_link_has_missed_is_found_when_it_is_back(tmp_path: Path) -> None:
    async def scene(centre: CrashingCentre) -> None:
        customer = await rings(centre)
        customer.answer()
        await centre.until(lambda: len(rooms(centre)) == 2, within=20)
        centre.switch.cut_link()
        await centre.passes(1)
        centre.switch.phone(ANNAS_PHONE).hang_up()
        await centre.passes(5)
        centre.switch.restore_link()
        await centre.until(lambda: customer.leg is None, within=2)

    run_scene(tmp_path, scene)


def test_an_agent_who_is_told_the_news_over_a_cut_link_is_free_when_it_is_back(
    tmp_path: Path,
) -> None:
    async def scene(centre: CrashingCentre) -> None:
        customer = await rings(centre)
        centre.switch.cut_link()
        contact = (await centre.store.open_callbacks())[0][0]
        stop = centre.outer.create_task(centre.centre.callbacks.stop(contact.id, by="test"))
        assert await stop
        await centre.passes(2)
        centre.switch.restore_link()
        await centre.until(lambda: customer.leg is None, within=2)
        await centre.until(
            lambda: is_doing(centre, ANNA, AgentActivity.IDLE), within=RECOVERED_WITHIN
        )

    run_scene(tmp_path, scene)


def test_i1_a_switch_that_dies_in_queue_and_talk_leaves_open_callbacks_and_free_agents(
    tmp_path: Path,
) -> None:
    async def scene(centre: CrashingCentre) -> None:
        customer = await rings(centre)
        customer.answer()
        await centre.until(lambda: len(rooms(centre)) == 2, within=20)
        centre.switch.dials(LOCAL, caller="+12025550161").will_press("2", "2")
        await centre.passes(10)
        centre.switch.customer("+12025550198").answers(after=1, leaves_after=20)
        asking = centre.caller("2025550198", caller_id="+12025550162")
        await centre.until(lambda: asking.leg is None)
        centre.switch.crash()
        await centre.passes(3)
        centre.switch.start_again()

        async def both_are_lost() -> bool:
            contacts = await centre.store.recent_contacts(10)
            reasons = [c.disconnect_reason for c in contacts]
            return reasons.count(DisconnectReason.TELECOM_PROBLEM) == 2

        await centre.until(both_are_lost, within=5)

    run_scene(tmp_path, scene)


RECOVERED_WITHIN = 30.0


async def rings(centre: CrashingCentre) -> FakePhone:
    """Have a callback asked for and an agent take it; the customer's phone, which rings."""
    centre.switch.phone(ANNAS_PHONE).answers(after=1)
    customer = centre.switch.customer(CUSTOMER).rings()
    asking = centre.caller(CUSTOMER[2:])
    await centre.until(lambda: asking.leg is None)
    await is_available(centre, ANNA)
    await centre.until(lambda: customer.leg is not None)
    await centre.passes(1)
    return customer


async def is_doing(centre: CrashingCentre, agent: AgentId, activity: AgentActivity) -> bool:
    return (await centre.agent(agent)).activity is activity


# --- a stop races everything --------------------------------------------------------------------


def race(folder: Path, seed: int, rounds: int) -> Counter[str]:
    """Stop callbacks at random steps of their life; how often which result came out."""
    chance = random.Random(seed)

    async def main() -> Counter[str]:
        results: Counter[str] = Counter()
        async with crashing_centre(VirtualClock(), folder) as centre:
            centre.starts()
            await centre.passes(1)
            for number in range(rounds):
                results[await stopped_once(centre, chance, number)] += 1
        return results

    return run_virtual(main())


async def stopped_once(centre: CrashingCentre, chance: random.Random, number: int) -> str:
    contact_id, customer = ContactId(f"r{number}"), f"+1202556{number:04}"
    for agent, endpoint in ((ANNA, ANNAS_PHONE), (BEN, BENS_PHONE)):
        centre.switch.phone(endpoint).answers(after=chance.random())
        await is_available(centre, agent)
    phone = centre.switch.customer(customer)
    phone.answers(after=chance.random() * 2, leaves_after=chance.random() * 4)
    at, again = centre.steps.count + chance.randrange(1, 26), asyncio.Event()
    acknowledged: list[float] = []

    async def stop() -> None:
        if await centre.centre.callbacks.stop(contact_id, by="race"):
            acknowledged.append(centre.now().timestamp())
            dialled = len(phone.calls)
            await centre.passes(2)
            assert phone.leg is None, f"{contact_id} still rings or talks"
            assert len(phone.calls) == dialled, f"{contact_id} was dialled after its stop"
        again.set()

    def watch(count: int) -> None:
        if count == at:
            stops.append(centre.outer.create_task(stop()))

    stops: list[asyncio.Task[None]] = []
    centre.steps.watch = watch
    callback = a_callback(
        contact_id,
        number=E164(customer),
        queue_id=QueueId("callbacks"),
        created_at=centre.now(),
        due_at=centre.now(),
        expires_at=centre.now() + timedelta(days=7),
    )
    contact = a_callback_contact(
        contact_id,
        customer_number=E164(customer),
        queue_id=QueueId("callbacks"),
        enqueued_at=centre.now(),
        place_at=centre.now(),
        initiated_at=centre.now(),
    )
    await centre.store.create_callback(
        contact, callback, asked_by=None, limits=NO_LIMITS, now=centre.now()
    )
    centre.ring()
    await centre.until(lambda: over(centre), within=120)
    centre.steps.watch = lambda _: None
    for task in stops:
        await task
    found = await centre.store.callback(contact_id)
    assert found is not None
    assert found.result is not None
    if acknowledged and found.result is not CallbackResult.COMPLETED:
        assert found.result is CallbackResult.STOPPED
    return found.result.value


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.full)])
def test_i6_a_stop_that_was_acknowledged_wins_every_race(rounds: int, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    results = race(tmp_path, seed, rounds)
    print(dict(results))
    assert results["stopped"]
