from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from ivr.speech import audio, g711
from ivr.speech.recordings import UnreadableRecording, telephone_samples

pytestmark = pytest.mark.unit


def sine(rate: int, seconds: float = 0.5) -> audio.Samples:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * 600 * time)).astype(np.float32)


def wave(data: bytes, *, coding: int, bits: int, rate: int, channels: int = 1) -> bytes:
    size = bits // 8 * channels
    form = struct.pack("<HHIIHH", coding, channels, rate, rate * size, size, bits)
    if coding == 0xFFFE:
        form += struct.pack("<HHIH14x", 22, bits, 0, 1)
    chunks = b"WAVE" + b"LIST\x03\x00\x00\x00abc\x00"
    chunks += struct.pack("<4sI", b"fmt ", len(form)) + form
    chunks += struct.pack("<4sI", b"data", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def pcm16(samples: audio.Samples) -> bytes:
    return audio.to_pcm16(samples).tobytes()


def pcm24(samples: audio.Samples) -> bytes:
    words = (samples.astype(np.float64) * (2**31 - 1)).astype("<i4")
    return words.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


RECORDINGS = {
    "8 kHz.wav": wave(pcm16(sine(8000)), coding=1, bits=16, rate=8000),
    "16 kHz.wav": wave(pcm16(sine(16000)), coding=1, bits=16, rate=16000),
    "44 kHz.WAV": wave(pcm16(sine(44100)), coding=1, bits=16, rate=44100),
    "stereo.wav": wave(pcm16(np.repeat(sine(16000), 2)), coding=1, bits=16, rate=16000, channels=2),
    "8 bit.wav": wave(
        np.round(sine(8000) * 127 + 128).astype(np.uint8).tobytes(), coding=1, bits=8, rate=8000
    ),
    "24 bit.wav": wave(pcm24(sine(48000)), coding=1, bits=24, rate=48000),
    "extensible.wav": wave(pcm16(sine(8000)), coding=0xFFFE, bits=16, rate=8000),
    "32 bit.wav": wave(
        (sine(8000).astype(np.float64) * 2**31).astype("<i4").tobytes(),
        coding=1,
        bits=32,
        rate=8000,
    ),
    "float.wav": wave(sine(8000).astype("<f4").tobytes(), coding=3, bits=32, rate=8000),
    "ulaw.wav": wave(g711.ulaw_from_pcm(audio.to_pcm16(sine(8000))), coding=7, bits=8, rate=8000),
    "raw.ulaw": g711.ulaw_from_pcm(audio.to_pcm16(sine(8000))),
    "raw.sln": pcm16(sine(8000)),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_kind_of_recording_becomes_the_same_telephone_sound(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(RECORDINGS[name])

    samples = telephone_samples(path)

    assert len(samples) == 4000
    assert float(np.max(np.abs(samples[200:-200] - sine(8000)[200:-200]))) < 0.02


def test_alaw_recording_is_read(tmp_path: Path) -> None:
    path = tmp_path / "alaw.wav"
    path.write_bytes(wave(b"\xd5\x55" * 400, coding=6, bits=8, rate=8000))

    assert float(np.max(np.abs(telephone_samples(path)))) < 0.001


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.wav", b"", "no RIFF"),
        ("a.wav", b"ID3 this is an MP3", "no RIFF"),
        ("a.wav", RECORDINGS["8 kHz.wav"][:40], "no RIFF"),
        ("a.wav", wave(b"", coding=1, bits=16, rate=8000), "no sound"),
        ("a.wav", wave(b"\0" * 100, coding=2, bits=4, rate=8000), "coding 2"),
        ("a.wav", wave(b"\0" * 100, coding=1, bits=16, rate=100), "100 Hz"),
        ("a.wav", wave(b"\0" * 100, coding=1, bits=16, rate=8000, channels=0), "0 channels"),
        ("a.ulaw", b"\xff" * (8000 * 301), "301 s"),
        ("a.ulaw", b"", "no sound"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_reason(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(UnreadableRecording, match=reason):
        telephone_samples(path)


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.truncate(50_000_001)

    with pytest.raises(UnreadableRecording, match="at most 50 MB"):
        telephone_samples(path)
