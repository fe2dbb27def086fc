"""The one place that reads the clock and sleeps."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

LONGEST_NAP = timedelta(seconds=30)
"""The machine's clock may be set while somebody sleeps: they look at it so often at least."""


class SystemClock:
    """The machine's clock, or one that runs so many times faster from now on."""

    def __init__(self, rate: float = 1.0) -> None:
        self._rate = rate
        self._began = datetime.now(UTC)
        self._began_ticks = time.monotonic()

    def now(self) -> datetime:
        """Current time, UTC."""
        if self._rate == 1.0:
            return datetime.now(UTC)
        passed = (time.monotonic() - self._began_ticks) * self._rate
        return self._began + timedelta(seconds=passed)

    async def sleep_until(self, when: datetime) -> None:
        """Return at this time, or at once if it has passed."""
        while (left := when - self.now()) > timedelta(0):
            await asyncio.sleep(min(left / self._rate, LONGEST_NAP).total_seconds())
