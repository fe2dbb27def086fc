"""A program that works on a store beside others, told what to do by its arguments.

``claim URL NAME`` becomes eight programs that all believe to be in charge, claim whatever waits for
whoever is ready, and print each pair. ``write URL NAME``
creates callbacks for ever and prints each once it is acknowledged. ``fill URL NAME`` creates
contacts until the file may grow no more, and one when it may again.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from datetime import timedelta
from itertools import count

from ivr.domain.errors import StoreError
from ivr.domain.ids import E164
from ivr.ports.store import Note
from ivr.store.sql_store import SqlStore
from tests.builders import NO_LIMITS, NOW, a_callback, a_callback_contact, a_contact

TOKEN = 1
"""The fencing token of the first controller on a new database."""


async def claim(store: SqlStore, name: str) -> None:
    store._token = TOKEN
    while True:
        snapshot = await store.snapshot()
        ready = [agent for agent in snapshot.agents if agent.is_ready]
        if not snapshot.waiting or not ready:
            return
        for contact, agent in zip(snapshot.waiting, ready, strict=False):
            offer = await store.claim(
                contact.contact_id, agent.agent_id, Note("offered", {"by": name}), now=NOW
            )
            if offer is not None:
                say(contact.contact_id, agent.agent_id)


async def write(store: SqlStore, name: str) -> None:
    await store.take_lease(name, now=NOW, ttl=timedelta(hours=1))
    begin = len(await store.recent_contacts(1_000_000))
    for number in count(begin):
        callback, phone = f"callback-{number}", E164(f"+4930{number:07}")
        created = await store.create_callback(
            a_callback_contact(callback, customer_number=phone),
            a_callback(callback, number=phone),
            asked_by=None,
            limits=NO_LIMITS,
            now=NOW,
        )
        say(created.contact_id)  # type: ignore[union-attr]


async def fill(store: SqlStore, name: str) -> None:
    await store.take_lease(name, now=NOW, ttl=timedelta(hours=1))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    acknowledged = 0
    try:
        for number in count():
            await store.create_contact(a_contact(f"c{number}", attributes={"text": "x" * 20_000}))
            acknowledged += 1
    except StoreError as error:
        say("full", str(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await store.create_contact(a_contact("afterwards"))
    say("stored", str(len(await store.open_contacts()) - 1 - acknowledged))


def say(*words: str) -> None:
    sys.stdout.write("\t".join(words) + "\n")
    sys.stdout.flush()


async def main(what: str, url: str, name: str) -> None:
    store = SqlStore(url)
    await store.open()
    try:
        await {"claim": claim, "write": write, "fill": fill}[what](store, name)
    finally:
        await store.close()


def split(programs: int) -> int:
    """Become several programs; which of them this one is."""
    for number in range(1, programs):
        if os.fork() == 0:
            return number
    return 0


def await_the_others(number: int) -> int:
    """Wait, as the first program, for the rest; how many failed."""
    if number != 0:
        return 0
    failed = 0
    while True:
        try:
            _, status = os.wait()
        except ChildProcessError:
            return failed
        failed += status != 0


if __name__ == "__main__":
    what, url, name = sys.argv[1:]
    number = split(8) if what == "claim" else 0
    asyncio.run(main(what, url, f"{name} {number}"))
    sys.exit(await_the_others(number))
