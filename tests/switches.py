"""One stage, two switches: the same people on the fake switch and on a real Asterisk.

What a contract test says to a :class:`Stage` means the same on both: a customer behind
``NUMBER``, an agent's phone ``anna``, a caller who comes in over the trunk and dials ``DID``.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from typing import Final

import pytest

from ivr.domain.ids import E164, ContactId, Endpoint, LegId
from ivr.ports.provisioning import AgentPhone, InboundNumber, PbxPlan, Trunk
from ivr.ports.telephony import (
    HOLD,
    CallControl,
    Entry,
    LegJoined,
    Participant,
    Place,
    SwitchEvent,
    SwitchUp,
)
from ivr.telephony.agi.server import FastAgiServer
from ivr.telephony.call_control import AsteriskCallControl, TrunkLine
from ivr.testing.fake_phone import FakePhone
from ivr.testing.fake_switch import FakeSwitch
from tests.pbx import IMAGE, Pbx, free_port, loopback_plan
from tests.phones import Answer, Call, Ignore, Line, Phone, Policy, Reject, Ring
from tests.virtual_time import VirtualClock

NUMBER: Final = E164("+12025559876")
CALLER: Final = "+12025550000"
ANNA: Final = AgentPhone(endpoint=Endpoint("anna"), secret="anna-secret", display_name="Anna")
DID: Final = InboundNumber(number=E164("+15550100"), spellings=("+15550100",))
CARRIER: Final = "127.0.0.26"

Handler = Callable[[Participant], Awaitable[None]]


class Habit(Enum):
    """What the customer's phone does."""

    ANSWERS = "answers"
    RINGS = "rings"
    DECLINES = "declines"
    IS_BUSY = "is_busy"
    DOES_NOT_EXIST = "does_not_exist"
    IS_OUT_OF_ORDER = "is_out_of_order"
    IS_SILENT = "is_silent"


class Stage(ABC):
    """A switch with people, and what it told.

    Attributes:
        control: The port.
        events: Every event so far.
        entries: How each participant came.
        handler: What the controller does with a participant; sends it to ``HOLD`` at first.
    """

    control: CallControl

    def __init__(self) -> None:
        self.events: list[SwitchEvent] = []
        self.entries: list[Entry] = []
        self.handler: Handler = _to_hold
        self._changed = asyncio.Event()

    @abstractmethod
    def customer_will(self, habit: Habit) -> None:
        """Say what the customer's phone does."""

    @abstractmethod
    async def customer_hangs_up(self) -> None:
        """Let the customer hang up an answered call."""

    @abstractmethod
    def dials(self, *presses: str) -> None:
        """Let the caller dial the site, and press these keys, one entry per question."""

    @abstractmethod
    def caller_hangs_up(self) -> None:
        """Let the caller hang up."""

    @abstractmethod
    async def caller_was_refused(self) -> bool:
        """Whether the caller heard that there is no such number; waits for the end."""

    @abstractmethod
    def asks(self) -> None:
        """Say that a question is being asked now (by the handler)."""

    def take(self, event: SwitchEvent) -> None:
        """Note an event (the sink)."""
        self.events.append(event)
        self.stir()

    async def serve(self, participant: Participant) -> None:
        """Note a participant and let the handler have it."""
        self.entries.append(participant.entry)
        self.stir()
        await self.handler(participant)

    def stir(self) -> None:
        """Wake whoever waits in ``until``."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, so: Callable[[], bool], *, within: float = 8) -> None:
        """Return once this is so."""
        try:
            async with asyncio.timeout(within):
                while not so():
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not so within {within} s: {self.events}") from None

    async def saw(self, event: SwitchEvent) -> None:
        """Return once this event was told."""
        await self.until(lambda: event in self.events)

    async def joined(self, leg_id: LegId, contact_id: ContactId) -> LegJoined:
        """How the leg joined the contact's room last; waits for the first time."""

        def found() -> list[LegJoined]:
            told = (event for event in self.told(leg_id) if isinstance(event, LegJoined))
            return [event for event in told if event.contact_id == contact_id]

        await self.until(lambda: bool(found()))
        return found()[-1]

    def told(self, leg_id: LegId) -> list[SwitchEvent]:
        """What was told about a leg."""
        return [event for event in self.events if getattr(event, "leg_id", None) == leg_id]

    async def places(self) -> dict[LegId, Place | None]:
        """Where every leg is now."""
        return {leg.leg_id: leg.place for leg in await self.control.live_legs()}

    async def is_at(self, leg_id: LegId, place: Place, *, within: float = 5) -> None:
        """Return once the leg is there."""
        async with asyncio.timeout(within):
            while (await self.places()).get(leg_id) != place:
                await self.a_moment()

    async def is_gone(self, leg_id: LegId, *, within: float = 5) -> None:
        """Return once the leg is gone."""
        async with asyncio.timeout(within):
            while leg_id in await self.places():
                await self.a_moment()

    async def a_moment(self) -> None:
        """Let the switch work for a moment, between two questions."""
        passed = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, passed.set)
        await passed.wait()


async def _to_hold(participant: Participant) -> None:
    await participant.leave(HOLD)


# --- in memory ----------------------------------------------------------------------------------


