"""One lock per leg, and none left behind."""

from __future__ import annotations

import asyncio

import pytest

from ivr.domain.ids import LegId
from ivr.telephony.leg_locks import LegLocks

pytestmark = pytest.mark.unit


async def test_one_leg_waits_and_another_does_not() -> None:
    locks, order = LegLocks(), list[str]()
    release = asyncio.Event()

    async def hold(leg: str, name: str) -> None:
        async with locks.of(LegId(leg)):
            order.append(name)
            await release.wait()

    async with asyncio.TaskGroup() as group:
        for leg, name in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")):
            group.create_task(hold(leg, name))
        group.create_task(_after(order, 2, release))

    assert order == ["a1", "b1", "a2", "a3"]
    assert len(locks) == 0


async def _after(order: list[str], count: int, release: asyncio.Event) -> None:
    """Release once so many hold; these tasks run in the order in which they were made."""
    assert len(order) == count
    release.set()


async def test_cancelled_waiter_leaves_nothing_behind() -> None:
    locks = LegLocks()

    async def wait_in_vain() -> None:
        async with asyncio.timeout(0), locks.of(LegId("a")):
            raise AssertionError("held twice")

    async with locks.of(LegId("a")):
        with pytest.raises(TimeoutError):
            await wait_in_vain()
        assert len(locks) == 1

    assert len(locks) == 0
