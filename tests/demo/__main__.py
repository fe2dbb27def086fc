"""Plays all scenes and exits non-zero if anything differs from what must be.

A caller keys a number and hangs up, keeping the place before a later caller who waits on the line;
a second callback is not answered at first and is retried; a third caller finds everything full.
Beside them another agent passes a caller on, by quick connects of every kind (``transfers.py``).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.demo.report import Report
from tests.demo.transfers import FLOWS, Transfers, with_support
from tests.hearing import tones as tone_names
from tests.house import LOCAL, ROOT, SAMPLE_SITE, House
from tests.phones import Answer, Reject

RECORDINGS = ROOT / "build" / "demo"
FIRST, SECOND, LIVE, LATE = "+12025550161", "+12025550162", "+12025550163", "+12025550164"
CUSTOMER, SLOW_CUSTOMER = "+12025550171", "+12025550172"
SPACING = 3
"""Seconds between attempts in the demo, so that it ends soon; the shipped site says 60."""


def small(site: dict[str, Any]) -> None:
    """Make the sample's queues small and its spacing short; add a queue for quick connects."""
    site["site"]["min_retry_delay_seconds"] = SPACING
    for queue in site["queues"]:
        queue["max_contacts"] = 2 if queue["name"] == "Callbacks" else 1
    with_support(site)
    for agent in site["agents"]:
        agent["after_contact_work_seconds"] = 1


def flows() -> dict[str, str]:
    """The sample's local entry with the short spacing, and what the quick connects need."""
    flow = json.loads((SAMPLE_SITE / "flows" / "local-entry.json").read_text("utf-8"))
    for action in flow["Actions"]:
        if action["Type"] == "CreateCallbackContact":
            action["Parameters"]["RetryDelaySeconds"] = str(SPACING)
    return {"local-entry.json": json.dumps(flow), **FLOWS}


