"""Who is heard, when: a recording as a time line of tones, silence and other sound.

Every party and every prompt of a hearing test speaks a tone of its own, 400 Hz apart, so a packet
of 20 ms tells who is heard in it. Each packet is measured by single-bin Fourier transforms (Hann).
A tone counts when it is within 14 dB of the strongest one, and only if the tones together are
nearly all there is in the packet: speech and music are ``SOUND``. Call progress tones are pairs too
close for 20 ms; they are measured over 100 ms around the packet.

Assert "at least 300 ms of X, 0 ms of Y" rather than exact times: a shared machine stalls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tests.hearing.sounds import RATE, Pcm

PACKET: Final = 160
PACKET_MS: Final = 20

CUSTOMER: Final = "customer"
AGENT: Final = "agent"
SECOND_AGENT: Final = "second agent"
PROMPT: Final = "prompt"
MUSIC: Final = "music"
AGENT_WHISPER: Final = "agent whisper"
CUSTOMER_WHISPER: Final = "customer whisper"
BEEP: Final = "beep"
RINGBACK: Final = "ringback"
REORDER: Final = "reorder"
SILENCE: Final = "silence"
SOUND: Final = "sound"

HERTZ: Final[Mapping[str, int]] = {
    CUSTOMER: 700,
    AGENT: 1100,
    SECOND_AGENT: 1500,
    PROMPT: 1300,
    MUSIC: 1900,
    AGENT_WHISPER: 2300,
    CUSTOMER_WHISPER: 2700,
    BEEP: 900,
}
THIRD_AGENT: Final = "third agent"
FOURTH_AGENT: Final = "fourth agent"
OUTSIDE: Final = "outside"
CONFERENCE: Final[Mapping[str, int]] = {
    **HERTZ,
    OUTSIDE: 2100,
    THIRD_AGENT: 3100,
    FOURTH_AGENT: 3500,
}
"""With those whom a conference has besides; 200 Hz are the least that a packet can tell apart."""
CONFERENCE_LEVEL: Final = 5000
"""How loud each may be in it: five at once must not be cut off at full scale."""
PAIRS: Final[Mapping[str, tuple[int, int]]] = {RINGBACK: (440, 480), REORDER: (480, 620)}
"""North American call progress: ringback 2 s in 6 s, reorder (fast busy) four times a second."""

_SILENT_RMS: Final = 80.0
_BELOW_STRONGEST: Final = 10 ** (-14 / 10)
_NEARLY_ALL: Final = 0.75
_SHORTEST_PACKETS: Final = 3
_PAIR_PACKETS: Final = 5
_PAIR_BALANCE: Final = 0.2
_REORDER_MS: Final = range(180, 341)

Labels = frozenset[str]
_SILENCE: Final[Labels] = frozenset({SILENCE})
_SOUND: Final[Labels] = frozenset({SOUND})


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was heard from one time to another, in milliseconds from the start."""

    heard: Labels
    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """How long it was heard."""
        return self.end_ms - self.start_ms

    def __str__(self) -> str:
        return f"{'+'.join(sorted(self.heard))} {self.start_ms}-{self.end_ms}"


@dataclass(frozen=True, slots=True)
class Timeline:
    """A recording as stretches, without gaps or overlap; prints as a line to read."""

    stretches: tuple[Stretch, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.stretches)) or "nothing"

    def ms(self, *names: str) -> int:
        """How long all of these were heard at once, in all."""
        return sum(stretch.length_ms for stretch in self._with(names))

    def longest_ms(self, *names: str) -> int:
        """The longest time that all of these were heard without a break."""
        return max((end - start for start, end in self.spans(*names)), default=0)

    def spans(self, *names: str) -> tuple[tuple[int, int], ...]:
        """When all of these were heard, whatever else was heard beside them."""
        merged: list[tuple[int, int]] = []
        for stretch in self._with(names):
            if merged and merged[-1][1] == stretch.start_ms:
                merged[-1] = (merged[-1][0], stretch.end_ms)
            else:
                merged.append((stretch.start_ms, stretch.end_ms))
        return tuple(merged)

    def first_ms(self, name: str) -> int | None:
        """When this was first heard."""
        return next((stretch.start_ms for stretch in self._with((name,))), None)

    def last_ms(self, name: str) -> int | None:
        """When this was last heard."""
        return next((stretch.end_ms for stretch in reversed(tuple(self._with((name,))))), None)

    def heard(self) -> Labels:
        """Everything that was heard at any time."""
        return frozenset(name for stretch in self.stretches for name in stretch.heard)

    def is_reorder(self, *, bursts: int = 3) -> bool:
        """Whether fast busy was heard: bursts and breaks of a quarter of a second."""
        spans = self.spans(REORDER)
        whole = [end - start for start, end in spans[1:-1]]  # the outer ones may be cut
        breaks = [after[0] - before[1] for before, after in pairwise(spans)]
        return len(spans) >= bursts and all(ms in _REORDER_MS for ms in [*whole, *breaks])

    def _with(self, names: Iterable[str]) -> Iterable[Stretch]:
        wanted = frozenset(names)
        return [stretch for stretch in self.stretches if wanted <= stretch.heard]


