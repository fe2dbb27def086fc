"""What the controller asks of the worker process, one line of JSON each way.

A file of words that exists is never made again, which is how two callers who want the same words
at the same time get one rendering.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ivr.speech.segments import Segment, decode, encode


@dataclass(frozen=True, slots=True)
class Speak:
    """Render segments; ``engine`` is empty where there is nothing to say, only tones."""

    segments: tuple[Segment, ...]
    engine: str
    language: str
    target: Path


@dataclass(frozen=True, slots=True)
class Convert:
    """Make a recording playable."""

    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Load:
    """Load a voice, so that the first words asked for do not wait for it; makes no file."""

    engine: str
    language: str


Job = Speak | Convert | Load


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of the job with this number; ``problem`` is empty when it was done.

    Attributes:
        at_fault: Whether the job's own input is to blame, so that trying again is no use.
    """

    number: int
    problem: str = ""
    at_fault: bool = False


class Performer(Protocol):
    """Does jobs, somewhere else (``workshop.Workshop``)."""

    async def perform(self, job: Job) -> None:
        """Do a job; a ``SpeechError`` says why it could not be done."""
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...


def job_line(number: int, job: Job) -> bytes:
    """A job for the worker."""
    match job:
        case Speak(segments, engine, language, target):
            fields: dict[str, Any] = {
                "segments": encode(segments),
                "engine": engine,
                "language": language,
                "target": str(target),
            }
        case Convert(source, target):
            fields = {"source": str(source), "target": str(target)}
        case Load(engine, language):
            fields = {"engine": engine, "language": language}
    return json.dumps({"number": number, **fields}).encode() + b"\n"


def read_job(line: bytes) -> tuple[int, Job]:
    """The job in a line, and its number."""
    fields = json.loads(line)
    if "target" not in fields:
        return fields["number"], Load(fields["engine"], fields["language"])
    target = Path(fields["target"])
    if "source" in fields:
        return fields["number"], Convert(Path(fields["source"]), target)
    segments = decode(fields["segments"])
    return fields["number"], Speak(segments, fields["engine"], fields["language"], target)


def reply_line(reply: Reply) -> bytes:
    """A reply for the controller."""
    fields = {"number": reply.number, "problem": reply.problem, "at_fault": reply.at_fault}
    return json.dumps(fields).encode() + b"\n"


def read_reply(line: bytes) -> Reply:
    """The reply in a line."""
    return Reply(**json.loads(line))
