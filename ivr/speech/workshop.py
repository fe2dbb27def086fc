"""The controller's side of the worker process: starts it when first needed, replaces it when dead.

One job at a time. The voice takes a second to load and 210 MB; a job after that takes tens of
milliseconds. ``Workshop`` is for the event loop; ``perform_now`` does a list of jobs in a process
of their own for whoever has no loop (provisioning).
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Final

from ivr.ports.speech import RenderingFailed, Unspeakable
from ivr.speech.jobs import Job, Reply, job_line, read_reply

_log = logging.getLogger(__name__)

COMMAND: Final = (sys.executable, "-m", "ivr.speech.worker")
DEFAULT_TIMEOUT: Final = timedelta(seconds=30)
MAX_WAITING: Final = 64
_STARTS_PER_JOB: Final = 2


class Workshop:
    """Does jobs in the worker process; close it before the loop ends."""

    def __init__(
        self,
        *,
        command: Sequence[str] = COMMAND,
        timeout: timedelta = DEFAULT_TIMEOUT,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._command = command
        self._timeout = timeout
        self._max_waiting = max_waiting
        self._waiting = 0
        self._numbers = count(1)
        self._bench = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process_id(self) -> int | None:
        """The worker process, if it runs."""
        return None if self._process is None else self._process.pid

    async def perform(self, job: Job) -> None:
        """Have a job done.

        Raises:
            Unspeakable: The job's own input is at fault.
            RenderingFailed: The worker failed, took too long, or has too much to do.
        """
        if self._waiting >= self._max_waiting:
            message = f"{self._waiting} sounds are already waiting to be rendered"
            raise RenderingFailed(message)
        self._waiting += 1
        try:
            async with self._bench:
                reply = await self._perform(job)
        finally:
            self._waiting -= 1
        _raise_problem(reply)

    async def close(self) -> None:
        """End the worker process."""
        async with self._bench:
            await self._stop()

    async def _perform(self, job: Job) -> Reply:
        for _ in range(_STARTS_PER_JOB):
            process = await self._running()
            try:
                async with asyncio.timeout(self._timeout.total_seconds()):
                    reply = await self._exchange(process, job)
            except TimeoutError as error:
                await self._stop()
                message = f"rendering took longer than {self._timeout.total_seconds():g} s"
                raise RenderingFailed(message) from error
            if reply is not None:
                return reply
            await self._stop()
            _log.warning(
                "The speech worker ended",
                extra={"event": "speech_worker_ended", "cause": process.returncode},
            )
        message = "the speech worker ends as soon as it starts"
        raise RenderingFailed(message)

    async def _exchange(self, process: asyncio.subprocess.Process, job: Job) -> Reply | None:
        """Send a job and wait for its reply; none when the process has ended.

        A caller who is cancelled leaves a reply behind: replies to other numbers are skipped.
        """
        if process.stdin is None or process.stdout is None:
            return None
        number = next(self._numbers)
        try:
            process.stdin.write(job_line(number, job))
            await process.stdin.drain()
            while line := await process.stdout.readline():
                reply = read_reply(line)
                if reply.number == number:
                    return reply
        except ConnectionError:
            return None
        return None

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt from the terminal is the controller's
            )
        return self._process

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def perform_now(jobs: Sequence[Job], *, timeout: timedelta = timedelta(minutes=2)) -> None:
    """Do jobs one after the other in a worker of their own, and wait for it.

    Raises:
        Unspeakable: A job's own input is at fault.
        RenderingFailed: The worker failed or took too long.
    """
    lines = b"".join(job_line(number, job) for number, job in enumerate(jobs))
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module, no input in it
            COMMAND, input=lines, capture_output=True, timeout=timeout.total_seconds(), check=False
        )
    except subprocess.TimeoutExpired as error:
        message = f"rendering took longer than {timeout.total_seconds():g} s"
        raise RenderingFailed(message) from error
    replies = [read_reply(line) for line in done.stdout.splitlines()]
    for reply in replies:
        _raise_problem(reply)
    if len(replies) != len(jobs):
        last_words = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        message = f"the speech worker ended early: {''.join(last_words)}"
        raise RenderingFailed(message)


def _raise_problem(reply: Reply) -> None:
    if reply.at_fault:
        raise Unspeakable(reply.problem)
    if reply.problem:
        raise RenderingFailed(reply.problem)
