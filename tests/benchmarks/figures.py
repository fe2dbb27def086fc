"""Numbers of a run: how they spread, what a process used, how late this process was."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import time
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from tests.house import House

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_EVERY: Final = 0.020


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, p99, largest and all values, in the unit of the values."""
    if not values:
        return {"p50": None, "p99": None, "max": None, "runs": []}
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
    return {
        "p50": statistics.median(ordered),
        "p99": p99,
        "max": ordered[-1],
        "runs": [round(value, 1) for value in values],
    }


def told(values: dict[str, Any], unit: str = "ms") -> str:
    """What :func:`spread` found, in one line."""
    if not values["runs"]:
        return "none"
    parts = (f"{name} {values[name]:.1f}" for name in ("p50", "p99", "max"))
    return f"{', '.join(parts)} {unit} of {len(values['runs'])}"


def pid_of(container: str) -> int:
    """The process of a container, as this machine numbers it."""
    words = ["docker", "inspect", "--format", "{{.State.Pid}}", container]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Usage:
    """Processor time of the two processes of a house from its making on."""

    def __init__(self, house: House) -> None:
        self._pids = {"asterisk": pid_of(house.pbx.name), "controller": house.controller_pid}
        self._begun = time.monotonic()
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}

    def percent(self, legs: int) -> dict[str, float]:
        """Percent of one core for each of so many legs, by process."""
        passed = time.monotonic() - self._begun
        return {
            name: 100 * (cpu_seconds(pid) - self._before[name]) / passed / legs
            for name, pid in self._pids.items()
        }


class Lateness:
    """How late this process is to what it wants to do every 20 ms: ``with Lateness() as late``.

    Whoever is heard by our phones is spoken by our phones: what they did not say is no gap of
    Asterisk's.

    Attributes:
        ms: One value for each time.
    """

    def __init__(self) -> None:
        self.ms: list[float] = []
        self._at: list[float] = []
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._due = time.monotonic() + _EVERY
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def worst(self, since: float, until: float) -> float:
        """The largest of the milliseconds between two times of ``time.monotonic``."""
        first, last = bisect_left(self._at, since), bisect_left(self._at, until)
        return max(self.ms[first : last + 1], default=0.0)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(
            self._due - time.monotonic(), self._tick
        )

    def _tick(self) -> None:
        now = time.monotonic()
        self.ms.append(1000 * (now - self._due))
        self._at.append(now)
        self._due = max(self._due + _EVERY, now)
        self._wait()


async def pause(seconds: float) -> None:
    """Let so much of a measurement pass."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()
