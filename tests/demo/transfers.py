"""The quick connects of the demo: Carla passes one caller on to everybody there is.

She and the two others have queues of their own, so that they never meet the callback scenes.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, Final

from tests.demo.report import Report
from tests.hearing.tones import (
    AGENT,
    BEEP,
    CUSTOMER,
    HERTZ,
    RINGBACK,
    SECOND_AGENT,
    SOUND,
    Timeline,
    listen,
)
from tests.house import LOCAL, House
from tests.phones import Answer, Phone, Reject, Ring, tone
from tests.phones.call import PhoneCall
from tests.scenes import asked, hears, inbound_of, rung
from tests.tone_site import add_number, quick_wait

SUPPORT, CALLER, OFFICE = "+12025550104", "+12025550173", "+12025550165"
RING_SECONDS: Final = 5
"""How long an agent's phone rings in the demo; the shipped site says 20."""
_QUEUE: Final = "Technical support"
FLOWS: Final = {"support-entry.json": quick_wait(_QUEUE)}


def with_support(site: dict[str, Any]) -> None:
    """Add a queue with Carla and Dan, and give the sample's second one to Eva alone."""
    site["site"]["ring_agent_seconds"] = RING_SECONDS
    add_number(site, SUPPORT, "Support entry")
    queues = {each["name"]: each for each in site["queues"]}
    reached = ["dan", "password-reset", "office"]
    site["queues"].append({**queues["Sales"], "name": _QUEUE, "quick_connects": reached})
    site["quick_connects"].append({"name": "Dan", "agent": "dan"})
    for profile in site["routing_profiles"]:
        profile["queues"] = [q for q in profile["queues"] if q["queue"] != "PasswordReset"]
    for agent, queue in (("Carla", _QUEUE), ("Dan", _QUEUE), ("Eva", "PasswordReset")):
        profile = {"name": agent, "queues": [{"queue": queue, "priority": 1}]}
        site["routing_profiles"].append(profile)
        site["agents"].append({"name": agent, "routing_profile": agent})


