"""Sounds as hearing tests handle them: 16-bit mono samples at 8 kHz, read, written and made."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ivr.speech.g711 import pcm_from_ulaw

RATE: Final = 8000
Pcm = NDArray[np.int16]


def read_sound(path: Path) -> Pcm:
    """The samples of a ``.wav`` (16 bit, mono, 8 kHz) or raw ``.ulaw`` file."""
    if path.suffix == ".ulaw":
        return pcm_from_ulaw(path.read_bytes())
    with wave.open(str(path), "rb") as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if form != (1, 2, RATE):
            message = f"{path.name}: {form} instead of one channel of 16 bits at {RATE} Hz"
            raise ValueError(message)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def write_wav(path: Path, pcm: Pcm) -> None:
    """Write samples for an ordinary player."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.astype("<i2").tobytes())


def tones(*hertz: float, seconds: float, amplitude: float = 0.2) -> Pcm:
    """Sines added up, each at this part of full scale."""
    time = np.arange(round(RATE * seconds)) / RATE
    total = sum((np.sin(2 * np.pi * tone * time) for tone in hertz), np.zeros(len(time)))
    return np.round(total * amplitude * 32767).astype(np.int16)


def silence(seconds: float) -> Pcm:
    """No sound."""
    return np.zeros(round(RATE * seconds), np.int16)
