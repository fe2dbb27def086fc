"""E on the real switch, at random: whatever people and phones do, all hear what was promised.

Several trios (customer, source, destination) walk at once, each in queues of its own. A walk is a
sequence of starts, verbs, answers, refusals, hang-ups and phones that die. After each step it waits
until the quick connect has come to rest; then everybody hears what its state promises, nobody else,
and has one call at most. After the last one nobody is left and every agent can work.

``IVR_WALK_SEED`` repeats one walk (the machine's timing still differs).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random, SystemRandom
from typing import Any, Final

import pytest

from ivr.domain.errors import UnexpectedEvent
from ivr.domain.quick_connect import Event, Party, TransferState, advance, allowed_verbs
from ivr.domain.transfer import Verb, event_of
from tests.hearing.sounds import tones
from tests.hearing.tones import (
    AGENT,
    AGENT_WHISPER,
    CUSTOMER,
    CUSTOMER_WHISPER,
    HERTZ,
    PROMPT,
    SECOND_AGENT,
)
from tests.house import House
from tests.payment_flow import turning_flow
from tests.phones import Answer, CallState, Phone, Ring, tone
from tests.phones.call import PhoneCall
from tests.phones.sound import to_ulaw
from tests.quick_connect_tones import dies, differs, quick_connect_flows
from tests.scenes import PATIENCE
from tests.tone_site import add_number, quick_wait, recordings, tone_house

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(7200),
]

FULL: Final = os.environ.get("QUEUEBACK_FULL") == "1"
TRIOS: Final = 4
STEPS: Final = 9
RING_SECONDS: Final = 8
BRIEF: Final = 0.4
"""Seconds of whispers and prompts: long enough to be heard."""

S, E = TransferState, Event
LEADS_TO: Final = {
    S.SOURCE_FLOW: S.RINGING,
    S.CUSTOMER_FLOW: S.RINGING,
    S.JOINT_FLOW: S.RINGING,
    S.AGENT_WHISPER: S.CONSULTING,
    S.SOURCE_WHISPER: S.CONSULTING,
    S.ADDING_WHISPER: S.JOINED,
    S.COLD_WHISPER: S.HANDED_OVER,
    S.CUSTOMER_WHISPER: S.HANDED_OVER,
}
"""States that pass by themselves, and where they lead."""
KINDS: Final = ("Agent", "Turning", "Queue", "Office")
"""What a trio's quick connects lead to; the flow of one speaks with everybody first."""
RINGS: Final = frozenset({S.RINGING, S.ADDING_RINGING, S.COLD_RINGING})
QUEUES: Final = frozenset({S.IN_QUEUE, S.ADDING_IN_QUEUE})
OVER: Final = frozenset({S.RETURNED, S.HANDED_OVER, S.QUEUED, S.ENDED})


# --- the site -----------------------------------------------------------------------------------


def _line(trio: int) -> str:
    return f"+120255503{trio:02}"


def _office(trio: int) -> str:
    return f"+120255502{trio:02}"


def _site(data: dict[str, Any]) -> None:
    data["site"]["ring_agent_seconds"] = RING_SECONDS
    data["flows"] += [
        {"name": "To an agent", "kind": "AGENT_TRANSFER"},
        {"name": "To a queue", "kind": "QUEUE_TRANSFER"},
        {"name": "Turning", "kind": "AGENT_TRANSFER"},
        {"name": "Default agent hold", "kind": "AGENT_HOLD"},
    ]
    (sales,) = (each for each in data["queues"] if each["name"] == "Sales")
    for trio in range(TRIOS):
        for name in (f"Source {trio}", f"Second {trio}"):
            reached = [f"{kind} {trio}" for kind in KINDS]
            data["queues"].append({**sales, "name": name, "quick_connects": reached})
            profile = {"name": name, "queues": [{"queue": name, "priority": 1}]}
            data["routing_profiles"].append(profile)
            agent = {"name": name, "routing_profile": name, "after_contact_work_seconds": 1}
            data["agents"].append(agent)
        data["quick_connects"] += [
            {"name": f"Agent {trio}", "agent": f"Second {trio}", "flow": "To an agent"},
            {"name": f"Turning {trio}", "agent": f"Second {trio}", "flow": "Turning"},
            {"name": f"Queue {trio}", "queue": f"Second {trio}", "flow": "To a queue"},
            {"name": f"Office {trio}", "number": _office(trio)},
        ]
        add_number(data, _line(trio), f"Line {trio}")


def _brief(name: str, seconds: float = BRIEF) -> bytes:
    return to_ulaw(tones(HERTZ[name], seconds=seconds))


