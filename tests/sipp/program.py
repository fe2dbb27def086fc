"""Runs SIPp: the host's program if it may play captures, else the one of the tools image."""

from __future__ import annotations

import asyncio
import csv
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.sipp.trace import Trace

IMAGE: Final = "queueback-tools:dev"
SCENARIOS: Final = Path(__file__).parent / "scenarios"
_GRACE_SECONDS: Final = 15
_LOOK_SECONDS: Final = 0.5


class NoSipp(RuntimeError):
    """SIPp is neither on this host nor in an image."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of SIPp came to.

    Attributes:
        exit_code: 0 if every call went by the scenario.
        created, successful, failed: Calls.
        failures: Calls by SIPp's name of their fault.
        errors: The first lines that SIPp complained with.
        trace: Every message, if it was asked for.
    """

    exit_code: int
    created: int
    successful: int
    failed: int
    failures: dict[str, int]
    errors: tuple[str, ...]
    trace: Trace

    @property
    def is_clean(self) -> bool:
        """Every call went by the scenario."""
        return self.exit_code == 0 and self.failed == 0 and self.successful == self.created


def command(folder: Path, name: str) -> list[str]:
    """The words that start SIPp, on the host or in a container of this name.

    SIPp plays captures through a raw socket and so must be root (or in a container with NET_RAW).

    Raises:
        NoSipp: There is none that can.
    """
    if shutil.which("sipp") and os.geteuid() == 0:
        return ["sipp"]
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True)
        if asked.returncode == 0:
            mounts = [f"{folder}:{folder}", f"{SCENARIOS}:{SCENARIOS}:ro"]
            volumes = [word for mount in mounts for word in ("-v", mount)]
            run = ["docker", "run", "--rm", "--name", name, "--network", "host"]
            return [*run, "--cap-add", "NET_RAW", *volumes, IMAGE, "sipp"]
    raise NoSipp(
        f"SIPp was not found: install Debian's package sip-tester and run as root, or build the "
        f"image {IMAGE}"
    )


def why_missing() -> str:
    """Why SIPp cannot be run here; empty if it can."""
    try:
        command(Path.cwd(), "probe")
    except NoSipp as error:
        return str(error)
    return ""


class Sipp:
    """One running SIPp: ``async with Sipp(...) as sipp: outcome = await sipp.finish(within=60)``.

    Args:
        folder: Takes its files; one folder per run.
        scenario: The scenario file.
        words: Further options of SIPp, the target included.
        traced: Keep every message; not for load.
    """

    def __init__(
        self, folder: Path, scenario: Path, words: Sequence[str], *, traced: bool = False
    ) -> None:
        self._folder = folder.resolve()
        self._scenario = scenario.resolve()
        self._words = list(words)
        self._traced = traced
        self._name = f"queueback-sipp-{secrets.token_hex(4)}"
        self._process: asyncio.subprocess.Process | None = None
        self._in_container = False

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        start = await asyncio.to_thread(command, self._folder, self._name)
        self._in_container = start[0] == "docker"
        files = ["-trace_err", "-error_file", str(self._folder / "errors.log")]
        files += ["-trace_stat", "-fd", "1", "-stf", str(self._folder / "stat.csv")]
        if self._traced:
            files += ["-trace_msg", "-message_file", str(self._folder / "messages.log")]
        for name in ("errors.log", "stat.csv", "messages.log"):
            (self._folder / name).unlink(missing_ok=True)
        options = ["-sf", str(self._scenario), "-nostdin", *files]
        with (self._folder / "screen.log").open("wb") as screen:
            self._process = await asyncio.create_subprocess_exec(
                *start,
                *self._words,
                *options,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        if self._in_container:
            stop = await asyncio.create_subprocess_exec(
                "docker", "kill", self._name, stdout=asyncio.subprocess.DEVNULL
            )
            await stop.wait()
        else:
            self._process.kill()
        await self._process.wait()

    async def finish(self, *, within: float) -> Outcome:
        """Wait for its end; one that has not ended in time is killed and counts as failed."""
        if self._process is None:
            raise RuntimeError("SIPp is started by `async with`")
        try:
            async with asyncio.timeout(within + _GRACE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            await self.__aexit__(None, None, None)
        return self.outcome()

    async def wait(self, condition: Callable[[Outcome], bool], *, within: float) -> None:
        """Return once the condition holds, the program has ended, or the time is over."""
        if self._process is None:
            raise RuntimeError("SIPp is started by `async with`")
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._process.returncode is None and not condition(self.outcome()):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_SECONDS):
                            await self._process.wait()

    def outcome(self) -> Outcome:
        """What it has come to so far."""
        exit_code = -1
        if self._process is not None and self._process.returncode is not None:
            exit_code = self._process.returncode
        row = _last_row(self._folder / "stat.csv")
        messages = self._folder / "messages.log"
        return Outcome(
            exit_code=exit_code,
            created=int(row.get("TotalCallCreated", 0)),
            successful=int(row.get("SuccessfulCall(C)", 0)),
            failed=int(row.get("FailedCall(C)", 0)),
            failures={
                name.removesuffix("(C)"): int(value)
                for name, value in row.items()
                if name.startswith("Failed")
                and name.endswith("(C)")
                and name != "FailedCall(C)"
                and value not in {"", "0"}
            },
            errors=_first_lines(self._folder / "errors.log"),
            trace=Trace.parse(messages.read_text(errors="replace") if messages.exists() else ""),
        )


def _last_row(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return {name: value for name, value in rows[-1].items() if name} if rows else {}


def _first_lines(path: Path, count: int = 3) -> tuple[str, ...]:
    if not path.exists():
        return ()
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    return tuple(line for line in lines if line)[:count]
