"""Reads a recorded prompt: RIFF/WAVE (PCM, float, µ-law, A-law), raw µ-law, raw 16-bit at 8 kHz."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from ivr.speech import g711
from ivr.speech.audio import TELEPHONE_RATE, Samples, from_pcm16, resampled

MAX_BYTES: Final = 50_000_000
MAX_SECONDS: Final = 300
_RATES: Final = range(4000, 192_001)
_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE


class UnreadableRecording(Exception):
    """Why a file cannot be used as a prompt, in words."""


def telephone_samples(path: Path) -> Samples:
    """The recording as mono samples at 8 kHz.

    Raises:
        UnreadableRecording: It is no recording, damaged, empty or too long.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        message = f"{size // 1_000_000} MB; at most {MAX_BYTES // 1_000_000} MB"
        raise UnreadableRecording(message)
    content = path.read_bytes()
    match path.suffix.casefold():
        case ".wav":
            samples, rate = _wave(content)
        case ".sln":
            samples, rate = _decoded(content, _PCM, 16), TELEPHONE_RATE
        case _:
            samples, rate = _ulaw(content), TELEPHONE_RATE
    if not len(samples):
        message = "holds no sound"
        raise UnreadableRecording(message)
    if len(samples) > MAX_SECONDS * rate:
        message = f"{len(samples) // rate} s; at most {MAX_SECONDS} s"
        raise UnreadableRecording(message)
    return resampled(samples, rate, TELEPHONE_RATE)


def _wave(content: bytes) -> tuple[Samples, int]:
    chunks = dict(_chunks(content))
    header = chunks.get(b"fmt ", b"")
    if len(header) < 16 or b"data" not in chunks:
        message = "no RIFF/WAVE recording"
        raise UnreadableRecording(message)
    coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if coding == _EXTENSIBLE and len(header) >= 26:
        (coding,) = struct.unpack_from("<H", header, 24)
    if rate not in _RATES or not 1 <= channels <= 8:
        message = f"{channels} channels at {rate} Hz"
        raise UnreadableRecording(message)
    samples = _decoded(chunks[b"data"], coding, bits)
    whole = len(samples) // channels * channels
    return samples[:whole].reshape(-1, channels).mean(axis=1, dtype=np.float32), rate


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return
    position = 12
    while position + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        yield name, content[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _decoded(data: bytes, coding: int, bits: int) -> Samples:
    decode = _DECODERS.get((coding, bits))
    if decode is None:
        message = f"WAVE coding {coding} with {bits} bits is not supported"
        raise UnreadableRecording(message)
    return decode(data[: len(data) * 8 // bits * bits // 8])


def _pcm8(data: bytes) -> Samples:
    return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)


def _pcm16(data: bytes) -> Samples:
    return from_pcm16(np.frombuffer(data, "<i2").astype(np.int16))


def _pcm24(data: bytes) -> Samples:
    words = np.zeros((len(data) // 3, 4), np.uint8)
    words[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return _pcm32(words.tobytes())


def _pcm32(data: bytes) -> Samples:
    return (np.frombuffer(data, "<i4") / 2**31).astype(np.float32)


def _float32(data: bytes) -> Samples:
    return np.asarray(np.nan_to_num(np.frombuffer(data, "<f4")), np.float32)


def _ulaw(data: bytes) -> Samples:
    return from_pcm16(g711.pcm_from_ulaw(data))


def _alaw(data: bytes) -> Samples:
    return from_pcm16(g711.pcm_from_alaw(data))


_DECODERS: Final[Mapping[tuple[int, int], Callable[[bytes], Samples]]] = {
    (_PCM, 8): _pcm8,
    (_PCM, 16): _pcm16,
    (_PCM, 24): _pcm24,
    (_PCM, 32): _pcm32,
    (_FLOAT, 32): _float32,
    (_ULAW, 8): _ulaw,
    (_ALAW, 8): _alaw,
}
