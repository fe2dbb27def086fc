"""One lock per leg, there only while somebody holds or awaits it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ivr.domain.ids import LegId


class LegLocks:
    """Locks by leg; first come, first served."""

    def __init__(self) -> None:
        self._locks: dict[LegId, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @asynccontextmanager
    async def of(self, leg_id: LegId) -> AsyncIterator[None]:
        """Hold the leg's lock."""
        lock, users = self._locks.get(leg_id, (asyncio.Lock(), 0))
        self._locks[leg_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[leg_id]
            if users == 1:
                del self._locks[leg_id]
            else:
                self._locks[leg_id] = (lock, users - 1)
