"""Pillars and guests: what may stop the process, and what may not.

A pillar (the link to the switch, the router, the HTTP server) that fails ends the process so that
it restarts clean. A guest (one contact) that fails is logged and forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Final

from ivr.domain.errors import LeaseLost, StoreError
from ivr.ports.clock import Clock

logger = logging.getLogger(__name__)

STORE_PAUSE: Final = timedelta(seconds=1)
"""Before a pillar whose database failed tries again."""


async def keep_doing(clock: Clock, pillar: str, step: Callable[[], Awaitable[None]]) -> None:
    """Do a pillar's step for ever; one that the database fails is done again after a pause.

    Raises:
        LeaseLost: Another controller is in charge.
    """
    while True:
        try:
            await step()
        except LeaseLost:
            raise
        except StoreError as error:
            logger.warning(
                "The database failed",
                extra={"event": "pillar_waits", "pillar": pillar, "cause": str(error)},
            )
            await clock.sleep_until(clock.now() + STORE_PAUSE)


class Guests:
    """Tasks whose failure harms nobody else."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._present: set[asyncio.Task[None]] = set()

    def admit(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work to its end; a failure is logged with the guest's name and goes no further."""
        task = self._group.create_task(self._guard(name, work), name=name)
        self._present.add(task)
        task.add_done_callback(self._present.discard)
        task.add_done_callback(lambda _: work.close())  # one that is cancelled before it began
        return task

    def dismiss(self) -> None:
        """Cancel everybody: the house closes."""
        for task in self._present:
            task.cancel()

    async def _guard(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            logger.exception(
                "A guest failed",
                extra={"event": "guest_failed", "guest": name, "error": repr(type(error))},
            )


class Wake:
    """A bell that several may ring and one waits for; a ring in between is not lost."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the one who waits, now or at the next wait."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until the bell has been rung since the last wait."""
        await self._event.wait()
        self._event.clear()
