"""Several programs on one database, and programs that die: nothing doubled, nothing lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from subprocess import PIPE, Popen

import pytest

from ivr.domain.agent import AVAILABLE, AgentActivity, StatusKind
from ivr.domain.contact import ContactState
from ivr.domain.ids import AgentId
from ivr.store.sql_store import SqlStore
from tests.builders import NOW, SUPPORT, a_contact
from tests.stores import LEASE

pytestmark = pytest.mark.integration

WAITING = 60
DEADLINE_SECONDS = 120


@contextmanager
def program(what: str, url: str, name: str) -> Iterator[Popen[str]]:
    """Run a program that prints; it is killed if it is still running in the end."""
    command = [sys.executable, "-m", "tests.integration.store_worker", what, url, name]
    with Popen(command, stdout=PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def output(process: Popen[str]) -> list[list[str]]:
    """What the program printed until its end, word by word."""
    printed, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0
    return [line.split("\t") for line in printed.splitlines()]


def claim_with_eight_programs(url: str) -> list[list[str]]:
    with program("claim", url, "controller") as process:
        return output(process)


async def test_i3_eight_programs_claim_every_contact_and_agent_once(served_url: str) -> None:
    store = SqlStore(served_url)
    await store.open()
    await store.take_lease("test", now=NOW, ttl=LEASE)
    agent_ids = [AgentId(f"agent-{number:02}") for number in range(WAITING)]
    await store.ensure_agents(agent_ids, now=NOW)
    for number, agent_id in enumerate(agent_ids):
        await store.set_agent_status(agent_id, AVAILABLE, StatusKind.ROUTABLE, now=NOW)
        await store.set_agent_reachable(agent_id, reachable=True, now=NOW)
        await store.create_contact(
            a_contact(f"call-{number:02}", state=ContactState.QUEUED, queue_id=SUPPORT)
        )

    claimed = await asyncio.to_thread(claim_with_eight_programs, served_url)

    assert len(claimed) == WAITING
    assert len({contact_id for contact_id, _ in claimed}) == WAITING
    assert len({agent_id for _, agent_id in claimed}) == WAITING
    contacts = {contact.id: contact for contact in await store.open_contacts()}
    for agent in await store.agents():
        assert agent.activity is AgentActivity.OFFERED
        assert agent.contact_id is not None
        assert [agent.contact_id, agent.agent_id] in claimed
        assert contacts[agent.contact_id].agent_id == agent.agent_id
        assert contacts[agent.contact_id].agent_attempts == 1
        assert len(await store.journal(agent.contact_id)) == 1
    await store.close()


def write_until_killed(url: str, *, after_lines: int) -> set[str]:
    """What a program said it had created before it was killed."""
    with program("write", url, "controller") as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(after_lines)]
        process.kill()
        said += process.stdout.readlines()
    return {line.strip() for line in said}


async def test_i1_killed_controller_loses_nothing_it_acknowledged(served_url: str) -> None:
    acknowledged: set[str] = set()
    for lines in (1, 7, 20):
        acknowledged |= await asyncio.to_thread(write_until_killed, served_url, after_lines=lines)

    store = SqlStore(served_url)
    await store.open()
    callbacks = await store.open_callbacks()
    timers = await store.due_timers(now=NOW + timedelta(days=30))

    assert await store.take_lease("controller 0", now=NOW, ttl=LEASE)
    stored = {contact.id for contact, _ in callbacks}
    assert len(acknowledged) >= 28
    assert acknowledged <= stored
    assert len(stored) <= len(acknowledged) + 3
    assert {timer.subject for timer in timers} == stored
    await store.close()


def test_i9_full_disk_fails_cleanly_and_space_lets_it_go_on(sqlite_without_contents: str) -> None:
    with program("fill", sqlite_without_contents, "controller") as process:
        (full, reason), (stored, unacknowledged) = output(process)

    assert (full, stored) == ("full", "stored")
    assert reason.startswith("writing failed: ")
    assert unacknowledged == "0"