class Demo:
    """The scenes, and the parties in them."""

    def __init__(self, house: House, report: Report) -> None:
        self.house, self.report = house, report
        self._anna_was_offered = asyncio.Event()

    async def play(self) -> None:
        """Play every scene."""
        house, report = self.house, self.report
        self.anna = await house.agent_phone("anna")
        self.ben = await house.agent_phone("ben")
        self.customer = house.stranger(CUSTOMER)
        self.slow = house.stranger(SLOW_CUSTOMER)
        self.customer.will(Answer(after=1))
        self.slow.will(Reject(480, after=2), Answer(after=1))
        report.tell("agents", "Anna and Ben have logged their phones in; both are offline")
        report.scene("a caller hangs up and keeps the place")
        await self._two_ask_for_callbacks()
        await self._one_waits()
        report.scene("everything is full")
        await self._one_finds_it_full()
        report.scene("agents arrive")
        await asyncio.gather(self._first_is_called_back(), self._live_caller_is_served())
        report.scene("a retry after no answer")
        await self._second_is_retried()

    async def _two_ask_for_callbacks(self) -> None:
        house, report = self.house, self.report
        first = house.stranger(FIRST)
        second = house.stranger(SECOND)
        report.tell("first", f"calls {LOCAL}, presses 1 and keys a number")
        asked = asyncio.create_task(house.asks_for_callback(first, CUSTOMER[2:], listens=True))
        await house.until(lambda: bool(first.calls) and len(first.calls[0].heard) > 50)
        report.tell("second", "calls a moment later and keys another number")
        asked_too = asyncio.create_task(house.asks_for_callback(second, SLOW_CUSTOMER[2:]))
        self.first_call, self.second_call = await asked, await asked_too
        report.tell("first", "has hung up; so has the second caller")
        for who, call in (("first", self.first_call), ("second", self.second_call)):
            report.hears(
                who,
                call,
                since=call.heard.seconds - 6,
                says=("We will call you back. You keep your place in line",),
            )
        digits = " ".join(CUSTOMER.removeprefix("+1"))
        report.hears(
            "first",
            self.first_call,
            since=self.first_call.heard.seconds - 15,
            says=(f"You entered one {digits}",),
        )
        waiting = await house.callbacks()
        report.check(
            "queue",
            "two callbacks, the first caller's place first",
            f"{len(waiting)} callbacks, first {waiting[0]['number']}",
            len(waiting) == 2 and waiting[0]["number"].endswith(CUSTOMER[-2:]),
        )

    async def _one_waits(self) -> None:
        live = self.house.stranger(LIVE)
        self.report.tell("live", "calls later, presses 2 and waits on the line")
        self.live_call = await self.house.calls(live)
        await self.house.at(self.live_call, "Greeting")
        await self.live_call.press("2")

        async def waits() -> bool:
            queues = {each["name"]: each for each in await self.house.get("/queues")}
            return bool(queues["Sales"]["calls"] == 1)

        await self.house.until(waits, what="the live caller is in the queue")

    async def _one_finds_it_full(self) -> None:
        late = self.house.stranger(LATE)
        self.report.tell("late", "calls and asks for a callback: no slot is left")
        call = await self.house.calls(late)
        await self.house.at(call, "Greeting")
        await call.press("1")
        await self.house.at(call, "Offer own number")
        await call.press("1")
        asked = call.heard.seconds
        await call.ended(within=20)
        self.report.tell("late", "was told so, heard fast busy and is gone")
        self.report.hears(
            "late", call, since=asked, says=("We cannot call you back at the moment",)
        )
        timeline = tone_names.listen(call.heard.pcm)
        self.report.check(
            "late", "reorder tone (fast busy)", str(timeline)[-60:], timeline.is_reorder()
        )
        count = len(await self.house.callbacks())
        self.report.check("queue", "still two callbacks", f"{count} callbacks", count == 2)

    async def _first_is_called_back(self) -> None:
        house, report = self.house, self.report
        await house.status("anna")
        report.tell("Anna", "becomes available")
        agent = await self.anna.ringing(within=10)
        self._anna_was_offered.set()
        report.tell("Anna", f"is offered: {_shown(agent.invite)}")
        report.check(
            "Anna",
            "is offered the callback, not the later live call",
            _shown(agent.invite),
            "Callback" in _shown(agent.invite),
        )
        called: Any = await self.customer.answered(within=20)
        report.tell("customer", f"phone rang with {_shown(called.invite)}")
        for header in ("From", "P-Asserted-Identity"):
            value = called.invite.header(header)
            report.check("customer", f"{header}: {LOCAL}", value[:60], LOCAL in value)
        await self._talk("anna", agent, called)
        called.hang_up()
        await agent.ended(within=10)
        report.tell("customer", "hangs up")
        report.hears(
            "Anna",
            agent,
            says=("This one is for Callbacks",),
            never=("This is the call that you asked for",),
            tones=(tone_names.RINGBACK, tone_names.CUSTOMER),
        )
        report.hears(
            "customer",
            called,
            says=("This is the call that you asked for",),
            never=("This one is for Callbacks",),
            tones=(tone_names.AGENT,),
            no_tones=(tone_names.SECOND_AGENT,),
        )

    async def _live_caller_is_served(self) -> None:
        house, report = self.house, self.report
        await self._anna_was_offered.wait()
        await house.status("ben")
        report.tell("Ben", "becomes available; his profile puts calls before callbacks")
        agent = await self.ben.ringing(within=10)
        report.tell("Ben", f"is offered: {_shown(agent.invite)}")
        await house.until(
            lambda: (
                tone_names.listen(self.live_call.heard.pcm[-16000:]).ms(tone_names.SECOND_AGENT)
                >= 600
            ),
            within=30,
            what="the live caller hears Ben",
        )
        report.tell("live", "talks with Ben")
        self.live_call.hang_up()
        await agent.ended(within=10)
        report.hears(
            "Ben",
            agent,
            says=("This one is for Sales",),
            never=("You are being connected",),
            tones=(tone_names.CUSTOMER,),
        )
        report.hears(
            "live",
            self.live_call,
            says=("All our agents are busy", "You are being connected"),
            never=("This one is for Sales",),
            tones=(tone_names.SECOND_AGENT,),
            no_tones=(tone_names.AGENT,),
        )

    async def _second_is_retried(self) -> None:
        house, report = self.house, self.report
        called = await self.slow.answered(within=60)
        attempts = [invite.at for invite in self.slow.invites]
        report.tell("second", "did not answer the first time; the second attempt is answered")
        report.check("second", "is dialled twice", f"{len(attempts)} INVITEs", len(attempts) == 2)
        refused = self.slow.calls[0].ended_at
        gap = attempts[-1] - refused
        report.check("second", f"attempts ≥ {SPACING} s apart", f"{gap:.1f} s", gap >= SPACING)
        agent = max((*self.anna.calls, *self.ben.calls), key=lambda call: call.answered_at)
        await self._talk("agent", agent, called)
        called.hang_up()
        await agent.ended(within=10)
        told = [
            call for phone in (self.anna, self.ben) for call in phone.calls if call is not agent
        ]
        report.hears(
            "first agent",
            max(told, key=lambda call: call.ended_at),
            says=("The customer did not answer",),
        )
        report.hears("second", called, says=("This is the call that you asked for",))
        count = len(await house.callbacks())
        report.check("queue", "no callback is left", f"{count} callbacks", count == 0)

    async def _talk(self, name: str, agent: Any, called: Any) -> None:
        """Let both talk until each has heard the other."""
        await self.house.until(
            lambda: tone_names.listen(agent.heard.pcm[-8000:]).ms(tone_names.CUSTOMER) >= 600,
            within=20,
            what=f"{name} hears the customer",
        )
        self.report.tell("customer", "and agent talk")


def _shown(invite: Any) -> str:
    """What a phone's display shows."""
    return f"“{invite.caller_name}” {invite.caller_number}"


async def main() -> int:
    """Play it; 0 if every check passed."""
    shutil.rmtree(RECORDINGS, ignore_errors=True)
    RECORDINGS.mkdir(parents=True)
    report = Report(RECORDINGS)
    report.tell("house", "an Asterisk, a controller and ten phones are being started")
    with tempfile.TemporaryDirectory(prefix="queueback-demo-") as folder:
        async with House(Path(folder), change=small, flows=flows()) as house:
            report.tell("house", "is open")
            async with asyncio.TaskGroup() as scenes:
                scenes.create_task(Demo(house, report).play())
                scenes.create_task(Transfers(house, report).play())
    return 0 if report.finish() else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
