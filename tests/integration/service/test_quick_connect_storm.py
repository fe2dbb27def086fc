"""Quick connects in a storm: whatever people, phones and the link do, nobody is lost.

Anna talks with a caller; then anything happens in any order, in virtual time. Soon after each step
every leg is where the state of its contact promises, and when all have hung up all is over.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.agent import BUSY_ACTIVITIES, AgentActivity
from ivr.domain.contact import SERVING_STATES, Contact, ContactState
from ivr.domain.errors import NotFound, NotNow
from ivr.domain.ids import AgentId, LegId
from ivr.domain.leg import LegOutcome, Role, outbound_leg_id
from ivr.domain.quick_connect import Party, Sound, TransferState, hearing
from ivr.domain.transfer import Transfer, Verb, talks
from ivr.ports.telephony import HOLD, PROGRAM, QUIET, RINGBACK, Place, ToNumber, room
from ivr.service.contact_centre import SWEEP
from ivr.service.quick_connects import QuickConnects
from ivr.testing.fake_phone import FakePhone
from ivr.testing.fake_switch import Called
from tests.centre import ANNA, ANNAS_PHONE, BEN, BENS_PHONE, LOCAL, Centre, running_centre
from tests.payment_flow import payment_flow
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

FULL = os.environ.get("QUEUEBACK_FULL") == "1"
WALKS = 400 if FULL else 40
STEPS = 12
CARLA, CARLAS_PHONE = AgentId("carla"), "agent-carla"
CALLER, OTHER, OFFICE = "+12025550160", "+12025550161", "+12025550165"
PAUSES = (0.0, 0.4, 2.5, 8.0)
"""Seconds after a step; after none nothing is checked: the next step comes at once."""
SOON = timedelta(seconds=8)
"""Within this all is where it belongs: a farewell, a knock, an answer. After an absence it may
take a sweep more: the fake switch drops a move that comes before the last one is carried out."""
POLL = timedelta(seconds=0.25)

S, C = TransferState, ContactState
Request = Callable[[QuickConnects, Contact], Awaitable[None]]
Where = Mapping[LegId, Place | None]


@dataclass
class Floor:
    """Everybody, and what they can do."""

    centre: Centre
    customer: FakePhone
    anna: FakePhone
    ben: FakePhone
    carla: FakePhone
    office: FakePhone
    another: FakePhone
    linked: bool = True
    was_away: bool = False
    asked: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def phones(self) -> tuple[FakePhone, ...]:
        return (self.customer, self.anna, self.ben, self.carla, self.office, self.another)

    # --- steps ----------------------------------------------------------------------------------

    async def asks(self, request: Request) -> None:
        """Ask something of every contact that is connected; the answers may come later."""
        for contact in await self.centre.store.open_contacts():
            if contact.state is C.CONNECTED:
                answer = _answered(request(self.centre.centre.quick_connects, contact))
                self.asked.append(asyncio.create_task(answer))

    async def answers_have_come(self) -> None:
        asked, self.asked = self.asked, []
        for answer in asked:
            await answer

    async def drops_parties(self) -> None:
        """Ask to drop every party of every conference, oldest first."""
        for transfer in await self.centre.store.open_transfers():
            if transfer.is_party:
                use = self.centre.centre.quick_connects.use
                party = use(transfer.source_id, Verb.DROP, party=transfer.contact_id)
                self.asked.append(asyncio.create_task(_answered(party)))

    async def loses_sessions(self) -> None:
        """Sessions die wherever they stand; a task that has not begun stands nowhere."""
        while any(_is_new(task) for task in asyncio.all_tasks()):
            await self.centre.passes(0)
        self.centre.lose_sessions()

    def lose_link(self) -> None:
        if self.linked:
            self.linked, self.was_away = False, True
            self.centre.switch.cut_link()

    def link_again(self) -> None:
        if not self.linked:
            self.linked = True
            self.centre.switch.restore_link()

    def calls(self) -> None:
        """Somebody else calls, whom Ben may get."""
        if not self._is_in_a_call(self.another):
            self.another = self.centre.switch.dials(LOCAL, caller=OTHER).will_press("2")

    async def strands(self) -> None:
        """Some leg falls out of its place before our eyes; one with the controller cannot."""
        await self.centre.passes(1)
        if not self.linked:
            return
        for phone in self.phones:
            if self.centre.switch.where(phone.leg) not in (None, PROGRAM):
                assert phone.leg is not None
                self.centre.switch.strand(phone.leg)
                return

    async def restarts(self) -> None:
        """The switch loses every leg; a phone called just then is looked for at the next sweep."""
        self.centre.switch.crash()
        self.linked = True
        self.centre.switch.start_again()
        await self.centre.passes(SWEEP.total_seconds())

    def dies(self, phone: FakePhone) -> None:
        if self._is_in_a_call(phone):
            phone.dies()
        else:
            phone.unplug()

    def hangs_up(self, phone: FakePhone) -> None:
        if self._is_in_a_call(phone):
            phone.hang_up()

    async def office_hangs_up_every_line(self) -> None:
        """The office can be called again while it is in a call; its phone knows the last one."""
        for each in self.centre.switch.commands:
            if isinstance(each, Called) and isinstance(each.order.to, ToNumber):
                await self.centre.switch.hang_up(each.order.leg_id)

    def answers_now(self, phone: FakePhone) -> None:
        if self._rings(phone):
            phone.answer()

    def rejects_now(self, phone: FakePhone) -> None:
        if self._rings(phone):
            phone.reject(LegOutcome.REJECTED)

    def _is_in_a_call(self, phone: FakePhone) -> bool:
        return self.centre.switch.is_live(phone.leg)

    def _rings(self, phone: FakePhone) -> bool:
        return self._is_in_a_call(phone) and self.centre.switch.where(phone.leg) is None

    # --- what must hold -------------------------------------------------------------------------

    async def problem(self) -> str | None:
        """What is not as it should be just now."""
        contacts = await self.centre.store.open_contacts()
        transfers = await self.centre.store.open_transfers()
        expected: dict[LegId, Place | None] = {}
        driven = set()
        for transfer in transfers:
            source = await self.centre.store.contact(transfer.source_id)
            destination = await self.centre.store.contact(transfer.contact_id)
            assert source is not None
            assert destination is not None
            expected |= places_of_transfer(transfer, source, destination)
            driven |= {source.id, destination.id}
        for contact in contacts:
            if contact.id not in driven:
                expected |= places_of_contact(contact)
        legs = (await self.centre.switch.live_legs()) if self.linked else ()
        found = {leg.leg_id: leg.place for leg in legs}
        if found != expected:
            return f"legs are {_words(found)}, not {_words(expected)}"
        alone = [place for place, n in Counter(found.values()).items() if place and n == 1]
        for place in alone:
            held = any(t.state is S.ALL_HELD for t in transfers)
            if place.room and not held:
                return f"somebody is alone in {place.room}"
        return await self._problem_of_agents(contacts)

    async def _problem_of_agents(self, contacts: Sequence[Contact]) -> str | None:
        holds = {c.agent_id: c for c in contacts if c.state in SERVING_STATES and c.agent_id}
        for agent in await self.centre.store.agents():
            contact = holds.get(agent.agent_id)
            busy = agent.activity in BUSY_ACTIVITIES
            if busy != (contact is not None) or (contact and contact.id != agent.contact_id):
                of = f"{contact.id} {contact.state.value}" if contact else "nothing"
                return f"{agent.agent_id} is {agent.activity.value} on {agent.contact_id}, not {of}"
            on_contact = agent.activity is AgentActivity.ON_CONTACT
            if contact and on_contact != (contact.state is C.CONNECTED):
                return f"{agent.agent_id} is {agent.activity.value} in {contact.state.value}"
        return None

    async def is_right(self) -> None:
        problem: str | None = ""
        patience = SOON + SWEEP if self.was_away else SOON
        self.was_away = not self.linked
        for _ in range(patience // POLL):
            problem = await self.problem()
            if problem is None:
                return
            await self.centre.passes(POLL.total_seconds())
        states = [(t.contact_id, t.state.value) for t in await self.centre.store.open_transfers()]
        contacts = [(c.id, c.state.value) for c in await self.centre.contacts()]
        pytest.fail(f"{problem}; quick connects {states}, contacts {contacts}")

    async def all_is_over(self) -> None:
        """Nobody is left anywhere, in ten minutes."""
        remain: list[object] = ["all"]
        for _ in range(120):
            legs = await self.centre.switch.live_legs()
            transfers = await self.centre.store.open_transfers()
            agents = [a for a in await self.centre.store.agents() if a.activity in BUSY_ACTIVITIES]
            contacts = await self.centre.store.open_contacts()
            remain = [*legs, *transfers, *agents, *contacts]
            if not remain:
                return
            await self.centre.passes(5)
        pytest.fail(f"not over: {remain}")


def _words(where: Where) -> str:
    places = {
        leg: (place.room or place.kind.value) if place else "ringing"
        for leg, place in where.items()
    }
    return str(dict(sorted(places.items())))


def places_of_transfer(t: Transfer, source: Contact, destination: Contact) -> Where:
    """Where the legs of a quick connect under way belong."""
    holder = destination if t.handed_over else source
    talk = room(source.talks_in)
    hears = hearing(t.state)
    places: dict[LegId, Place | None] = {}
    if t.is_party:
        return {outbound_leg_id(destination.id, Role.AGENT, destination.agent_attempts): talk}
    if hears[Party.CUSTOMER] and holder.customer_leg is not None:
        places[holder.customer_leg] = _place(hears[Party.CUSTOMER], talk, HOLD)
    if hears[Party.SOURCE] or t.state is S.ALL_HELD:
        leg = outbound_leg_id(source.id, Role.AGENT, source.agent_attempts)
        places[leg] = talk if t.state is S.ALL_HELD else _place(hears[Party.SOURCE], talk, PROGRAM)
    if t.state is S.JOINT_FLOW:
        places[t.flow_leg] = PROGRAM
    leg = outbound_leg_id(destination.id, Role.AGENT, destination.agent_attempts)
    if hears[Party.DESTINATION]:
        places[leg] = _place(hears[Party.DESTINATION], talk, PROGRAM)
    elif t.state in (S.SOURCE_WHISPER, S.CUSTOMER_WHISPER):
        places[leg] = QUIET
    elif destination.state is C.OFFERED:
        places[leg] = None
    return places


def _place(hears: frozenset[Party | Sound], talk: Place, hold: Place) -> Place:
    if talks(hears):
        return talk
    if Sound.HOLD in hears:
        return hold
    return RINGBACK if Sound.RINGING in hears else PROGRAM


def places_of_contact(contact: Contact) -> Where:
    """Where the legs of a contact belong that no quick connect decides on."""
    places: dict[LegId, Place | None] = {}
    connected = contact.state is C.CONNECTED
    if contact.customer_leg is not None:
        places[contact.customer_leg] = room(contact.talks_in) if connected else PROGRAM
    leg = outbound_leg_id(contact.id, Role.AGENT, contact.agent_attempts)
    match contact.state:
        case C.CONNECTED:
            places[leg] = room(contact.talks_in)
        case C.OFFERED:
            places[leg] = None
        case C.AGENT_WHISPER:
            places[leg] = PROGRAM
        case C.CUSTOMER_WHISPER:
            places[leg] = QUIET
        case _:
            pass
    return places


def _is_new(task: asyncio.Task[object]) -> bool:
    work = task.get_coro()
    return inspect.iscoroutine(work) and inspect.getcoroutinestate(work) == inspect.CORO_CREATED


async def _answered(asked: Awaitable[None]) -> None:
    """Whoever asks gets an answer, if only that it cannot be."""
    try:
        async with asyncio.timeout(60):
            await asked
    except (NotNow, NotFound):
        return


Step = Callable[[Floor], Awaitable[object] | object]


def _becomes(agent: AgentId, status: str) -> Step:
    return lambda f: f.centre.becomes(agent, status)


def _starts(quick_connect: str, *, hold: bool) -> Step:
    return lambda f: f.asks(lambda door, contact: door.start(contact.id, quick_connect, hold=hold))


def _uses(verb: Verb) -> Step:
    return lambda f: f.asks(lambda door, contact: door.use(contact.id, verb))


STARTS: dict[str, Step] = {
    f"start {name}{'' if hold else ', no hold'}": _starts(name, hold=hold)
    for name in ("Ben", "Carla", "Payment", "Password reset", "Office", "Anna")
    for hold in (True, False)
}
VERBS: dict[str, Step] = {verb.value: _uses(verb) for verb in Verb}
HAPPENINGS: dict[str, Step] = {
    "customer hangs up": lambda f: f.hangs_up(f.customer),
    "Anna hangs up": lambda f: f.hangs_up(f.anna),
    "Ben hangs up": lambda f: f.hangs_up(f.ben),
    "Carla hangs up": lambda f: f.hangs_up(f.carla),
    "office hangs up": lambda f: f.hangs_up(f.office),
    "parties are dropped": lambda f: f.drops_parties(),
    "Anna's phone dies": lambda f: f.dies(f.anna),
    "Ben's phone dies": lambda f: f.dies(f.ben),
    "Anna's phone is back": lambda f: f.anna.plug_in(),
    "Carla's phone dies": lambda f: f.dies(f.carla),
    "Ben's phone is back": lambda f: f.ben.plug_in(),
    "Carla's phone is back": lambda f: f.carla.plug_in(),
    "Ben answers": lambda f: f.answers_now(f.ben),
    "Ben rejects": lambda f: f.rejects_now(f.ben),
    "office answers": lambda f: f.answers_now(f.office),
    "Ben will miss": lambda f: f.ben.rings(),
    "Carla will miss": lambda f: f.carla.rings(),
    "Carla will answer": lambda f: f.carla.answers(),
    "Ben will reject": lambda f: f.ben.rejects(after=2),
    "Ben will answer late": lambda f: f.ben.answers(after=15),
    "Ben will answer": lambda f: f.ben.answers(),
    "Ben will leave soon": lambda f: f.ben.answers(leaves_after=3),
    "office will be busy": lambda f: f.office.is_busy(),
    "office will answer late": lambda f: f.office.answers(after=10),
    "Ben is available": _becomes(BEN, "Available"),
    "Carla is available": _becomes(CARLA, "Available"),
    "Ben is at lunch": _becomes(BEN, "Lunch"),
    "Ben is offline": _becomes(BEN, "Offline"),
    "Anna is available": _becomes(ANNA, "Available"),
    "another calls": lambda f: f.calls(),
    "another hangs up": lambda f: f.hangs_up(f.another),
    "a leg is stranded": lambda f: f.strands(),
    "switch starts again": lambda f: f.restarts(),
    "sessions are lost": lambda f: f.loses_sessions(),
    "link is lost": lambda f: f.lose_link(),
    "link is back": lambda f: f.link_again(),
    "30 s pass": lambda f: f.centre.passes(30),
}
ALL = STARTS | VERBS | HAPPENINGS
PAUSE = st.sampled_from(PAUSES)
JOINS = ("Ben", "Office", "Carla")
BRINGS = tuple((f"start {name}, no hold", 8.0) for name in JOINS)
WALK = st.tuples(
    st.integers(0, len(JOINS)).map(lambda size: BRINGS[:size]),
    st.tuples(st.sampled_from(sorted(STARTS)), PAUSE),
    st.lists(
        st.tuples(
            st.sampled_from(sorted(VERBS)) | st.sampled_from(sorted(HAPPENINGS) + sorted(STARTS)),
            PAUSE,
        ),
        min_size=STEPS - 4,
        max_size=STEPS + 4,
    ),
).map(lambda drawn: [*drawn[0], drawn[1], *drawn[2]])
"""Some conference to begin with, then anything."""


def _with_more(site: dict[str, Any]) -> None:
    site["agents"].append({**site["agents"][0], "name": "Carla"})
    site["flows"].append({"name": "Payment", "kind": "AGENT_TRANSFER"})
    site["quick_connects"] += [
        {"name": "Carla", "agent": "carla"},
        {"name": "Payment", "agent": "ben", "flow": "Payment"},
    ]
    for queue in site["queues"]:
        queue["quick_connects"] += ["carla", "payment"]


async def walk(centre: Centre, steps: list[tuple[str, float]]) -> None:
    phones = (ANNAS_PHONE, BENS_PHONE, CARLAS_PHONE)
    anna, ben, carla = (centre.switch.phone(each).answers() for each in phones)
    carla.plug_in()
    office = centre.switch.customer(OFFICE).answers(after=2)
    await centre.becomes(ANNA)
    customer = centre.switch.dials(LOCAL, caller=CALLER).will_press("2")
    await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.ON_CONTACT))
    await centre.becomes(BEN)
    await centre.becomes(CARLA)
    another = FakePhone("nobody yet", centre.switch)
    floor = Floor(centre, customer, anna, ben, carla, office, another)
    await floor.is_right()
    for name, pause in steps:
        done = ALL[name](floor)
        if isinstance(done, Awaitable):
            await done
        await centre.passes(pause)
        if pause:
            await floor.answers_have_come()
        if pause and floor.linked:
            await floor.is_right()
    floor.link_again()
    await floor.answers_have_come()
    await floor.is_right()
    for phone in floor.phones:
        floor.hangs_up(phone)
    await floor.office_hangs_up_every_line()
    await floor.all_is_over()


@pytest.mark.timeout(1800)
@settings(max_examples=WALKS, deadline=None, derandomize=not FULL)
@given(WALK)
def test_nobody_is_lost_in_a_storm(steps: list[tuple[str, float]]) -> None:
    async def main(folder: Path) -> None:
        flows = {"payment.json": payment_flow("TransferContactToAgent", last="OffHold")}
        how: dict[str, Any] = {"change": _with_more, "flows": flows}
        async with running_centre(VirtualClock(), folder, **how) as centre:
            await walk(centre, steps)

    with tempfile.TemporaryDirectory() as folder:
        run_virtual(main(Path(folder)))
