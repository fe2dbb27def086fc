"""``crowd``: many quick connects at once, and what their verbs sound like and cost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.benchmarks.changes import NUMBER
from tests.benchmarks.changes import change as as_in_changes
from tests.benchmarks.consultation import (
    SETTLED,
    TO_AN_AGENT,
    Consultation,
    flows,
    judged,
    say,
    talk,
)
from tests.benchmarks.figures import Lateness, Usage, pause
from tests.house import ANNA_HERTZ, BEN_HERTZ, House
from tests.phones import Answer, Phone, tone
from tests.tone_site import tone_house

CONSULTATIONS: Final = 30
LEGS: Final = 3
VERBS: Final = (
    "join",
    "hold-customer",
    "swap",
    "swap",
    "join",
    "hold-all",
    "resume-customer",
    "resume-destination",
    "hold-destination",
    "join",
)
LAST: Final = ("leave", "drop")
"""Verbs that end a quick connect; one is for the even consultations, the other for the odd."""
QUIET_SECONDS: Final = 10
THINKS_SECONDS: Final = (2.0, 6.0)
"""Between two verbs of one agent."""


def source(number: int) -> str:
    """The agent who starts a quick connect."""
    return f"source{number}"


def destination(number: int) -> str:
    """The agent whom they consult."""
    return f"destination{number}"


def change(site: dict[str, Any], consultations: int) -> None:
    """Add the agents; only sources take calls, destinations are consulted."""
    as_in_changes(site)
    names = range(consultations)
    site["routing_profiles"].append(
        {
            "name": "Consulted",
            "queues": [{"queue": "PasswordReset", "priority": 1}],
            "after_contact_work": False,
        }
    )
    site["agents"] += [
        *({"name": source(n), "routing_profile": "Calls and callbacks"} for n in names),
        *({"name": destination(n), "routing_profile": "Consulted"} for n in names),
    ]
    site["quick_connects"] += [
        {"name": destination(n), "agent": destination(n), "flow": TO_AN_AGENT} for n in names
    ]
    for queue in site["queues"]:
        queue["max_contacts"] = 100
        queue["quick_connects"] += [destination(n) for n in names]


async def measure(folder: Path, consultations: int = CONSULTATIONS) -> dict[str, Any]:
    """Set all of them up, let them talk, then walk every verb on each at a human pace.

    Gaps and times in milliseconds, processor time in percent of one core for each leg.
    """
    house = House(
        folder,
        **tone_house(lambda site: change(site, consultations), flows=flows()),
    )
    async with house:
        them = await _consultations(house, consultations)
        legs = LEGS * consultations
        print(f"crowd    {consultations} consultations, {legs} legs")
        with Lateness() as late:
            usage = Usage(house)
            await pause(QUIET_SECONDS)
            quiet = usage.percent(legs)
            usage = Usage(house)
            async with asyncio.TaskGroup() as group:
                for number, one in enumerate(them):
                    verbs = (*VERBS, LAST[number % len(LAST)])
                    group.create_task(_walk(one, verbs, Random(number)), name=f"walk {number}")
            walked = usage.percent(legs)
        figures = judged(house, [each for one in them for each in one.changes], late)
    figures |= {
        "consultations": consultations,
        "refused": sum(one.refused for one in them),
        "percent_of_a_core_per_leg": {"talking": quiet, "changing": walked},
    }
    say("crowd", figures)
    print(f"crowd    {figures['refused']} verbs refused")
    for phase, used in figures["percent_of_a_core_per_leg"].items():
        words = ", ".join(f"{process} {percent:.2f}" for process, percent in used.items())
        print(f"crowd    {phase}: {words} % of a core per leg")
    return figures


async def _consultations(house: House, count: int) -> list[Consultation]:
    """One customer after the other, so that each comes to the source of the same number."""
    them = []
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            agent, other = source(number), destination(number)
            phone = await _phone(house, agent, ANNA_HERTZ)
            one = await talk(house, f"+1202555{7100 + number}", NUMBER, agent, phone)
            phone = await _phone(house, other, BEN_HERTZ)
            await house.status(other)
            group.create_task(one.begins(other, phone), name=other)
            them.append(one)
    return them


async def _phone(house: House, agent: str, hertz: int) -> Phone:
    phone = await house.agent_phone(agent, says=tone(hertz))
    phone.will(Answer())
    return phone


async def _walk(one: Consultation, verbs: Sequence[str], chance: Random) -> None:
    for verb in verbs:
        await pause(max(chance.uniform(*THINKS_SECONDS), SETTLED))
        await one.use(verb)
    await pause(SETTLED)
