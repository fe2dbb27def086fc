"""Samples: resampling, level, edges, tones. Mono, floating point, full scale = 1.0.

The telephone side is 8 kHz; what an engine or a recording brings is resampled once, in the
frequency domain, which is the low-pass and the change of rate in one exact step.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

TELEPHONE_RATE: Final = 8000
SPEECH_LEVEL_DB: Final = -20.0
"""Level of speech while somebody speaks, below full scale."""
PEAK_LIMIT: Final = 0.9
TONE_AMPLITUDE: Final = 0.2
_FADE_SECONDS: Final = 0.005
_MARGIN_SECONDS: Final = 0.01
_FRAME_SECONDS: Final = 0.02
_SILENT_DB: Final = -40.0
"""A frame so far below the loudest one is silence."""
_LEAD_SECONDS: Final = 0.06
_TAIL_SECONDS: Final = 0.12
_STOP_BAND: Final = 0.97
_PASS_BAND: Final = 0.88
"""Parts of the lower Nyquist frequency between which the low-pass falls (8 kHz: 3.5 to 3.9 kHz)."""


def resampled(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """The same sound at another rate, with nothing left above the lower half rate."""
    if from_rate == to_rate or not len(samples):
        return samples
    divisor = math.gcd(from_rate, to_rate)
    block_in, block_out = from_rate // divisor, to_rate // divisor
    margin = math.ceil(_MARGIN_SECONDS * from_rate / block_in)  # whole blocks: no shift in time
    padding = margin * block_in
    blocks = 2 * margin + math.ceil(len(samples) / block_in)
    padded = np.zeros(blocks * block_in, np.float64)
    padded[padding : padding + len(samples)] = samples
    spectrum = np.fft.rfft(padded)
    out_length = blocks * block_out
    kept = min(len(spectrum), out_length // 2 + 1)
    frequency = np.arange(kept, dtype=np.float64) * (from_rate / len(padded))
    result_spectrum = np.zeros(out_length // 2 + 1, np.complex128)
    result_spectrum[:kept] = spectrum[:kept] * _low_pass(frequency, min(from_rate, to_rate) / 2)
    result = np.fft.irfft(result_spectrum, out_length) * (out_length / len(padded))
    start = margin * block_out
    return result[start : start + round(len(samples) * to_rate / from_rate)].astype(np.float32)


def trimmed(samples: Samples, rate: int) -> Samples:
    """Speech without the silence around it, but for a short lead and tail."""
    active = np.flatnonzero(_active_frames(samples, rate))
    if not len(active):
        return samples[:0]
    frame = round(rate * _FRAME_SECONDS)
    start = max(0, int(active[0]) * frame - round(rate * _LEAD_SECONDS))
    end = (int(active[-1]) + 1) * frame + round(rate * _TAIL_SECONDS)
    return samples[start:end]


def levelled(samples: Samples, rate: int) -> Samples:
    """Speech at the house level, measured while it speaks, never clipped."""
    frame = round(rate * _FRAME_SECONDS)
    active = np.repeat(_active_frames(samples, rate), frame)
    if not active.any():
        return samples
    loudness = float(np.sqrt(np.mean(np.square(samples[: len(active)][active]))))
    peak = float(np.max(np.abs(samples)))
    gain = min(10 ** (SPEECH_LEVEL_DB / 20) / loudness, PEAK_LIMIT / peak)
    return (samples * np.float32(gain)).astype(np.float32)


def faded(samples: Samples, rate: int) -> Samples:
    """Soft edges, so that nothing clicks."""
    size = min(round(rate * _FADE_SECONDS), len(samples) // 2)
    if not size:
        return samples
    edge = (0.5 - 0.5 * np.cos(np.pi * np.arange(size) / size)).astype(np.float32)
    result = samples.copy()
    result[:size] *= edge
    result[-size:] *= edge[::-1]
    return result


def tone(hertz: int, milliseconds: int) -> Samples:
    """A sine at 8 kHz."""
    time = np.arange(TELEPHONE_RATE * milliseconds // 1000) / TELEPHONE_RATE
    return (TONE_AMPLITUDE * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def silence(milliseconds: int) -> Samples:
    """Silence at 8 kHz."""
    return np.zeros(TELEPHONE_RATE * milliseconds // 1000, np.float32)


def to_pcm16(samples: Samples) -> npt.NDArray[np.int16]:
    """16-bit samples, clipped at full scale."""
    return np.round(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)


def from_pcm16(samples: npt.NDArray[np.int16]) -> Samples:
    """Floating point out of 16-bit samples."""
    return samples.astype(np.float32) / np.float32(32768)


def _active_frames(samples: Samples, rate: int) -> npt.NDArray[np.bool_]:
    """Which whole frames hold sound."""
    frame = round(rate * _FRAME_SECONDS)
    count = len(samples) // frame
    power = np.mean(np.square(samples[: count * frame].reshape(count, frame)), axis=1)
    if not count or not power.max():
        return np.zeros(count, np.bool_)
    return np.asarray(power > power.max() * 10 ** (_SILENT_DB / 10), np.bool_)


def _low_pass(frequency: npt.NDArray[np.float64], nyquist: float) -> npt.NDArray[np.float64]:
    """One below the pass band, zero above the stop band, a raised cosine between."""
    position = (frequency / nyquist - _PASS_BAND) / (_STOP_BAND - _PASS_BAND)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.clip(position, 0.0, 1.0)), np.float64)