HOUSE = tone_house(
    _site,
    prompts={
        **recordings(),
        "prompt.ulaw": _brief(PROMPT),
        "agent-whisper.ulaw": _brief(AGENT_WHISPER),
        "customer-whisper.ulaw": _brief(CUSTOMER_WHISPER),
    },
    flows={
        **quick_connect_flows(),
        "turning.json": turning_flow("TransferContactToAgent"),
        **{f"line-{trio}.json": quick_wait(f"Source {trio}") for trio in range(TRIOS)},
    },
    environment={"IVR_PBX__RTP_TIMEOUT_SECONDS": "4", "IVR_LIMITS__DIALS_PER_MINUTE": "1000"},
)


# --- a trio -------------------------------------------------------------------------------------


@dataclass
class Trio:
    """The phones of those who walk together."""

    house: House
    number: int
    caller: Phone
    source: Phone
    second: Phone
    office: Phone

    @property
    def agents(self) -> tuple[str, str]:
        """Source and second agent."""
        return f"source-{self.number}", f"second-{self.number}"

    async def takes_a_new_phone(self, party: Party) -> None:
        """Source or destination plug another phone in, whatever the old one is doing."""
        source, second = self.agents
        if party is Party.SOURCE:
            self.source = await _phone(self.house, source, AGENT)
        else:
            self.second = await _phone(self.house, second, SECOND_AGENT)

    @property
    def phones(self) -> tuple[Phone, ...]:
        return self.caller, self.source, self.second, self.office


async def _phone(house: House, agent: str, name: str) -> Phone:
    phone = await house.agent_phone(agent, says=tone(HERTZ[name]))
    phone.will(Answer(after=0.05) if name == AGENT else Ring())
    return phone


async def gathered(house: House, number: int) -> Trio:
    """A trio with its phones logged in."""
    office = house.stranger(_office(number), says=tone(HERTZ[SECOND_AGENT]))
    office.will(Ring())
    return Trio(
        house,
        number,
        caller=house.stranger(f"+120255504{number:02}", says=tone(HERTZ[CUSTOMER])),
        source=await _phone(house, f"source-{number}", AGENT),
        second=await _phone(house, f"second-{number}", SECOND_AGENT),
        office=office,
    )


def live(phone: Phone) -> PhoneCall | None:
    """The call that a phone is in."""
    calls = [call for call in phone.calls if call.state is CallState.TALKING]
    assert len(calls) <= 1, f"{phone.name} is in {len(calls)} calls at once"
    return calls[0] if calls else None


def rings(phone: Phone) -> PhoneCall | None:
    """The call that a phone rings for."""
    calls = [call for call in phone.calls if call.state is CallState.RINGING and call.invite]
    assert len(calls) <= 1, f"{phone.name} rings for {len(calls)} calls at once"
    return calls[0] if calls else None


# --- a walk -------------------------------------------------------------------------------------

Do = Callable[[], Awaitable[TransferState | None]]
"""A step: does something; the state it leads to, if only one is possible."""


