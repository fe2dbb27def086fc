"""Composition root: names the concrete adapters, wires them and runs them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import uvicorn
import uvloop

from ivr import log
from ivr.api.app import create_app
from ivr.bootstrap.clock import SystemClock
from ivr.bootstrap.doctor import Finding, examine_installation
from ivr.bootstrap.failpoints import failpoint
from ivr.bootstrap.provisioning import (
    CONTROL_USER,
    PROVISION_USER,
    Phone,
    phones_of,
    plan_of,
    trunk_endpoint,
)
from ivr.domain.errors import LeaseLost, NotFound, StoreError
from ivr.domain.ids import E164, ContactId
from ivr.domain.phone_number import in_format
from ivr.domain.site import Site, Trunk
from ivr.domain.transfer import Verb
from ivr.ports.clock import Clock
from ivr.ports.provisioning import UnsafePlan
from ivr.ports.store import DialLimits
from ivr.ports.telephony import SwitchEvent
from ivr.service.contact_centre import ContactCentre
from ivr.service.publishing import apply_site, export_site, load_site
from ivr.service.supervision import Guests, Wake, keep_doing
from ivr.service.trunk_health import TrunkHealth
from ivr.service.world import Limits, LiveSite, World
from ivr.settings import BadSettings, Settings
from ivr.speech.rendered import RenderedSpeech
from ivr.speech.system_sounds import install_system_sounds
from ivr.speech.voices import installed_engines
from ivr.speech.workshop import Workshop
from ivr.store.sql_store import SqlStore
from ivr.telephony.agi.server import FastAgiServer
from ivr.telephony.call_control import AsteriskCallControl, TrunkLine
from ivr.telephony.provisioning import ConfigFolder
from ivr.telephony.reload import reload_switch

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=10)
LEASE_RENEWED_EVERY = timedelta(seconds=3)
LEASE_ASKED_EVERY = timedelta(seconds=1)
HOLDER_FILE = "controller-id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying a site did.

    Attributes:
        told_controller: A running controller took the site over.
        reloaded_switch: The switch read its files again; otherwise it reads them when it starts.
    """

    site_name: str
    warnings: tuple[str, ...]
    told_controller: bool
    reloaded_switch: bool


# --- the controller -----------------------------------------------------------------------------


def run_controller(settings: Settings) -> None:
    """Run until a signal stops it; a pillar that fails ends it with that error."""
    log.configure(settings.log_level, sys.stderr, secrets=settings.all_secrets())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_controller(settings))


async def _controller(settings: Settings) -> None:
    clock = SystemClock(settings.clock_rate)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _store(settings) as store, _speech(settings) as speech:
        if not await _until_in_charge(store, settings, clock, stop):
            return
        try:
            async with asyncio.TaskGroup() as pillars:
                guests = Guests(pillars)
                tasks = await _pillars(pillars, guests, settings, clock, store, speech)
                await stop.wait()
                guests.dismiss()
                for task in tasks:
                    task.cancel()
        finally:
            await store.release_lease()


async def _pillars(
    group: asyncio.TaskGroup,
    guests: Guests,
    settings: Settings,
    clock: Clock,
    store: SqlStore,
    speech: RenderedSpeech,
) -> list[asyncio.Task[None]]:
    site = LiveSite()
    secret = settings.ami.secret
    centre: ContactCentre

    def sink(event: SwitchEvent) -> None:
        centre.on_event(event)

    switch = AsteriskCallControl(
        settings.ami.host,
        settings.ami.port,
        username=CONTROL_USER,
        secret=secret.get_secret_value() if secret else "",
        sink=sink,
        trunks={},
    )
    world = World(
        clock=clock,
        store=store,
        switch=switch,
        speech=speech,
        site=site,
        limits=_limits(settings),
        codes=_codes(settings),
        guests=guests,
        new_id=lambda: ContactId(str(uuid4())),
        router=Wake(),
        timers=Wake(),
        trunks=TrunkHealth(),
        failpoint=failpoint(settings.failpoint),
    )
    centre = ContactCentre(world)

    async def take_over_site() -> None:
        loaded = await load_site(store)
        site.replace(loaded)
        switch.trunks = {t.id: _trunk_line(t, loaded.country) for t in loaded.trunks}
        await store.ensure_agents([agent.id for agent in loaded.agents], now=clock.now())
        centre.site_changed()

    try:
        await take_over_site()
    except NotFound as error:
        logger.warning(str(error), extra={"event": "no_site"})
    agi = FastAgiServer(
        settings.agi.host,
        settings.agi.port,
        centre.receive,
        max_requests=settings.limits.agi_at_once,
    )
    token = settings.api.token
    if token is None:
        message = "the token of the API is missing"
        raise StoreError(message)
    app = create_app(world, centre, token, reload_site=take_over_site)
    server = _HttpServer(
        uvicorn.Config(
            app,
            host=settings.api.host,
            port=settings.api.port,
            log_config=None,
            access_log=False,
            lifespan="off",
        )
    )
    work = {
        "lease": _keep_lease(store, settings, clock),
        "switch": switch.run(),
        "agi": agi.run(),
        "centre": centre.run(),
        "api": server.serve(),
        "voice": speech.warm_up(site.now.language if site.is_set else "en-US"),
    }
    return [group.create_task(each, name=name) for name, each in work.items()]


class _HttpServer(uvicorn.Server):
    """Leaves signals to the controller, which stops everything together."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals over."""
        yield


def _limits(settings: Settings) -> Limits:
    limits = settings.limits
    return Limits(
        callbacks_per_number_daily=limits.callbacks_per_number_daily,
        callbacks_per_minute=limits.callbacks_per_minute,
        dial=DialLimits(concurrent=limits.dials_at_once, per_minute=limits.dials_per_minute),
    )


