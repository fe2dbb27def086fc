"""What a sound is made of, one piece after the other: speech, silence, tones.

Segments travel to the worker process as JSON and are what the cache key is computed from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MIN_RATE: Final = 0.5
MAX_RATE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words for the voice, numbers already spelled; rate 1.0 is the voice's own pace."""

    text: str
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Tone:
    """A sine."""

    hertz: int
    milliseconds: int


Segment = Spoken | Pause | Tone
Encoded = list[str | int | float]


def encode(segments: Sequence[Segment]) -> list[Encoded]:
    """Segments as JSON can carry them."""
    encoded: list[Encoded] = []
    for segment in segments:
        match segment:
            case Spoken(text, rate):
                encoded.append(["say", text, rate])
            case Pause(milliseconds):
                encoded.append(["pause", milliseconds])
            case Tone(hertz, milliseconds):
                encoded.append(["tone", hertz, milliseconds])
    return encoded


def decode(encoded: Sequence[Encoded]) -> tuple[Segment, ...]:
    """Segments out of what ``encode`` made of them."""
    return tuple(_segment(piece) for piece in encoded)


def clamp_rate(rate: float) -> float:
    """The nearest pace a voice can speak at."""
    return min(max(rate, MIN_RATE), MAX_RATE)


def _segment(piece: Encoded) -> Segment:
    match piece:
        case ["say", str(text), int() | float() as rate]:
            return Spoken(text, float(rate))
        case ["pause", int(milliseconds)]:
            return Pause(milliseconds)
        case ["tone", int(hertz), int(milliseconds)]:
            return Tone(hertz, milliseconds)
        case _:
            message = f"unknown segment {piece[:1]!r}"
            raise ValueError(message)