def listen(
    pcm: Pcm, *, hertz: Mapping[str, int] = HERTZ, pairs: Mapping[str, tuple[int, int]] = PAIRS
) -> Timeline:
    """The time line of a recording.

    Args:
        pcm: Samples at 8 kHz; an incomplete packet at the end is left out.
        hertz: Tones to look for, by name.
        pairs: Call progress tones to look for, by name.
    """
    count = len(pcm) // PACKET
    samples = pcm[: count * PACKET].astype(np.float64)
    single = _single_tones(samples.reshape(count, PACKET), hertz)
    labels = _with_pairs(single, samples, pairs)
    return Timeline(tuple(_stretches(_with_edges(_without_specks(labels)))))


def _single_tones(packets: NDArray[np.float64], hertz: Mapping[str, int]) -> list[Labels]:
    names = list(hertz)
    shares = _shares(packets, [hertz[name] for name in names])
    loud = np.sqrt(np.mean(np.square(packets), axis=1)) > _SILENT_RMS
    present = shares > np.max(shares, axis=1, keepdims=True) * _BELOW_STRONGEST
    explained = np.sum(shares, axis=1, where=present) > _NEARLY_ALL
    return [
        frozenset(np.array(names)[present[packet]].tolist())
        if loud[packet] and explained[packet]
        else (_SOUND if loud[packet] else _SILENCE)
        for packet in range(len(packets))
    ]


def _with_pairs(
    labels: list[Labels], samples: NDArray[np.float64], pairs: Mapping[str, tuple[int, int]]
) -> list[Labels]:
    """Name the packets that are loud and lie in the middle of a pair of tones."""
    if not labels:
        return labels
    around = (_PAIR_PACKETS - 1) // 2 * PACKET
    padded = np.pad(samples, around)
    windows = sliding_window_view(padded, _PAIR_PACKETS * PACKET)[::PACKET]
    result = list(labels)
    for name, pair in pairs.items():
        low, high = _shares(windows, list(pair)).T
        balanced = np.minimum(low, high) > np.maximum(low, high) * _PAIR_BALANCE
        found = (low + high > _NEARLY_ALL) & balanced
        for packet in np.flatnonzero(found):
            if labels[packet] != _SILENCE:
                result[packet] = frozenset({name})
    return result


def _shares(windows: NDArray[np.float64], hertz: list[int]) -> NDArray[np.float64]:
    """How much of each window's power is a sine of each frequency: 1.0 is all of it."""
    size = windows.shape[1]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    weighted = windows * hann
    time = np.arange(size) / RATE
    bins = weighted @ np.exp(-2j * np.pi * np.outer(time, hertz))
    power = np.sum(np.square(weighted), axis=1, keepdims=True) * (
        np.sum(hann) ** 2 / (2 * np.sum(np.square(hann)))
    )
    return np.asarray(np.square(np.abs(bins)) / np.maximum(power, 1e-9), np.float64)


def _without_specks(labels: list[Labels]) -> list[Labels]:
    """Tones shorter than 60 ms are chance: a vowel, or the edge of something."""
    result: list[Labels] = []
    for label, group in groupby(labels):
        size = len(list(group))
        speck = size < _SHORTEST_PACKETS and label not in (_SILENCE, _SOUND)
        result += [_SOUND if speck else label] * size
    return result


def _with_edges(labels: list[Labels]) -> list[Labels]:
    """A packet or two in which a tone begins or ends belong to the tone."""
    runs = [(label, len(list(group))) for label, group in groupby(labels)]
    result: list[Labels] = []
    for number, (label, size) in enumerate(runs):
        beside = [runs[other][0] for other in (number - 1, number + 1) if 0 <= other < len(runs)]
        tones = [other for other in beside if other not in (_SILENCE, _SOUND)]
        edge = label == _SOUND and size < _SHORTEST_PACKETS and tones
        result += [tones[0] if edge else label] * size
    return result


def _stretches(labels: list[Labels]) -> Iterable[Stretch]:
    position = 0
    for label, group in groupby(labels):
        end = position + len(list(group))
        yield Stretch(label, position * PACKET_MS, end * PACKET_MS)
        position = end
