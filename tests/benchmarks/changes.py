"""``changes``: what a customer and two agents hear while a quick connect moves them about."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.benchmarks.consultation import (
    SETTLED,
    TO_AN_AGENT,
    WAIT_AT_ONCE,
    flows,
    judged,
    say,
    talk,
)
from tests.benchmarks.figures import Lateness, pause
from tests.house import House
from tests.phones import Answer
from tests.tone_site import add_number, tone_house

NUMBER: Final = "+12025550193"
VERBS: Final = (
    ("join", "hold-customer", "swap", "swap", "join", "hold-all", "join", "leave"),
    ("join", "hold-customer", "swap", "swap", "hold-all", "resume-destination", "leave"),
)
"""Two ways through every verb; one leaves three who talk, the other two who consult."""
ROUNDS: Final = 5


def change(site: dict[str, Any]) -> None:
    """Let quick connects come to their agent at once, and an agent be free at once."""
    add_number(site, NUMBER, WAIT_AT_ONCE)
    site["flows"] += [
        {"name": TO_AN_AGENT, "kind": "AGENT_TRANSFER"},
        {"name": "Default agent hold", "kind": "AGENT_HOLD"},
    ]
    for quick_connect in site["quick_connects"]:
        if "agent" in quick_connect:
            quick_connect["flow"] = TO_AN_AGENT
    for profile in site["routing_profiles"]:
        profile["after_contact_work"] = False


async def measure(folder: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """Walk one quick connect after the other; gaps and times in milliseconds."""
    async with House(folder, **tone_house(change, flows=flows())) as house:
        phones = {name: await house.agent_phone(name) for name in ("anna", "ben")}
        for phone in phones.values():
            phone.will(Answer())
        one = await talk(house, "+12025550140", NUMBER, "anna", phones["anna"])
        await house.status("ben")
        to, back = "ben", "anna"
        with Lateness() as late:
            for _ in range(rounds):
                for verbs in VERBS:
                    await house.agent_is(to, "idle")
                    await one.begins(to.title(), phones[to])
                    for verb in verbs:
                        await pause(SETTLED / 2)
                        await one.use(verb)
                        await pause(SETTLED)
                    await one.turns_round()
                    to, back = back, to
        figures = judged(house, one.changes, late)
        figures["refused"] = one.refused
    say("changes", figures)
    return figures
