"""Virtual time jumps, keeps order, and stands still while threads work."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import aiosqlite
import pytest

from ivr.ports.clock import Clock
from tests import virtual_time
from tests.virtual_time import START, NothingLeftToHappen, VirtualClock, run_virtual

pytestmark = pytest.mark.unit


def test_an_hour_passes_at_once() -> None:
    clock: Clock = VirtualClock()

    async def main() -> datetime:
        await clock.sleep_until(START + timedelta(hours=1))
        return clock.now()

    began = time.monotonic()
    assert run_virtual(main()) == START + timedelta(hours=1)
    assert time.monotonic() - began < 5


def test_clock_starts_where_it_is_told() -> None:
    new_year = datetime(2027, 1, 1, tzinfo=UTC)

    async def main() -> datetime:
        return VirtualClock(new_year).now()

    assert run_virtual(main()) == new_year


def test_time_that_has_passed_is_not_waited_for() -> None:
    clock = VirtualClock()

    async def main() -> datetime:
        await clock.sleep_until(START + timedelta(days=7))
        await clock.sleep_until(START)
        return clock.now()

    assert run_virtual(main()) == START + timedelta(days=7)


def test_sleepers_wake_in_order_at_their_exact_times() -> None:
    clock = VirtualClock()
    woken: list[tuple[str, datetime]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep_until(START + timedelta(seconds=seconds))
        woken.append((name, clock.now()))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for name, seconds in (("c", 86_400 * 3), ("a", 0.1), ("b", 59.999999)):
                group.create_task(sleeper(name, seconds))

    run_virtual(main())

    assert woken == [
        ("a", START + timedelta(seconds=0.1)),
        ("b", START + timedelta(seconds=59.999999)),
        ("c", START + timedelta(days=3)),
    ]


def test_deadline_cuts_a_sleeper_off() -> None:
    clock = VirtualClock()

    async def main() -> datetime:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await clock.sleep_until(START + timedelta(hours=1))
        return clock.now()

    assert run_virtual(main()) == START + timedelta(seconds=20)


def test_work_in_an_executor_takes_no_virtual_time() -> None:
    clock = VirtualClock()
    may_finish = threading.Event()

    async def main() -> datetime:
        threading.Timer(0.05, may_finish.set).start()
        async with asyncio.timeout(1):
            assert await asyncio.to_thread(may_finish.wait, 10)
        return clock.now()

    assert run_virtual(main()) == START


def test_database_takes_no_virtual_time() -> None:
    clock = VirtualClock()

    async def main() -> datetime:
        async with asyncio.timeout(0.001), aiosqlite.connect(":memory:") as database:
            await database.create_function("pause", 0, lambda: threading.Event().wait(0.02))
            await database.execute("SELECT pause()")
        return clock.now()

    assert run_virtual(main()) == START


def test_signal_of_an_unknown_thread_is_awaited_a_moment() -> None:
    async def main() -> None:
        signal = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Timer(0.05, loop.call_soon_threadsafe, (signal.set,)).start()
        await signal.wait()

    run_virtual(main())


def test_test_that_would_hang_for_ever_fails_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "PATIENCE_SECONDS", 0.01)

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftToHappen):
        run_virtual(main())
