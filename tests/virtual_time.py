"""asyncio without waiting: whenever nothing is left to do, time jumps to the next timer.

``run_virtual(main())`` runs a coroutine so; an hour of ringing takes milliseconds, and everything
happens in the same order every time. Work in other threads (a database, an executor) is waited
for in real time while virtual time stands still, so a deadline never passes because of it.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
"""Where a :class:`VirtualClock` begins unless told: a Monday noon without holidays."""

THREADED_LIBRARIES = frozenset({"aiosqlite.core"})
"""Modules whose futures are completed by a thread of their own."""

PATIENCE_SECONDS = 2.0
"""Real time allowed for a signal from a thread that is not known of, before giving up."""


class NothingLeftToHappen(RuntimeError):
    """Every task waits, no timer is set and no thread works: the test would hang for ever."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is moved by its timers alone."""

    def __init__(self) -> None:
        self._virtual_now = 0.0
        self._threads_at_work = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Move time on."""
        self._virtual_now += seconds

    @property
    def threads_at_work(self) -> bool:
        """Whether a thread is doing something that a task waits for."""
        return self._threads_at_work > 0

    def create_future(self) -> asyncio.Future[Any]:
        """As usual; one that a thread will complete holds time still until it has."""
        future = super().create_future()
        if sys._getframe(1).f_globals.get("__name__") in THREADED_LIBRARIES:
            self._hold_for(future)
        return future

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As usual; time stands still until the call has returned."""
        future = super().run_in_executor(executor, func, *args)
        self._hold_for(future)
        return future

    def _hold_for(self, future: asyncio.Future[Any]) -> None:
        self._threads_at_work += 1
        future.add_done_callback(self._release)

    def _release(self, _: asyncio.Future[Any]) -> None:
        self._threads_at_work -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Where the loop would sleep, it jumps."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Look what is ready; if nothing is, wait for threads or jump to the next timer."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.threads_at_work:
            return super().select(None)
        if timeout is None:
            return self._last_chance()
        self._loop.jump(timeout)
        return ready

    def _last_chance(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(PATIENCE_SECONDS)
        if not ready:
            message = "every task waits for something that nothing is going to do"
            raise NothingLeftToHappen(message)
        return ready


class VirtualClock:
    """The ``Clock`` port on the time of a :class:`VirtualTimeLoop`."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start

    def now(self) -> datetime:
        """Virtual time, UTC."""
        return self._start + timedelta(seconds=asyncio.get_running_loop().time())

    async def sleep_until(self, when: datetime) -> None:
        """Return at this virtual time, or at once if it has passed."""
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()
        timer = loop.call_at((when - self._start).total_seconds(), reached.set)
        try:
            await reached.wait()
        finally:
            timer.cancel()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
