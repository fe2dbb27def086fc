"""What the demo prints: a timeline while it plays, then what each party heard and must hear."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.hearing.recogniser import heard as sounds_like
from tests.hearing.recogniser import words
from tests.hearing.sounds import Pcm
from tests.hearing.tones import listen
from tests.phones import RATE


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so."""

    who: str
    must: str
    was: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Hearing:
    """A recording, and what must be and must not be in it.

    Attributes:
        says: Sentences that must be in it.
        never: Sentences that must not.
        tones: Names of tones that must be heard for 300 ms at least.
        no_tones: Names of tones that must not be heard at all.
        pcm: What was heard.
        transcript: Its words, once they are recognised.
    """

    who: str
    pcm: Pcm
    transcript: Future[str]
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    tones: tuple[str, ...] = ()
    no_tones: tuple[str, ...] = ()


@dataclass
class Report:
    """Collects checks and prints the timeline.

    Attributes:
        folder: Where recordings are saved.
    """

    folder: Path
    console: Console = field(default_factory=lambda: Console(highlight=False, width=118))
    checks: list[Check] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _hearings: list[Hearing] = field(default_factory=list)
    _recogniser: ProcessPoolExecutor = field(default_factory=lambda: _recogniser())

    def tell(self, who: str, what: str) -> None:
        """Print a line of the timeline."""
        passed = time.monotonic() - self.began
        self.console.print(f"[dim]{passed:6.1f} s[/]  [bold]{who:<12}[/] {what}")

    def scene(self, title: str) -> None:
        """Print a heading."""
        self.console.rule(f"[bold]{title}")

    def check(self, who: str, must: str, was: str, passed: bool) -> None:
        """Note whether something is as it must be."""
        self.checks.append(Check(who, must, was, passed))

    def hears(
        self, who: str, call: Any, *, since: float = 0.0, **expected: tuple[str, ...]
    ) -> None:
        """Have what a party heard recognised beside the scenes, and checked at the end.

        Args:
            who: The party.
            call: Its call; the recording is saved.
            since: Seconds of it that do not matter.
            expected: See ``Hearing``.
        """
        name = who.lower().replace(" ", "-")
        call.heard.save(self.folder / f"{len(self._hearings) + 1}-{name}.wav")
        pcm = call.heard.pcm[round(RATE * since) :]
        transcript = self._recogniser.submit(words, pcm)
        self._hearings.append(Hearing(who, pcm, transcript, **expected))

    def _listen(self, hearing: Hearing) -> None:
        """Check one recording by recognised words and by tones."""
        who, transcript, timeline = hearing.who, hearing.transcript.result(), listen(hearing.pcm)
        quoted = f"“{transcript}”"
        for sentence in hearing.says:
            self.check(who, f"“{sentence}”", quoted, sounds_like(sentence, transcript))
        for sentence in hearing.never:
            passed = not sounds_like(sentence, transcript)
            self.check(who, f"never “{sentence}”", quoted, passed)
        for tone in hearing.tones:
            ms = timeline.ms(tone)
            self.check(who, f"hears {tone} ≥ 300 ms", f"{tone} {ms} ms", ms >= 300)
        for tone in hearing.no_tones:
            ms = timeline.ms(tone)
            self.check(who, f"never {tone}", f"{tone} {ms} ms", ms == 0)

    def finish(self) -> bool:
        """Listen to every recording, print every check and the last line; whether all passed."""
        self.tell("recogniser", f"listens to the last of {len(self._hearings)} recordings")
        with self._recogniser:
            for hearing in self._hearings:
                self._listen(hearing)
        table = Table("", "who", "must", "heard or seen", show_lines=False, expand=True)
        for check in self.checks:
            mark = "[green]✓" if check.passed else "[red]✗"
            table.add_row(mark, check.who, check.must, check.was)
        self.console.print(table)
        self.console.print(f"recordings: {self.folder}")
        failed = [check for check in self.checks if not check.passed]
        if failed:
            print(f"demo: {len(failed)} of {len(self.checks)} checks failed")
        else:
            print(f"demo: {len(self.checks)} checks passed")
        return not failed


def _recogniser() -> ProcessPoolExecutor:
    """Two processes that let the phones go first."""
    spawned = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(2, spawned, initializer=os.nice, initargs=(10,))
