from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivr.speech.g711 import pcm_from_ulaw, ulaw_from_pcm
from tests.hearing import tones as heard
from tests.hearing.sounds import Pcm, read_sound, silence, tones, write_wav
from tests.hearing.tones import HERTZ, listen

pytestmark = pytest.mark.unit


def over_the_line(*parts: Pcm) -> Pcm:
    """Parts in a row, as G.711 carries them."""
    return pcm_from_ulaw(ulaw_from_pcm(np.concatenate(parts)))


@pytest.mark.parametrize("name", HERTZ)
def test_each_tone_is_told_from_every_other(name: str) -> None:
    timeline = listen(over_the_line(tones(HERTZ[name], seconds=0.5)))

    assert timeline.heard() == {name}
    assert timeline.ms(name) == 500


def test_timeline_says_who_was_heard_when() -> None:
    pcm = over_the_line(
        tones(HERTZ[heard.AGENT_WHISPER], seconds=0.4),
        silence(0.2),
        tones(HERTZ[heard.CUSTOMER], seconds=0.6),
    )

    timeline = listen(pcm)

    assert str(timeline) == "agent whisper 0-400, silence 400-600, customer 600-1200"
    assert timeline.first_ms(heard.CUSTOMER) == 600
    assert timeline.last_ms(heard.AGENT_WHISPER) == 400
    assert timeline.ms(heard.CUSTOMER_WHISPER) == 0
    assert timeline.first_ms(heard.CUSTOMER_WHISPER) is None


def test_tones_off_the_packet_grid_keep_their_length_within_a_packet() -> None:
    pcm = over_the_line(silence(0.107), tones(HERTZ[heard.AGENT], seconds=0.5), silence(0.113))

    timeline = listen(pcm)

    assert timeline.heard() == {heard.AGENT, heard.SILENCE}
    assert abs(timeline.ms(heard.AGENT) - 500) <= 40


def test_two_parties_at_once_are_both_heard() -> None:
    both = tones(HERTZ[heard.CUSTOMER], HERTZ[heard.AGENT], seconds=0.5)
    pcm = over_the_line(tones(HERTZ[heard.CUSTOMER], seconds=0.5), both)

    timeline = listen(pcm)

    assert timeline.ms(heard.CUSTOMER) == 1000
    assert timeline.longest_ms(heard.CUSTOMER) == 1000
    assert timeline.ms(heard.CUSTOMER, heard.AGENT) == 500
    assert timeline.spans(heard.AGENT) == ((500, 1000),)


PEOPLE = (
    heard.CUSTOMER,
    heard.AGENT,
    heard.SECOND_AGENT,
    heard.THIRD_AGENT,
    heard.FOURTH_AGENT,
    heard.OUTSIDE,
)


@pytest.mark.parametrize("missing", PEOPLE)
def test_five_of_a_conference_are_heard_at_once(missing: str) -> None:
    others = set(PEOPLE) - {missing}
    loud = heard.CONFERENCE_LEVEL / 32767
    pcm = tones(*(heard.CONFERENCE[name] for name in others), seconds=0.5, amplitude=loud)

    timeline = listen(over_the_line(pcm), hertz=heard.CONFERENCE)

    assert timeline.heard() == others
    assert timeline.ms(*others) == 500


def test_a_tone_ten_decibels_weaker_is_still_heard_beside_another() -> None:
    loud = tones(HERTZ[heard.CUSTOMER], seconds=0.5, amplitude=0.3)
    soft = tones(HERTZ[heard.SECOND_AGENT], seconds=0.5, amplitude=0.1)

    timeline = listen(over_the_line(loud + soft))

    assert timeline.ms(heard.CUSTOMER, heard.SECOND_AGENT) == 500


def test_unknown_tone_and_noise_are_sound_of_no_name() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 8000).astype(np.int16)

    timeline = listen(over_the_line(tones(1700, seconds=0.5), noise))

    assert timeline.heard() == {heard.SOUND}


def test_a_break_of_one_packet_in_a_tone_is_seen() -> None:
    tone = tones(HERTZ[heard.CUSTOMER], seconds=0.5)

    timeline = listen(np.concatenate([tone, silence(0.02), tone]))

    assert timeline.ms(heard.SILENCE) == 20
    assert timeline.longest_ms(heard.CUSTOMER) == 500


def test_ringback_is_heard_for_its_two_seconds() -> None:
    pcm = over_the_line(silence(0.3), tones(440, 480, seconds=2, amplitude=0.1), silence(1))

    timeline = listen(pcm)

    assert timeline.heard() == {heard.RINGBACK, heard.SILENCE}
    assert abs(timeline.longest_ms(heard.RINGBACK) - 2000) <= 60


def burst(seconds: float) -> Pcm:
    return np.concatenate([tones(480, 620, seconds=seconds, amplitude=0.1), silence(seconds)])


def test_fast_busy_is_told_from_busy_by_its_cadence() -> None:
    reorder = listen(over_the_line(*[burst(0.25)] * 4))
    busy = listen(over_the_line(*[burst(0.5)] * 4))

    assert reorder.is_reorder()
    assert not busy.is_reorder()
    assert busy.ms(heard.REORDER) > 1800


def test_two_bursts_are_not_yet_fast_busy() -> None:
    assert not listen(over_the_line(*[burst(0.25)] * 2)).is_reorder()


def test_empty_recording_holds_nothing() -> None:
    timeline = listen(silence(0))

    assert str(timeline) == "nothing"
    assert not timeline.is_reorder()


def test_wav_and_ulaw_files_give_the_same_sound_back(tmp_path: Path) -> None:
    pcm = over_the_line(tones(700, seconds=0.1))
    write_wav(tmp_path / "a.wav", pcm)
    (tmp_path / "a.ulaw").write_bytes(ulaw_from_pcm(pcm))

    assert np.array_equal(read_sound(tmp_path / "a.wav"), pcm)
    assert np.array_equal(read_sound(tmp_path / "a.ulaw"), pcm)
