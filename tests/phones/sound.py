"""What a phone says and what it has heard: PCM at 8 kHz, 16 bit, one channel.

A :class:`Sound` is played; a :class:`Recording` collects what arrives. G.711 is coded here too.
Which tone or which words a recording holds is judged elsewhere.
"""

from __future__ import annotations

import asyncio
import wave
from bisect import bisect_left
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.phones.deadline import deadline

RATE: Final = 8000
FRAME: Final = 160
"""Samples of one packet: 20 ms."""

Pcm = NDArray[np.int16]


def _decoding_table() -> Pcm:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return np.where(code & 0x80, 0x84 - magnitude, magnitude - 0x84).astype(np.int16)


def _encoding_table() -> NDArray[np.uint8]:
    pcm = np.arange(-32768, 32768, dtype=np.int32)
    biased = np.minimum(np.abs(pcm), 32635) + 0x84
    segment = np.floor(np.log2(biased)).astype(np.int32) - 7
    mantissa = (biased >> (segment + 3)) & 0x0F
    sign = np.where(pcm < 0, 0x80, 0)
    code: NDArray[np.uint8] = (~(sign | (segment << 4) | mantissa) & 0xFF).astype(np.uint8)
    return code


_DECODE: Final = _decoding_table()
_ENCODE: Final = _encoding_table()
_HEAL_SECONDS: Final = 0.04
_LOOK_AHEAD: Final = 10
_STALL_SECONDS: Final = 0.2


def to_ulaw(pcm: Pcm) -> bytes:
    """Code PCM as G.711 µ-law."""
    return _ENCODE[pcm.astype(np.int32) + 32768].tobytes()


def from_ulaw(data: bytes) -> Pcm:
    """Decode G.711 µ-law."""
    return _DECODE.take(np.frombuffer(data, dtype=np.uint8))


class Sound:
    """Something to say: played once, or over and over."""

    def __init__(self, pcm: Pcm, *, repeats: bool = False) -> None:
        self.pcm = pcm
        self.repeats = repeats
        self._coded = to_ulaw(pcm)
        if repeats:
            self._coded *= -(-FRAME // len(pcm)) + 1

    def frame(self, number: int) -> bytes:
        """Packet ``number`` in µ-law; silence behind the end."""
        first = number * FRAME
        if self.repeats:
            first %= len(self.pcm)
        return self._coded[first : first + FRAME].ljust(FRAME, b"\xff")


def tone(hertz: int, *, level: int = 8000) -> Sound:
    """A continuous tone of ``hertz`` (a whole number, so that a second repeats without a click)."""
    wave_form = level * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)
    return Sound(wave_form.round().astype(np.int16), repeats=True)


def wav(path: Path) -> Sound:
    """What a wave file of 8 kHz, 16 bit, one channel says, once."""
    with wave.open(str(path), "rb") as file:
        form = (file.getframerate(), file.getsampwidth(), file.getnchannels())
        if form != (RATE, 2, 1):
            raise ValueError(f"{path.name}: expected 8 kHz, 16 bit, one channel; found {form}")
        return Sound(np.frombuffer(file.readframes(file.getnframes()), dtype="<i2"))


