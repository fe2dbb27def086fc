"""Time as a port: the service floor never reads a clock or sleeps by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time now, and waiting until a time."""

    def now(self) -> datetime:
        """Current time, UTC."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return at this time, or at once if it has passed."""
        ...