def _codes(settings: Settings) -> Mapping[str, Verb]:
    codes = settings.codes.model_dump()
    return {code: Verb(name.replace("_", "-")) for name, code in codes.items()}


def _trunk_line(trunk: Trunk, country: str) -> TrunkLine:
    def write(number: E164) -> str:
        return in_format(number, trunk.number_format, country)

    return TrunkLine(endpoint=trunk_endpoint(trunk.id), write=write)


# --- the lease ----------------------------------------------------------------------------------


async def _until_in_charge(
    store: SqlStore, settings: Settings, clock: Clock, stop: asyncio.Event
) -> bool:
    """Wait until this controller holds the lease; False if it is stopped before."""
    holder = _holder(settings.state_dir / HOLDER_FILE)
    waited = False
    while not stop.is_set():
        if await store.take_lease(holder, now=clock.now(), ttl=LEASE):
            return True
        if not waited:
            logger.warning(
                "Another controller is in charge; waiting", extra={"event": "lease_wait"}
            )
            waited = True
        await clock.sleep_until(clock.now() + LEASE_ASKED_EVERY)
    return False


async def _keep_lease(store: SqlStore, settings: Settings, clock: Clock) -> None:
    """Renew the lease for ever; every write is fenced by it, however late that is.

    Raises:
        LeaseLost: Another controller has taken over.
    """
    holder = _holder(settings.state_dir / HOLDER_FILE)

    async def renew() -> None:
        await clock.sleep_until(clock.now() + LEASE_RENEWED_EVERY)
        if not await store.take_lease(holder, now=clock.now(), ttl=LEASE):
            message = "another controller has taken over"
            raise LeaseLost(message)

    await keep_doing(clock, "lease", renew)


def _holder(path: Path) -> str:
    """The name under which controllers of this state directory take the lease."""
    if not path.exists():
        path.write_text(secrets.token_hex(16), "ascii")
    return path.read_text("ascii").strip()


# --- commands -----------------------------------------------------------------------------------


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[SqlStore]:
    store = SqlStore(settings.store_url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _speech(settings: Settings) -> AsyncIterator[RenderedSpeech]:
    sounds = settings.pbx_dir / "sounds"
    sounds.mkdir(parents=True, exist_ok=True)
    speech = RenderedSpeech(sounds, workshop=Workshop(), engines=installed_engines())
    try:
        yield speech
    finally:
        await speech.close()


async def apply(settings: Settings, folder: Path, *, prune: bool) -> Applied:
    """Make a site live: database, prompts, the switch's files, the running controller.

    Raises:
        InvalidSite: It has faults; nothing was applied.
    """
    await _install_sounds(settings)
    async with _store(settings) as store, _speech(settings) as speech:
        site, warnings = await apply_site(
            folder,
            store,
            speech,
            now=SystemClock().now(),
            prune=prune,
            objections=partial(_objections, settings),
        )
    reloaded = await _write_switch_files(settings, site)
    return Applied(
        site_name=site.name,
        warnings=warnings,
        told_controller=await _tell_controller(settings),
        reloaded_switch=reloaded,
    )


def _objections(settings: Settings, site: Site) -> tuple[str, ...]:
    """Why the switch could not be set up for a site."""
    try:
        ConfigFolder(settings.pbx_dir / "conf").render(plan_of(settings, site))
    except (UnsafePlan, BadSettings) as error:
        return tuple(str(error).splitlines())
    return ()


async def provision(settings: Settings) -> tuple[str, ...]:
    """Write what the switch is given to read; what changed."""
    changed = await _install_sounds(settings)
    files = ConfigFolder(settings.pbx_dir / "conf").write(
        plan_of(settings, await _site_if_any(settings))
    )
    return (*changed, *sorted(files))


async def _install_sounds(settings: Settings) -> tuple[str, ...]:
    """Put the shipped sounds where the switch reads them; what changed."""
    settings.pbx_dir.mkdir(parents=True, exist_ok=True)
    settings.pbx_dir.chmod(0o755)
    return await asyncio.to_thread(install_system_sounds, settings.pbx_dir / "sounds")


async def _write_switch_files(settings: Settings, site: Site) -> bool:
    changed = ConfigFolder(settings.pbx_dir / "conf").write(plan_of(settings, site))
    if not changed or settings.ami.provision_secret is None:
        return not changed
    return await reload_switch(
        settings.ami.host,
        settings.ami.port,
        username=PROVISION_USER,
        secret=settings.ami.provision_secret.get_secret_value(),
        files=changed,
    )


async def _site_if_any(settings: Settings) -> Site | None:
    async with _store(settings) as store:
        try:
            return await load_site(store)
        except NotFound:
            return None


async def _tell_controller(settings: Settings) -> bool:
    """Have a running controller take the new site over."""
    if settings.api.token is None:
        return False
    url = f"http://{settings.api.host}:{settings.api.port}/v1/site/reload"
    headers = {"Authorization": f"Bearer {settings.api.token.get_secret_value()}"}
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            return (await client.post(url, headers=headers)).is_success
    except httpx.HTTPError:
        return False


async def doctor(settings: Settings) -> Sequence[Finding]:
    """Look at the whole installation, and say everything that was found."""
    return await examine_installation(settings)


async def export(settings: Settings, folder: Path) -> tuple[str, ...]:
    """Write the live site as a folder; the files that were written."""
    async with _store(settings) as store:
        return await export_site(store, folder)


async def phones(settings: Settings) -> list[Phone]:
    """Every SIP account of the site."""
    async with _store(settings) as store:
        return phones_of(settings, await load_site(store))


__all__ = [
    "Applied",
    "Finding",
    "Phone",
    "apply",
    "doctor",
    "export",
    "phones",
    "provision",
    "run_controller",
]
