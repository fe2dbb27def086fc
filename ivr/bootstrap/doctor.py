"""What is wrong with this installation, in words: settings, files, database, site, switch."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import httpx

from ivr.bootstrap.provisioning import CONTROL_USER, plan_of
from ivr.domain.errors import NotFound, QueuebackError
from ivr.domain.site import Site
from ivr.service.publishing import load_site
from ivr.settings import SECRETS_FILE, Settings
from ivr.speech.voices import engine_for, installed_engines
from ivr.store.sql_store import SqlStore
from ivr.telephony.doctor import examine
from ivr.telephony.provisioning import render

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    message: str


async def examine_installation(settings: Settings) -> Sequence[Finding]:
    """Look at everything; nothing is changed but the database brought up to date."""
    found = list(_files(settings))
    site: Site | None = None
    store = SqlStore(settings.store_url)
    try:
        await store.open()
        found.append(Finding("ok", "database", "opens, and its schema is up to date"))
        site = await load_site(store)
        found.append(Finding("ok", "site", f"{site.name!r} is applied"))
    except NotFound as error:
        found.append(Finding("warning", "site", str(error)))
    except QueuebackError as error:
        found.append(Finding("fault", "database", str(error)))
    finally:
        await store.close()
    found += _speech(site)
    found += _switch_files(settings, site)
    found += await asyncio.to_thread(_switch, settings, site)
    found.append(await _controller(settings))
    return found


def _files(settings: Settings) -> Iterator[Finding]:
    mode = stat.S_IMODE(settings.state_dir.stat().st_mode)
    if mode & 0o077:
        message = f"{settings.state_dir} is open to other users: run chmod 700 on it"
        yield Finding("fault", "state", message)
    else:
        yield Finding("ok", "state", f"{settings.state_dir} is the owner's alone")
    yield Finding("ok", "secrets", f"are in {SECRETS_FILE}")


def _speech(site: Site | None) -> Iterator[Finding]:
    language = site.language if site else "en-US"
    if engine_for(language, installed_engines()) is not None:
        yield Finding("ok", "speech", f"a voice speaks {language}")
    else:
        message = f"no voice speaks {language}: install queueback[tts]"
        yield Finding("fault", "speech", message)


def _switch_files(settings: Settings, site: Site | None) -> Iterator[Finding]:
    folder = settings.pbx_dir / "conf"
    try:
        texts = render(plan_of(settings, site))
    except QueuebackError as error:
        yield Finding("fault", "switch files", str(error))
        return
    stale = [
        name
        for name, text in texts.items()
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != text
    ]
    if stale:
        message = (
            f"{', '.join(sorted(stale))} is not what settings and site say: run `ivr provision`"
        )
        yield Finding("fault", "switch files", message)
    else:
        yield Finding("ok", "switch files", "are what settings and site say")


def _switch(settings: Settings, site: Site | None) -> list[Finding]:
    secret = settings.ami.secret
    phones = [agent.endpoint for agent in site.agents if agent.endpoint] if site else []
    looked = examine(
        settings.ami.host,
        settings.ami.port,
        username=CONTROL_USER,
        secret=secret.get_secret_value() if secret else "",
        phones=phones,
    )
    return [
        Finding("ok" if each.ok else _gravity(each.subject), f"switch: {each.subject}", each.words)
        for each in looked
    ]


def _gravity(subject: str) -> Level:
    """An agent's phone that is not there, or a controller that does not run, is no fault."""
    return "warning" if subject in ("phone", "heartbeat") else "fault"


async def _controller(settings: Settings) -> Finding:
    url = f"http://{settings.api.host}:{settings.api.port}/v1/health"
    try:
        async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
            answer = await client.get(url)
    except httpx.HTTPError:
        return Finding("warning", "controller", "does not answer: start it with `ivr run`")
    if answer.is_success:
        return Finding("ok", "controller", "answers")
    return Finding("fault", "controller", f"answers with {answer.status_code}")
