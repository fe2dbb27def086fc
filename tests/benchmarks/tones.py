"""Tones to the millisecond: how long one was not heard, and whether a packet is one.

``tests.hearing.tones`` names what is heard packet by packet; a gap is shorter than that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.hearing.sounds import RATE, Pcm
from tests.hearing.tones import HERTZ

_WINDOW: Final = 80
"""Samples of 10 ms: a Hann window of that keeps tones apart that differ by 400 Hz."""
_HOP: Final = 8
_THIRD_MS: Final = 3
"""A window counts as a gap when two thirds of it are one."""
_ABSENT: Final = 0.2
"""A tone is absent below this part of its own amplitude."""
_LEAST: Final = 400.0
"""Least amplitude of what counts as a tone."""
_MOSTLY, _EACH = 0.5, 0.15


def _amplitudes(windows: NDArray[np.float64], hertz: int) -> NDArray[np.float64]:
    size = windows.shape[1]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    wave = hann * np.exp(-2j * np.pi * hertz * np.arange(size) / RATE)
    return np.asarray(2 * np.abs(windows @ wave) / np.sum(hann), np.float64)


def longest_gap_ms(pcm: Pcm, names: Collection[str]) -> float:
    """The longest time in which none of these tones was heard; 0 if one always was.

    Args:
        pcm: Samples at 8 kHz, at least 10 ms.
        names: Tones of ``tests.hearing.tones``; they speak with the same strength.
    """
    windows = np.lib.stride_tricks.sliding_window_view(pcm.astype(np.float64), _WINDOW)[::_HOP]
    loudest = np.max([_amplitudes(windows, HERTZ[name]) for name in names], axis=0)
    absent = loudest < max(_ABSENT * float(np.percentile(loudest, 90)), _LEAST)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], absent, [False]]).astype(np.int8)))
    longest = int(np.max(edges[1::2] - edges[::2], initial=0))
    return float(longest * 1000 * _HOP / RATE + _THIRD_MS) if longest else 0.0


def mostly(names: Collection[str]) -> Callable[[Pcm], bool]:
    """Whether the samples of one packet are nearly nothing but these tones, each of them."""

    def condition(pcm: Pcm) -> bool:
        samples = pcm.astype(np.float64)[np.newaxis]
        power = float(np.mean(np.square(samples)))
        shares = [float(_amplitudes(samples, HERTZ[name])[0]) ** 2 / 2 for name in names]
        loud = power > _LEAST**2 / 2
        return loud and sum(shares) > _MOSTLY * power and min(shares) > _EACH * power

    return condition