class FakeStage(Stage):
    """The fake switch."""

    def __init__(self, switch: FakeSwitch) -> None:
        super().__init__()
        self.control: CallControl = switch
        self._switch = switch
        self._customer = switch.customer(NUMBER)
        self._caller: FakePhone | None = None
        switch.phone(ANNA.endpoint).unplug()
        switch.attach(self.take, self.serve)

    def customer_will(self, habit: Habit) -> None:
        match habit:
            case Habit.ANSWERS:
                self._customer.answers(after=0.1)
            case Habit.RINGS:
                self._customer.rings()
            case Habit.DECLINES:
                self._customer.rejects(after=0.1)
            case Habit.IS_BUSY:
                self._customer.is_busy()
            case Habit.DOES_NOT_EXIST:
                self._customer.does_not_exist()
            case Habit.IS_OUT_OF_ORDER:
                self._customer.is_out_of_order()
            case Habit.IS_SILENT:
                self._customer.is_silent()

    async def customer_hangs_up(self) -> None:
        self._customer.hang_up()

    def dials(self, *presses: str) -> None:
        self._caller = self._switch.dials(DID.number, caller=CALLER, endpoint="carrier")
        self._caller.will_press(*presses)

    def caller_hangs_up(self) -> None:
        assert self._caller is not None
        self._caller.hang_up()

    async def caller_was_refused(self) -> bool:
        caller = self._caller
        assert caller is not None
        await self.until(lambda: caller.leg is None)
        return caller.refused

    def asks(self) -> None:
        """Do nothing: the fake person knows when it is asked."""


# --- for real -----------------------------------------------------------------------------------

_POLICIES: Final[dict[Habit, Policy]] = {
    Habit.ANSWERS: Answer(after=0.1),
    Habit.RINGS: Ring(),
    Habit.DECLINES: Reject(603, after=0.1),
    Habit.IS_BUSY: Reject(486),
    Habit.DOES_NOT_EXIST: Reject(404),
    Habit.IS_OUT_OF_ORDER: Reject(503),
    Habit.IS_SILENT: Ignore(),
}


class RealStage(Stage):
    """Asterisk with our dialplan, our link and our FastAGI server."""

    def __init__(self, plan: PbxPlan, customer: Phone, caller: Phone) -> None:
        super().__init__()
        self._real = AsteriskCallControl(
            plan.ami_address,
            plan.ami_port,
            username=plan.control_user.name,
            secret=plan.control_user.secret,
            sink=self.take,
            trunks={"line": TrunkLine(Endpoint("carrier"), str)},
        )
        self.control: CallControl = self._real
        self._server = FastAgiServer(plan.agi_address, plan.agi_port, self.serve)
        self._customer, self._phone = customer, caller
        self._call: Call | None = None
        self._presses: list[str] = []
        self._hands: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RealStage]:
        """Run link and server."""
        tasks = (
            asyncio.create_task(self._real.run()),
            asyncio.create_task(self._server.run()),
        )
        try:
            await self._server.listening.wait()
            await self.saw(SwitchUp(restarted=False))
            yield self
        finally:
            for task in (*tasks, *self._hands):
                task.cancel()
            await asyncio.wait((*tasks, *self._hands))

    def customer_will(self, habit: Habit) -> None:
        self._customer.will(_POLICIES[habit])

    async def customer_hangs_up(self) -> None:
        (await self._customer.answered(within=5)).hang_up()

    def dials(self, *presses: str) -> None:
        self._presses = list(presses)
        self._call = self._phone.call(DID.number, caller_id=CALLER)

    def caller_hangs_up(self) -> None:
        assert self._call is not None
        self._call.hang_up()

    async def caller_was_refused(self) -> bool:
        assert self._call is not None
        await self._call.ended(within=5)
        return self._call.status == 404

    def asks(self) -> None:
        keys = self._presses.pop(0) if self._presses else ""
        if keys and self._call is not None:
            self._hands.add(asyncio.create_task(self._press(self._call, keys)))

    async def _press(self, call: Call, keys: str) -> None:
        await call.answered(within=5)
        await self.a_moment()
        await call.press(keys)


# --- fixtures -----------------------------------------------------------------------------------


@asynccontextmanager
async def fake_stage() -> AsyncIterator[Stage]:
    """A stage on the fake switch, in real time."""
    async with FakeSwitch(VirtualClock()) as switch:
        stage = FakeStage(switch)
        await stage.saw(SwitchUp(restarted=False))
        yield stage


@asynccontextmanager
async def real_stage(plan: PbxPlan) -> AsyncIterator[Stage]:
    """A stage on an Asterisk that runs."""
    line = Line(CARRIER, plan.trunks[0].port)
    server = (plan.sip_address, plan.sip_port)
    try:
        async with (
            Phone("customer", number=NUMBER, line=line) as customer,
            Phone("caller", address=(CARRIER, 0), server=server) as caller,
            RealStage(plan, customer, caller).running() as stage,
        ):
            yield stage
    finally:
        line.close()


@asynccontextmanager
async def a_pbx(folder: Path) -> AsyncIterator[Pbx]:
    """An Asterisk for real stages; skips the test where no container can be started."""
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("no docker client")
    found = await asyncio.to_thread(
        subprocess.run, [docker, "image", "inspect", IMAGE], capture_output=True, check=False
    )
    if found.returncode:
        pytest.skip(f"no image {IMAGE}, or no running engine")
    carrier = Trunk(name="carrier", host=CARRIER, port=free_port(), addresses=(CARRIER,))
    plan = loopback_plan(agents=(ANNA,), numbers=(DID,), trunks=(carrier,))
    async with Pbx(plan, folder) as running:
        yield running
