"""A whole contact centre in memory and virtual time: real service floor, real SQLite, fake switch.

``async with running_centre(tmp_path) as centre:`` applies the shipped sample site, changed as a
test wants it, and starts every pillar.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ivr.domain.agent import AgentActivity, AgentState
from ivr.domain.callback import Callback
from ivr.domain.contact import Contact, ContactState
from ivr.domain.ids import AgentId, ContactId
from ivr.domain.transfer import Verb
from ivr.ports.clock import Clock
from ivr.service.contact_centre import ContactCentre
from ivr.service.publishing import apply_site, load_site
from ivr.service.supervision import Guests, Wake
from ivr.service.trunk_health import TrunkHealth
from ivr.service.world import Limits, LiveSite, World
from ivr.store.sql_store import SqlStore
from ivr.testing.fake_phone import FakePhone
from ivr.testing.fake_speech import FakeSpeech
from ivr.testing.fake_switch import FakeSwitch

SAMPLE_SITE = Path(__file__).parents[1] / "ivr" / "sample_site"
LOCAL, INTERNATIONAL = "+12025550100", "+12025550101"
ANNA, BEN = AgentId("anna"), AgentId("ben")
ANNAS_PHONE, BENS_PHONE = "agent-anna", "agent-ben"
LEASE = timedelta(days=365)
Change = Callable[[dict[str, Any]], None]


@dataclass
class Centre:
    """The running centre and everybody around it."""

    switch: FakeSwitch
    store: SqlStore
    world: World
    centre: ContactCentre
    clock: Clock
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.clock.now()

    async def passes(self, seconds: float) -> None:
        """Let virtual time pass."""
        await self.clock.sleep_until(self.now() + timedelta(seconds=seconds))

    async def until(self, so: Callable[[], Any], within: float = 600) -> None:
        """Wait in virtual time until an (async) condition holds."""
        deadline = self.now() + timedelta(seconds=within)
        while True:
            value = so()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return
            assert self.now() < deadline, f"not so within {within} s"
            await self.passes(0.25)

    def lose_sessions(self) -> None:
        """Have every session die where it stands; the next comparison makes them anew."""
        self.world.guests.dismiss()

    def agent_phone(self, endpoint: str) -> FakePhone:
        return self.switch.phone(endpoint)

    async def becomes(self, agent: AgentId, status: str = "Available") -> None:
        await self.centre.agents.choose(agent, status, by="test")

    async def agent(self, agent_id: AgentId) -> AgentState:
        state = await self.store.agent(agent_id)
        assert state is not None
        return state

    async def is_doing(self, agent_id: AgentId, activity: AgentActivity) -> bool:
        return (await self.agent(agent_id)).activity is activity

    async def contacts(self) -> list[Contact]:
        """Every contact, oldest first."""
        return sorted(await self.store.recent_contacts(1000), key=lambda c: c.initiated_at)

    async def callbacks(self) -> list[tuple[Contact, Callback]]:
        """Every callback, oldest request first, ended ones too."""
        found = []
        for contact in await self.contacts():
            callback = await self.store.callback(contact.id)
            if callback is not None:
                found.append((contact, callback))
        return found

    async def one_callback(self) -> tuple[Contact, Callback]:
        (only,) = await self.callbacks()
        return only

    async def the_state(self, contact_id: ContactId) -> ContactState:
        contact = await self.store.contact(contact_id)
        assert contact is not None
        return contact.state

    async def journal(self, contact_id: ContactId) -> list[str]:
        return [entry.kind for entry in await self.store.journal(contact_id)]

    async def asks_for_callback(self, number: str, *, caller: str = "+12025550160") -> FakePhone:
        """A caller keys a number in the local entry flow and hangs up after the confirmation."""
        phone = self.switch.dials(LOCAL, caller=caller)
        phone.will_press("1", "2", number + "#", "1")
        await self.switch.until(lambda: phone.leg is None)
        return phone


@asynccontextmanager
async def running_centre(
    clock: Clock,
    folder: Path,
    *,
    change: Change | None = None,
    limits: Limits | None = None,
    flows: Mapping[str, str] | None = None,
    sweep: timedelta = timedelta(seconds=30),
) -> AsyncIterator[Centre]:
    """Start a centre on the sample site.

    Args:
        clock: Virtual.
        folder: Empty; the site and the database go there.
        change: Changes the content of ``site.yaml`` before it is applied.
        limits: Caps; generous by default.
        flows: Content of flow files to be replaced or added, by file name.
        sweep: How often store and switch are compared.
    """
    site_folder = write_site(folder / "site", change=change, flows=flows)
    store = SqlStore("sqlite://")
    await store.open()
    try:
        async with FakeSwitch(clock) as switch, asyncio.TaskGroup() as group:
            centre = await _start(clock, site_folder, store, switch, group, limits, sweep)
            yield centre
            for task in centre.tasks:
                task.cancel()
            centre.world.guests.dismiss()
    finally:
        await store.close()


async def _start(
    clock: Clock,
    site_folder: Path,
    store: SqlStore,
    switch: FakeSwitch,
    group: asyncio.TaskGroup,
    limits: Limits | None,
    sweep: timedelta,
) -> Centre:
    speech = FakeSpeech()
    await apply_site(site_folder, store, speech, now=clock.now())
    assert await store.take_lease("test", now=clock.now(), ttl=LEASE)
    site = LiveSite()
    site.replace(await load_site(store))
    await store.ensure_agents([a.id for a in site.now.agents], now=clock.now())
    numbers = itertools.count(1)
    world = World(
        clock=clock,
        store=store,
        switch=switch,
        speech=speech,
        site=site,
        limits=limits or Limits(callbacks_per_number_daily=None, callbacks_per_minute=None),
        guests=Guests(group),
        new_id=lambda: ContactId(f"c{next(numbers)}"),
        router=Wake(),
        timers=Wake(),
        trunks=TrunkHealth(),
        failpoint=lambda _: None,
        codes={"*1": Verb.JOIN, "*2": Verb.HOLD_ALL, "*3": Verb.SWAP, "*9": Verb.LEAVE},
    )
    centre = ContactCentre(world, sweep=sweep)
    for endpoint in (ANNAS_PHONE, BENS_PHONE):
        switch.phone(endpoint)
    running = group.create_task(centre.run(), name="centre")
    switch.attach(centre.on_event, centre.receive)
    return Centre(switch, store, world, centre, clock, [running])


def write_site(
    folder: Path, *, change: Change | None = None, flows: Mapping[str, str] | None = None
) -> Path:
    """Copy the sample site, changed."""
    (folder / "flows").mkdir(parents=True)
    data = yaml.safe_load((SAMPLE_SITE / "site.yaml").read_text("utf-8"))
    if change is not None:
        change(data)
    (folder / "site.yaml").write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")
    for file in (SAMPLE_SITE / "flows").glob("*.json"):
        (folder / "flows" / file.name).write_text(file.read_text("utf-8"), "utf-8")
    for name, content in (flows or {}).items():
        (folder / "flows" / name).write_text(content, "utf-8")
    return folder
