"""A contact centre in virtual time whose controller can die at any step and be started again.

::

    async with crashing_centre(tmp_path) as centre:
        centre.dies_at(17)                  # after the 17th write to the store or command
        ...
        await centre.died(); await centre.starts_again()

A step is a write to the store or a command to the switch: whatever happens between two of them
leaves no trace, so dying before and after each step is dying anywhere.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from ivr.domain.agent import AgentState
from ivr.domain.ids import AgentId, ContactId
from ivr.ports.clock import Clock
from ivr.ports.store import Store
from ivr.ports.telephony import CallControl, CallOrder, ToNumber
from ivr.service.contact_centre import ContactCentre
from ivr.service.publishing import apply_site, load_site
from ivr.service.supervision import Guests, Wake
from ivr.service.trunk_health import TrunkHealth
from ivr.service.world import Limits, LiveSite, World
from ivr.store.sql_store import SqlStore
from ivr.testing.fake_phone import FakePhone
from ivr.testing.fake_speech import FakeSpeech
from ivr.testing.fake_switch import FakeSwitch
from tests.centre import ANNAS_PHONE, BENS_PHONE, LEASE, LOCAL, Change, write_site
from tests.checker import Ring

_READS = frozenset(
    {
        *("contact", "open_contacts", "recent_contacts", "journal", "callback", "open_callbacks"),
        *("open_callback_of", "attempts", "open_attempts", "agents", "agent", "snapshot"),
        *("queue_figures", "due_timers", "next_due", "site_objects", "flow_content"),
        *("live_legs", "reachable_phones"),
    }
)


class Steps:
    """Counts the steps of a controller, and ends it after one of them.

    Attributes:
        dies_at: That step, by its number, or by the first of this name.
        watch: Told of every step that is about to be taken.
    """

    def __init__(self, die: Callable[[], None]) -> None:
        self.count = 0
        self.names: list[str] = []
        self.dies_at: int | str | None = None
        self.watch: Callable[[int], None] = lambda _: None
        self.dead = False
        self._die = die

    def of(self, port: Any) -> Any:
        """The port, its steps counted."""
        return _Counted(port, self)

    async def take(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do a step; never return from the last one."""
        if self.dead:
            raise asyncio.CancelledError
        self.count += 1
        self.names.append(name)
        self.watch(self.count)
        result = await work()
        if self.dies_at in (self.count, name):
            self.dead = True
            self._die()
            await asyncio.Event().wait()
        return result


class _Counted:
    def __init__(self, port: Any, steps: Steps) -> None:
        self._port, self._steps = port, steps

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name in _READS or not asyncio.iscoroutinefunction(method):
            return method

        async def step(*args: Any, **kwargs: Any) -> Any:
            return await self._steps.take(name, partial(method, *args, **kwargs))

        return step


class Caller(deque[str]):
    """What a caller with a mind of their own presses: it goes by what they hear."""

    def __init__(self, phone: FakePhone, number: str) -> None:
        super().__init__()
        self._phone, self._number = phone, number

    def __bool__(self) -> bool:
        return True

    def popleft(self) -> str:
        heard = self._phone.heard[-1]
        if "enter your ten digit" in heard:
            return f"{self._number}#"
        return "2" if "enter another number" in heard else "1"


@dataclass
class CrashingCentre:
    """The centre and everybody around it."""

    clock: Clock
    store: SqlStore
    switch: FakeSwitch
    outer: asyncio.TaskGroup
    site: LiveSite
    rings: list[Ring] = field(default_factory=list)
    steps: Steps = field(init=False)
    centre: ContactCentre = field(init=False)
    world: World = field(init=False)
    _life: asyncio.Task[None] | None = None
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _dead: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> datetime:
        return self.clock.now()

    async def passes(self, seconds: float) -> None:
        await self.clock.sleep_until(self.now() + timedelta(seconds=seconds))

    async def until(self, so: Callable[[], Any], within: float = 900) -> None:
        """Wait in virtual time until an (async) condition holds."""
        deadline = self.now() + timedelta(seconds=within)
        while True:
            value = so()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return
            assert self.now() < deadline, f"not so within {within} s"
            await self.passes(0.5)

    async def agent(self, agent_id: AgentId) -> AgentState:
        found = await self.store.agent(agent_id)
        assert found is not None
        return found

    def caller(self, number: str, *, caller_id: str = "+12025550160") -> FakePhone:
        """Somebody who calls, asks to be called back at this number, and hangs up."""
        phone = self.switch.dials(LOCAL, caller=caller_id)
        phone.answers_to_come = Caller(phone, number)
        return phone

    def starts(self, dies_at: int | str | None = None) -> None:
        """Start the controller; it will die after this step, counted from its start."""
        self._dead = asyncio.Event()
        self.steps = Steps(self._die)
        self.steps.dies_at = dies_at
        self._life = self.outer.create_task(self._live(), name="controller")

    def ring(self) -> None:
        """Have the router look at the queues."""
        self.world.router.ring()

    def _die(self) -> None:
        self.switch.detach()
        if self._life is not None:
            self._life.cancel()
        self._dead.set()

    async def dies(self) -> None:
        """Kill the controller now."""
        self.steps.dead = True
        self._die()
        await self.died()

    async def died(self) -> None:
        """Wait until it has."""
        await self._dead.wait()
        assert self._life is not None
        await asyncio.wait({self._life})

    @property
    def is_dead(self) -> bool:
        return self._dead.is_set()

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as group:
            self.world = world = World(
                clock=self.clock,
                store=cast(Store, self.steps.of(self.store)),
                switch=cast(CallControl, self.steps.of(_Witness(self))),
                speech=FakeSpeech(),
                site=self.site,
                limits=Limits(callbacks_per_number_daily=None, callbacks_per_minute=None),
                guests=Guests(group),
                new_id=lambda: ContactId(f"c{next(self._ids)}"),
                router=Wake(),
                timers=Wake(),
                trunks=TrunkHealth(),
                failpoint=lambda _: None,
            )
            self.centre = ContactCentre(world)
            group.create_task(self.centre.run(), name="centre")
            self.switch.attach(self.centre.on_event, self.centre.receive)


class _Witness:
    """The switch, every call to a customer written down."""

    def __init__(self, centre: CrashingCentre) -> None:
        self._centre = centre

    def __getattr__(self, name: str) -> Any:
        return getattr(self._centre.switch, name)

    async def call(self, order: CallOrder) -> None:
        await self._centre.switch.call(order)
        if isinstance(order.to, ToNumber):
            self._centre.rings.append(Ring(order.to.number, self._centre.now()))


@asynccontextmanager
async def crashing_centre(
    clock: Clock, folder: Path, *, change: Change | None = None
) -> AsyncIterator[CrashingCentre]:
    """A centre on the sample site; its controller has still to be started."""
    site_folder = write_site(folder / "site", change=change)
    store = SqlStore("sqlite://")
    await store.open()
    try:
        async with FakeSwitch(clock) as switch, asyncio.TaskGroup() as outer:
            await apply_site(site_folder, store, FakeSpeech(), now=clock.now())
            assert await store.take_lease("test", now=clock.now(), ttl=LEASE)
            site = LiveSite()
            site.replace(await load_site(store))
            await store.ensure_agents([a.id for a in site.now.agents], now=clock.now())
            for endpoint in (ANNAS_PHONE, BENS_PHONE):
                switch.phone(endpoint)
            centre = CrashingCentre(clock, store, switch, outer, site)
            yield centre
            await centre.dies()
    finally:
        await store.close()
