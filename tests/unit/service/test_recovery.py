"""The controller dies, or loses the switch, at any step: nothing is lost, nobody is rung twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ivr.domain.agent import AgentActivity, StatusKind
from ivr.domain.contact import ContactState
from ivr.domain.ids import AgentId
from tests.centre import ANNA, ANNAS_PHONE, BEN, BENS_PHONE, LOCAL
from tests.checker import violations, witnessed
from tests.crashing import CrashingCentre, crashing_centre
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.unit

CUSTOMER = "+12025550199"
CONFIRMED = "say:We will call you back. You keep your place in line. Goodbye."

Scene = Callable[[CrashingCentre], Awaitable[list[str]]]


async def is_available(centre: CrashingCentre, agent: AgentId) -> None:
    await centre.store.set_agent_status(agent, "Available", StatusKind.ROUTABLE, now=centre.now())


async def a_callback(centre: CrashingCentre) -> list[str]:
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


def play(folder: Path, scene: Scene, dies_at: int | None) -> list[str]:
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


SCENES = {"callback": a_callback, "missed": a_missed_offer, "caller": a_waiting_caller}


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_without_a_crash_keeps_every_promise(scene: str, tmp_path: Path) -> None:
    assert len(play(tmp_path, SCENES[scene], None)) > 20


@pytest.mark.full
@pytest.mark.parametrize("scene", SCENES)
def test_a_controller_may_die_after_any_step(scene: str, tmp_path: Path) -> None:
    steps = len(play(tmp_path / "whole", SCENES[scene], None))
    broken = []
    for step in range(1, steps + 1):
        try:
            play(tmp_path / str(step), SCENES[scene], step)
        except BaseException as error:
            broken.append((step, repr(error)[:600]))
    assert not broken, "\n".join(f"{step}: {words}" for step, words in broken)
