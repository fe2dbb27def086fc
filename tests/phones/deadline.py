"""Waiting with a deadline that says what was waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class DeadlineMissed(AssertionError):
    """Something that a test relies on did not happen in time."""


@asynccontextmanager
async def deadline(within: float, what: Callable[[], str]) -> AsyncIterator[None]:
    """Raise :class:`DeadlineMissed` with the text of ``what`` after ``within`` seconds."""
    try:
        async with asyncio.timeout(within):
            yield
    except TimeoutError as error:
        raise DeadlineMissed(f"{what()} within {within:g} s") from error


class Happenings(Generic[T]):
    """Things that happen one after the other and are awaited one by one."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._queue: asyncio.Queue[T] = asyncio.Queue()

    def put(self, thing: T) -> None:
        self._queue.put_nowait(thing)

    async def next(self, within: float) -> T:
        """The oldest that nobody has awaited yet.

        Raises:
            DeadlineMissed: There was none in time.
        """
        async with deadline(within, lambda: self._what):
            return await self._queue.get()
