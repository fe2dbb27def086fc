from __future__ import annotations

import numpy as np
import pytest

from ivr.speech import audio

pytestmark = pytest.mark.unit

RATE = audio.TELEPHONE_RATE


def sine(hertz: float, rate: int, seconds: float = 0.5, amplitude: float = 0.5) -> audio.Samples:
    time = np.arange(round(rate * seconds)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def level(samples: audio.Samples) -> float:
    """Root mean square of the middle half, in decibels of full scale."""
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    return 20 * float(np.log10(np.sqrt(np.mean(np.square(middle))) + 1e-9))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
def test_resampling_keeps_length_pitch_and_level(rate: int) -> None:
    result = audio.resampled(sine(1000, rate), rate, RATE)

    assert len(result) == RATE // 2
    error = result[400:-400] - sine(1000, RATE)[400:-400]
    assert float(np.max(np.abs(error))) < 0.003


@pytest.mark.parametrize("rate", [16000, 24000, 44100])
def test_resampling_leaves_nothing_above_the_telephone_band(rate: int) -> None:
    result = audio.resampled(sine(5000, rate), rate, RATE)

    assert level(result) < level(sine(5000, rate)) - 55


def test_resampling_upwards_adds_nothing() -> None:
    result = audio.resampled(sine(1000, 8000), 8000, 16000)

    assert len(result) == 8000
    assert np.allclose(result[800:-800], sine(1000, 16000)[800:-800], atol=0.003)


def test_resampling_nothing_gives_nothing() -> None:
    assert len(audio.resampled(audio.silence(0), 24000, 8000)) == 0


def test_silence_around_speech_is_trimmed_to_a_short_lead_and_tail() -> None:
    speech = np.concatenate([audio.silence(500), sine(500, RATE, 1.0), audio.silence(700)])

    result = audio.trimmed(speech, RATE)

    assert 1.1 < len(result) / RATE < 1.25


def test_trimming_silence_leaves_nothing() -> None:
    assert len(audio.trimmed(audio.silence(500), RATE)) == 0


@pytest.mark.parametrize("amplitude", [0.01, 0.1, 0.3])
def test_speech_is_brought_to_the_house_level_whatever_its_pauses(amplitude: float) -> None:
    speech = np.concatenate([sine(500, RATE, 1.0, amplitude), audio.silence(3000)])

    result = audio.levelled(speech, RATE)

    assert level(result[:RATE]) == pytest.approx(audio.SPEECH_LEVEL_DB, abs=0.5)


def test_levelling_never_clips() -> None:
    peaks = np.zeros(RATE, np.float32)
    peaks[::100] = 0.05

    result = audio.levelled(peaks, RATE)

    assert float(np.max(result)) == pytest.approx(audio.PEAK_LIMIT)


def test_levelling_silence_leaves_silence() -> None:
    assert not audio.levelled(audio.silence(100), RATE).any()


def test_faded_sound_begins_and_ends_at_zero_without_a_jump() -> None:
    result = audio.faded(np.ones(RATE, np.float32), RATE)

    assert result[0] == result[-1] == 0
    assert float(np.max(np.abs(np.diff(result)))) < 0.05
    assert len(audio.faded(audio.silence(0), RATE)) == 0


def test_tone_has_its_length_and_level() -> None:
    assert len(audio.tone(900, 400)) == 3200
    assert float(np.max(np.abs(audio.tone(900, 400)))) == pytest.approx(
        audio.TONE_AMPLITUDE, abs=0.01
    )


def test_samples_beyond_full_scale_are_clipped() -> None:
    assert audio.to_pcm16(np.array([2.0, -2.0, 0.0], np.float32)).tolist() == [32767, -32767, 0]