@dataclass
class Walk:
    """One walk of a trio, from a talk of source and customer until nobody is left."""

    trio: Trio
    chance: Random
    state: TransferState = S.RETURNED
    contact: str = ""
    steps: list[str] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)

    @property
    def house(self) -> House:
        return self.trio.house

    async def goes(self) -> None:
        """Walk."""
        await self._begins()
        for _ in range(STEPS):
            if self.state in OVER - {S.RETURNED}:
                break
            await self._does(*self._choice())
        if self.state not in OVER:
            await self._does(*self.chance.choice(self._endings()))
        await self._ends()

    async def _does(self, name: str, do: Do) -> None:
        self.steps.append(f"{self.state.value}: {name}")
        await self._settles(await do())

    # --- what can be done -----------------------------------------------------------------------

    def _choice(self) -> tuple[str, Do]:
        """One of the steps that are possible now, the usual ones more often."""
        weighed = list(self._possible())
        names, does, weights = zip(*weighed, strict=True)
        (chosen,) = self.chance.choices(range(len(names)), weights)
        return names[chosen], does[chosen]

    def _possible(self) -> Iterator[tuple[str, Do, int]]:
        if self.state is S.RETURNED:
            for kind in KINDS:
                yield f"start {kind}", partial(self._start, kind, hold=True), 3
                yield f"start {kind}, no hold", partial(self._start, kind, hold=False), 1
        allowed = allowed_verbs(self.state)
        for verb in Verb:
            makes_sense = event_of(verb, self.state) in allowed
            leaves = verb in (Verb.LEAVE, Verb.DROP, Verb.CANCEL)
            usual = 3 if makes_sense and not leaves else 1
            if self.begun:  # else there is nothing to refuse yet
                yield verb.value, partial(self._use, verb), usual
        if self.state not in OVER:
            yield "two verbs at once", self._two_verbs, 3
        if (self.state in RINGS | QUEUES) and self._ringing() is not None:
            yield "destination answers", self._answer, 20
            yield "destination rejects", self._reject, 4
            if rings(self.trio.second):
                yield "nobody answers", self._miss, 2
                yield "phone dies while it rings", self._dies_ringing, 1
        if self.state in QUEUES and self._ringing() is None:
            yield "destination is available", self._available, 12
        if self.state not in OVER:
            for name, do in self._endings():
                yield name, do, 1

    def _endings(self) -> list[tuple[str, Do]]:
        """What takes somebody out of the call."""
        ends: list[tuple[str, Do]] = []
        calls = self._calls()
        if calls[Party.CUSTOMER]:
            ends.append(("customer hangs up", partial(self._hang_up, Party.CUSTOMER)))
        if calls[Party.SOURCE]:
            ends.append(("source hangs up", partial(self._hang_up, Party.SOURCE)))
            ends.append(("source's phone dies", partial(self._die, Party.SOURCE)))
        if calls[Party.DESTINATION]:
            ends.append(("destination hangs up", partial(self._hang_up, Party.DESTINATION)))
        if live(self.trio.second):
            ends.append(("destination's phone dies", partial(self._die, Party.DESTINATION)))
        return ends

    def _calls(self) -> dict[Party, PhoneCall | None]:
        trio = self.trio
        return {
            Party.CUSTOMER: live(trio.caller),
            Party.SOURCE: live(trio.source),
            Party.DESTINATION: live(trio.second) or live(trio.office),
        }

    def _ringing(self) -> PhoneCall | None:
        return rings(self.trio.second) or rings(self.trio.office)

    def _after(self, event: Event) -> TransferState | None:
        """Where an event leads, unless a phone rings there: that goes on by itself."""
        try:
            state = advance(self.state, event).to
        except UnexpectedEvent:
            return None
        state = LEADS_TO.get(state, state)
        return None if state in RINGS | QUEUES else state

    # --- steps ----------------------------------------------------------------------------------

    async def _start(self, kind: str, *, hold: bool) -> TransferState | None:
        body = {"quick_connect": f"{kind} {self.trio.number}", "hold": hold}
        seen = await self.house.post(f"/contacts/{self.contact}/transfer", body)
        self.begun.add(seen["contact_id"])
        return None

    async def _use(self, verb: Verb) -> TransferState | None:
        event = event_of(verb, self.state)
        allowed = event in allowed_verbs(self.state)
        granted = await self._asks(verb)
        if self.state not in RINGS | QUEUES:
            assert granted == allowed, f"{verb.value} in {self.state.value}: {granted}"
        return self._after(event) if granted and allowed else None

    async def _two_verbs(self) -> None:
        first, second = self.chance.choices(list(Verb), k=2)
        self.steps.append(f"  {first.value} and {second.value}")
        async with asyncio.TaskGroup() as both:
            both.create_task(self._asks(first))
            both.create_task(self._asks(second))

    async def _asks(self, verb: Verb) -> bool:
        """Ask for a verb; whether it was granted."""
        try:
            await self.house.post(f"/contacts/{self.contact}/transfer/{verb.value}")
        except AssertionError as refused:
            if ": 409 " not in str(refused):
                raise
            return False
        return True

    async def _answer(self) -> TransferState | None:
        call = self._ringing()
        if call is None:
            return None
        number = call in self.trio.office.calls
        call.answer()
        return self._after(E.NUMBER_ANSWERED if number else E.AGENT_ANSWERED)

    async def _reject(self) -> TransferState | None:
        call = self._ringing()
        if call is None:
            return None
        call.reject(self.chance.choice((486, 603, 404)))
        return self._after(E.DESTINATION_FAILED)

    async def _miss(self) -> TransferState | None:
        call = rings(self.trio.second)
        if call is None:
            return None
        await call.ended(PATIENCE)
        return self._after(E.DESTINATION_FAILED)

    async def _dies_ringing(self) -> TransferState | None:
        dies(self.trio.second)
        await self.trio.takes_a_new_phone(Party.DESTINATION)
        await self._comes_to(lambda state: state not in RINGS, "the phone that died is given up")
        return None

    async def _available(self) -> None:
        await self.house.status(self.trio.agents[1])

    async def _hang_up(self, party: Party) -> TransferState | None:
        call = self._calls()[party]
        if call is None:
            return None
        call.hang_up()
        return self._after_leaving(party, lost=False)

    async def _die(self, party: Party) -> TransferState | None:
        dies(self.trio.source if party is Party.SOURCE else self.trio.second)
        await self.trio.takes_a_new_phone(party)
        return self._after_leaving(party, lost=True)

    def _after_leaving(self, party: Party, *, lost: bool) -> TransferState | None:
        source = E.SOURCE_LOST if lost else E.LEAVE_ASKED
        return self._after(
            {
                Party.CUSTOMER: E.CUSTOMER_HUNG_UP,
                Party.SOURCE: source,
                Party.DESTINATION: E.DESTINATION_HUNG_UP,
            }[party]
        )

    # --- what must hold -------------------------------------------------------------------------

    async def _step(self) -> TransferState:
        return S((await self.house.get(f"/contacts/{self.contact}/transfer"))["step"])

    async def _comes_to(self, there: Callable[[TransferState], bool], what: str) -> None:
        async def so() -> bool:
            self.state = await self._step()
            return there(self.state)

        await self.house.until(so, within=PATIENCE, what=what)

    async def _settles(self, expected: TransferState | None) -> None:
        """Wait until the quick connect rests, at the expected state, and all hear that."""
        was = ""

        async def so() -> bool:
            nonlocal was
            self.state = await self._step()
            if self.state in LEADS_TO or (expected and self.state is not expected):
                was = self.state.value
                return False
            was = f"{self.state.value}: {self._differs()}"
            return was.endswith(": None")

        try:
            wanted = expected.value if expected else "any state"
            what = f"{wanted} is reached and heard after {self.steps[-1]!r}"
            await self.house.until(so, within=PATIENCE, what=what)
        except AssertionError as error:
            error.add_note(f"last seen: {was}")
            raise

    def _differs(self) -> str | None:
        if self.state in RINGS and self._ringing() is None:
            return "no phone rings"
        return differs(self.state, self._calls())

    # --- beginning and end ----------------------------------------------------------------------

    async def _begins(self) -> None:
        source, second = self.trio.agents
        await self.house.status(source)
        await self.house.status(second)
        await self.house.calls(self.trio.caller, _line(self.trio.number))

        await self.house.until(
            lambda: self._differs() is None, within=PATIENCE, what="source and customer talk"
        )
        await self.house.status(source, "Lunch")  # serves nobody else afterwards
        self.contact = (await self.house.agent(source))["contact_id"]

    async def _ends(self) -> None:
        """Have everybody hang up; nobody is left, and both agents can work again."""
        for phone in self.chance.sample(self.trio.phones, k=len(self.trio.phones)):
            for call in phone.calls:
                call.hang_up()
        await self.house.until(self._is_over, within=PATIENCE, what="everything is over")
        for agent in self.trio.agents:
            await self.house.status(agent)
            await self.house.agent_is(agent, "idle", within=PATIENCE)
            await self.house.status(agent, "Offline")

    async def _is_over(self) -> bool:
        rows = {each["id"]: each for each in await self.house.get("/agents")}
        if any(rows[agent]["contact_id"] for agent in self.trio.agents):
            return False
        if any(live(phone) or rings(phone) for phone in self.trio.phones):
            return False
        for contact in (self.contact, *self.begun):
            if (await self.house.contact(contact))["record"]["ivr"]["State"] != "ended":
                return False
        return True


async def walk_all(house: House, seeds: Iterator[int]) -> None:
    """Walk every seed, as many at once as there are trios; then no channel is left."""

    async def walks(trio: Trio) -> None:
        for seed in seeds:
            walk = Walk(trio, Random(seed))
            try:
                await walk.goes()
            except Exception as error:
                error.add_note(f"IVR_WALK_SEED={seed}, steps:\n  " + "\n  ".join(walk.steps))
                raise

    async with asyncio.TaskGroup() as all_walks:
        for number in range(TRIOS):
            all_walks.create_task(walks(await gathered(house, number)))

    async def nobody() -> bool:
        return "0 active channels" in await house.pbx.console("core show channels count")

    await house.until(nobody, within=PATIENCE, what="no channel is left")


def _seeds() -> Iterator[int]:
    """Seeds of 20 walks, 300 in a full run; or the one that is to be repeated."""
    if wanted := os.environ.get("IVR_WALK_SEED"):
        return iter([int(wanted)])
    walks, first = (300, SystemRandom().randrange(1_000_000)) if FULL else (20, 0)
    return iter(range(first, first + walks))


async def test_all_hear_what_was_promised_on_every_walk(house: House) -> None:
    await walk_all(house, _seeds())