class Transfers:
    """One call that is passed on five times."""

    def __init__(self, house: House, report: Report) -> None:
        self.house, self.report = house, report

    async def play(self) -> None:
        """Play every scene."""
        house, report = self.house, self.report
        carla = await house.agent_phone("carla", says=tone(HERTZ[AGENT]))
        self.dan = await house.agent_phone("dan", says=tone(HERTZ[SECOND_AGENT]))
        self.eva = await house.agent_phone("eva", says=tone(HERTZ[SECOND_AGENT]))
        caller = house.stranger(CALLER)
        self.customer: PhoneCall = await house.calls(caller, SUPPORT)
        await house.status("carla")
        self.carla = await rung(carla)
        await self._talk_together(self.customer, self.carla)
        self.contact = await inbound_of(house, caller)
        report.tell("Carla", "talks with a caller of technical support")
        await self._refused()
        await self._unanswered()
        await self._to_a_number()
        await self._to_a_queue()
        await self._to_an_agent()

    # --- scenes ---------------------------------------------------------------------------------

    async def _refused(self) -> None:
        await self.house.status("dan")
        self.dan.will(Reject(486, after=1))
        await self._start("Dan", "but he refuses")
        await self._is_back("after a refusal")

    async def _unanswered(self) -> None:
        await self.house.status("dan")
        self.dan.will(Ring())
        await self._start("Dan", f"but his phone rings for {RING_SECONDS} s in vain")
        await self._is_back("after no answer")

    async def _to_a_number(self) -> None:
        office = self.house.stranger(OFFICE, says=tone(HERTZ[SECOND_AGENT]))
        office.will(Answer(after=1))
        began = await self._start("Office", "a number on the telephone network")
        call = await self._consults(office)
        for header in ("From", "P-Asserted-Identity"):
            value = asked(call).header(header)
            self.report.check("Office", f"{header}: {LOCAL}", value[:60], LOCAL in value)
        line = listen(call.heard.pcm)
        heard = {name: line.ms(name) for name in (SOUND, BEEP, CUSTOMER)}
        was = ", ".join(f"{name} {ms} ms" for name, ms in heard.items())
        alone = heard[SOUND] <= 100 and not heard[BEEP] and not heard[CUSTOMER]
        self.report.check("Office", "no whisper, no customer", was, alone)
        self._was_on_hold(began)
        await self._drops(call)

    async def _to_a_queue(self) -> None:
        await self.house.status("eva")
        self.eva.will(Answer(after=1))
        began = await self._start("Password reset", "a queue, whose next agent is Eva")
        call = await self._consults(self.eva)
        shown = asked(call).caller_name
        passed = shown == "Transfer PasswordReset"
        self.report.check("Eva", "is offered a transfer of that queue", f"“{shown}”", passed)
        line = listen(call.heard.pcm)
        was = f"whisper {line.ms(SOUND)} ms, agent {line.ms(AGENT)} ms"
        self.report.check(
            "Eva", "a whisper, then Carla", was, line.ms(SOUND) >= 300 and line.ms(AGENT) >= 300
        )
        self._was_on_hold(began)
        await self._drops(call)

    async def _to_an_agent(self) -> None:
        house, report = self.house, self.report
        await house.status("dan")
        self.dan.will(Answer(after=1))
        since = self.carla.heard.seconds
        began = await self._start("Dan", "who answers this time")
        dan = await self._consults(self.dan)
        beep = listen(self.carla.heard.between(began, monotonic())).ms(BEEP)
        report.check("Carla", "whisper: a beep", f"beep {beep} ms", beep >= 100)
        report.hears(
            "Carla",
            self.carla,
            since=since,
            says=("Transferring you now",),
            never=(_QUEUE,),
            tones=(RINGBACK, SECOND_AGENT),
        )
        report.hears(
            "Dan", dan, says=(_QUEUE,), tones=(AGENT,), no_tones=(BEEP, CUSTOMER, RINGBACK)
        )
        self._was_on_hold(began)

        report.tell("Carla", "joins the caller: all three talk")
        await self._use("join")
        await self._talk_together(self.customer, self.carla, dan)
        heard = [listen(call.heard.latest(1)) for call in (self.customer, self.carla, dan)]
        others = ((AGENT, SECOND_AGENT), (CUSTOMER, SECOND_AGENT), (CUSTOMER, AGENT))
        ms = [line.ms(*names) for line, names in zip(heard, others, strict=True)]
        report.check("all three", "hear each other", f"{ms} ms", min(ms) >= 300)
        report.tell("Carla", "leaves")
        await self._use("leave")
        await self.carla.ended(within=10)
        left = monotonic() + 0.2  # what was sent before is on its way

        def afterwards() -> Timeline:
            return listen(self.customer.heard.between(left, monotonic()))

        await house.until(
            lambda: afterwards().ms(SECOND_AGENT) >= 600, within=20, what="the customer hears Dan"
        )
        alone = afterwards().ms(AGENT) == 0
        report.check("customer", "hears Dan alone after Carla has left", str(afterwards()), alone)
        self.customer.hang_up()
        await dan.ended(within=10)
        report.tell("customer", "hangs up")

    # --- what they have in common ---------------------------------------------------------------

    async def _start(self, quick_connect: str, what: str) -> float:
        self.report.tell("Carla", f"starts the quick connect {quick_connect}: {what}")
        began = monotonic()
        body = {"quick_connect": quick_connect}
        await self.house.post(f"/contacts/{self.contact}/transfer", body)
        return began

    async def _use(self, verb: str) -> None:
        await self.house.post(f"/contacts/{self.contact}/transfer/{verb}")

    async def _consults(self, phone: Phone) -> PhoneCall:
        """Wait until whoever answers talks with Carla."""
        call = await phone.answered(within=20)
        await self._talk_together(self.carla, call)
        return call

    async def _drops(self, call: PhoneCall) -> None:
        await self._use("drop")
        await call.ended(within=10)
        await self._talk_together(self.customer, self.carla)

    async def _is_back(self, when: str) -> None:
        """Wait until the quick connect has failed and the customer talks with Carla again."""
        path = f"/contacts/{self.contact}/transfer"

        async def over() -> bool:
            return bool((await self.house.get(path))["state"] == "disconnected")

        await self.house.until(over, within=20, what="the quick connect is over")
        step = (await self.house.get(path))["step"]
        await self._talk_together(self.customer, self.carla)
        self.report.check("customer", f"is back with Carla {when}", step, step == "returned")

    async def _talk_together(self, *calls: PhoneCall) -> None:
        """Wait until each of these hears all the others."""
        tones = [self._tone_of(call) for call in calls]
        for call in calls:
            others = [each for each in tones if each != self._tone_of(call)]
            await hears(self.house, call, *others)

    def _tone_of(self, call: PhoneCall) -> str:
        if call is self.customer:
            return CUSTOMER
        return AGENT if call is self.carla else SECOND_AGENT

    def _was_on_hold(self, since: float) -> None:
        """Check that the customer has heard music and nobody since then, but for the first move."""
        heard = listen(self.customer.heard.between(since + 0.5, monotonic()))
        voices = heard.ms(AGENT) + heard.ms(SECOND_AGENT)
        was = f"music {heard.ms(SOUND)} ms, agents {voices} ms"
        passed = heard.ms(SOUND) >= 500 and voices <= 100  # a note may be an agent's tone
        self.report.check("customer", "music on hold, and nobody", was, passed)
