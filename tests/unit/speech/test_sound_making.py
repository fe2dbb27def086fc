from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivr.speech import audio, worker
from ivr.speech.g711 import pcm_from_ulaw
from ivr.speech.jobs import Speak
from ivr.speech.segments import Pause, Spoken, Tone

pytestmark = pytest.mark.unit


class Hum:
    """A voice that hums for a second per word, at 16 kHz, faster when asked to."""

    rate = 16_000

    def say(self, text: str, *, language: str, pace: float) -> audio.Samples:
        assert language == "en-GB"
        seconds = len(text.split()) / pace
        time = np.arange(round(self.rate * seconds)) / self.rate
        return (0.01 * np.sin(2 * np.pi * 300 * time)).astype(np.float32)


def test_segments_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "engine_named", lambda name: {"hum": Hum()}[name])
    segments = (Spoken("two words"), Pause(500), Tone(900, 300), Spoken("fast", 2.0))

    samples = worker.speech(segments, engine="hum", language="en-GB")

    assert len(samples) / 8000 == pytest.approx(2.0 + 0.5 + 0.3 + 0.5, abs=0.05)
    spoken, pause = samples[4000:12000], samples[16400:19600]
    assert 20 * np.log10(np.sqrt(np.mean(np.square(spoken)))) == pytest.approx(-20, abs=0.5)
    assert not pause.any()


def test_a_sound_is_written_whole_and_readable_by_the_switch(tmp_path: Path) -> None:
    target = tmp_path / "tone.ulaw"

    worker.perform(Speak((Tone(900, 100),), "", "en-US", target))

    assert len(pcm_from_ulaw(target.read_bytes())) == 800
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["tone.ulaw"]


def test_a_sound_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    target = tmp_path / "tone.ulaw"
    target.write_bytes(b"kept")

    worker.perform(Speak((Tone(900, 100),), "", "en-US", target))

    assert target.read_bytes() == b"kept"