SILENCE: Final = Sound(np.zeros(FRAME, dtype=np.int16), repeats=True)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Samples as they arrived: when, and where the sender says that they belong."""

    at: float
    stream: int
    stamp: int
    samples: Pcm


class Recording:
    """Everything that one party heard, on the time line of ``time.monotonic``.

    Pieces are placed by the sender's own timestamps, so a stalled machine leaves no false gap; a
    pause that the sender really made stays a pause, as samples of exactly zero.
    """

    rate = RATE

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._grown = asyncio.Event()
        self._line = np.zeros(RATE, dtype=np.int16)
        self._length = 0
        self._settled = 0
        self._offset = 0.0
        self._stream: int | None = None

    def add(self, samples: Pcm, *, at: float, stamp: int, stream: int = 0) -> None:
        """Append what has arrived.

        Args:
            samples: At least one sample.
            at: When it arrived (``time.monotonic``).
            stamp: The sender's time of the first one, in samples, from any origin, not wrapped.
            stream: Another number after a break in the sender's timestamps.
        """
        self._pieces.append(_Piece(at, stream, stamp, samples))
        if len(self._pieces) % 5 == 0:
            self._grown.set()

    async def until(self, condition: Callable[[Recording], bool], *, within: float) -> None:
        """Wait until ``condition`` holds; it is asked again every 100 ms.

        Raises:
            DeadlineMissed: It did not hold in time.
        """
        async with deadline(within, lambda: f"not heard by {self!r}"):
            while not condition(self):
                self._grown.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await self._grown.wait()

    def __repr__(self) -> str:
        return f"<Recording {self.seconds:.2f} s, {len(self._pieces)} packets>"

    def __len__(self) -> int:
        """How many pieces have arrived."""
        return len(self._pieces)

    @property
    def start(self) -> float:
        """When the first sample was heard (``time.monotonic``)."""
        return self._pieces[0].at if self._pieces else 0.0

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return len(self.pcm) / RATE

    @property
    def pcm(self) -> Pcm:
        """All samples, one time line from :attr:`start`; zero where nothing arrived."""
        while self._settled < len(self._pieces) - _LOOK_AHEAD:
            self._put(self._settled)
            self._settled += 1
        length, offset, stream = self._length, self._offset, self._stream
        for number in range(self._settled, len(self._pieces)):
            self._put(number)
        line = self._line[: self._length].copy()
        self._line[length : self._length] = 0
        self._length, self._offset, self._stream = length, offset, stream
        return line

    def _put(self, number: int) -> None:
        """Write a piece at its place.

        A piece's lateness is its arrival less the sender's time. The least lateness of the next
        200 ms is the sender's own; what exceeds it is a stall of this machine. While those have not
        all arrived, a lateness that a stall can explain is taken for one.
        """
        piece = self._pieces[number]
        least = min(
            later.at - later.stamp / RATE
            for later in self._pieces[number : number + _LOOK_AHEAD]
            if later.stream == piece.stream
        )
        known = number + _LOOK_AHEAD < len(self._pieces)
        doubt = _HEAL_SECONDS if known else _STALL_SECONDS
        if piece.stream != self._stream or abs(least - self._offset) > doubt:
            self._offset, self._stream = least, piece.stream
        seconds = self._offset + piece.stamp / RATE - self.start
        first = max(round(seconds * RATE), 0)
        end = first + len(piece.samples)
        if end > len(self._line):
            self._line = np.concatenate([self._line, np.zeros(end, dtype=np.int16)])
        self._line[first:end] = piece.samples
        self._length = max(self._length, end)

    def between(self, since: float, until: float) -> Pcm:
        """The samples between two times of ``time.monotonic``."""
        first = max(0, round((since - self.start) * RATE))
        last = max(0, round((until - self.start) * RATE))
        return self.pcm[first:last]

    def arrival_of(self, condition: Callable[[Pcm], bool], since: float) -> float | None:
        """When the first packet arrived that is this, by the clock of the one who listens.

        :attr:`pcm` cannot tell: there a packet is where its sender says that it belongs.

        Args:
            condition: Judges the samples of one packet.
            since: Earliest arrival (``time.monotonic``).

        Returns:
            ``time.monotonic``; None if no packet since then was that.
        """
        return next((p.at for p in self._since(since) if condition(p.samples)), None)

    def longest_wait(self, since: float, until: float) -> float:
        """The longest time between two arrivals, in seconds; whatever the packets hold."""
        times = [p.at for p in takewhile(lambda p: p.at < until, self._since(since))]
        return max((after - before for before, after in pairwise(times)), default=until - since)

    def _since(self, since: float) -> list[_Piece]:
        return self._pieces[bisect_left(self._pieces, since, key=lambda piece: piece.at) :]

    def latest(self, seconds: float) -> Pcm:
        """The samples at the end, at most so long: cheap to judge again and again."""
        return self.pcm[-round(seconds * RATE) :]

    def save(self, path: Path) -> None:
        """Write a wave file."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(self.pcm.astype("<i2").tobytes())
