from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ivr.ports.speech import (
    SOUNDS_IN_PBX,
    NoVoice,
    PlainText,
    RenderingFailed,
    Sound,
    SpeechPort,
    Ssml,
    Unspeakable,
    Voice,
)
from ivr.speech import folders
from ivr.speech.jobs import Convert, Job, Load, Speak, job_line, read_job
from ivr.speech.rendered import RenderedSpeech
from ivr.speech.segments import Pause, Spoken, Tone, decode
from ivr.speech.voices import Engine

pytestmark = pytest.mark.unit

ENGLISH = Engine("hibari", "1", frozenset({"en"}))


class NotedJobs:
    """A workshop that writes down its jobs and makes a file of each."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.failing = ""
        self.closed = False

    async def perform(self, job: Job) -> None:
        self.jobs.append(job)
        if self.failing and self.failing in str(job):
            raise RenderingFailed(self.failing)
        if not isinstance(job, Load):
            job.target.write_bytes(b"\xff" * 1000)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def workshop() -> NotedJobs:
    return NotedJobs()


@pytest.fixture
def speech(tmp_path: Path, workshop: NotedJobs) -> RenderedSpeech:
    return RenderedSpeech(tmp_path / "sounds", workshop=workshop, engines=(ENGLISH,))


def file_of(sound: Sound, sounds: Path) -> Path:
    return sounds / f"{sound.removeprefix(SOUNDS_IN_PBX)[1:]}{folders.SUFFIX}"


async def test_words_are_rendered_once_and_found_by_their_content(
    speech: RenderedSpeech, workshop: NotedJobs, tmp_path: Path
) -> None:
    port: SpeechPort = speech

    first = await port.sound_for(PlainText("Call 12345"), Voice())
    again = await port.sound_for(PlainText("Call 12345"), Voice())

    assert first == again
    target = file_of(first, tmp_path / "sounds")
    assert workshop.jobs == [
        Speak((Spoken("Call one two three, four five"),), "hibari", "en-US", target)
    ]


async def test_same_words_as_text_and_as_markup_are_one_sound(speech: RenderedSpeech) -> None:
    text = await speech.sound_for(PlainText("Hello there"), Voice())
    markup = await speech.sound_for(Ssml("<speak>Hello <b>there</b></speak>"), Voice())

    assert text == markup


@pytest.mark.parametrize(
    "other",
    [
        Voice(language="en-GB"),
        Voice(rate=0.8),
    ],
)
async def test_another_voice_is_another_sound(speech: RenderedSpeech, other: Voice) -> None:
    assert await speech.sound_for(PlainText("Hello"), Voice()) != await speech.sound_for(
        PlainText("Hello"), other
    )


async def test_another_engine_version_is_another_sound(
    speech: RenderedSpeech, workshop: NotedJobs, tmp_path: Path
) -> None:
    newer = RenderedSpeech(
        tmp_path / "sounds",
        workshop=workshop,
        engines=(Engine("hibari", "2", frozenset({"en"})),),
    )

    assert await speech.sound_for(PlainText("Hello"), Voice()) != await newer.sound_for(
        PlainText("Hello"), Voice()
    )


async def test_name_of_a_voice_makes_no_other_sound(speech: RenderedSpeech) -> None:
    joanna = speech.voice_named("Joanna")

    assert joanna is not None
    assert await speech.sound_for(PlainText("Hello"), joanna) == await speech.sound_for(
        PlainText("Hello"), Voice()
    )


async def test_a_language_without_voice_is_an_error_and_no_silence(
    speech: RenderedSpeech, workshop: NotedJobs
) -> None:
    with pytest.raises(NoVoice, match="no voice for language de-DE"):
        await speech.sound_for(PlainText("Guten Tag"), Voice(language="de-DE"))

    assert workshop.jobs == []
    assert not speech.has_voice("de-DE")
    assert speech.has_voice("en-GB")


async def test_broken_markup_is_refused_before_it_is_rendered(
    speech: RenderedSpeech, workshop: NotedJobs
) -> None:
    with pytest.raises(Unspeakable):
        await speech.sound_for(Ssml("<speak>Hello"), Voice())

    assert workshop.jobs == []


def test_problems_name_every_fault_at_once(speech: RenderedSpeech) -> None:
    assert speech.problems(PlainText("Hello"), Voice()) == ()
    assert speech.problems(Ssml("Hello"), Voice(language="fi-FI")) == (
        "no voice for language fi-FI",
        "SSML line 1: syntax error",
    )


async def test_preparing_goes_on_after_a_failure_and_tells_it(
    speech: RenderedSpeech, workshop: NotedJobs
) -> None:
    workshop.failing = "second"
    many = [(PlainText(words), Voice()) for words in ("first", "second", "third")]

    failed = await speech.prepare([*many, (PlainText("vierte"), Voice(language="de-DE"))])

    assert failed == ("second", "no voice for language de-DE")
    assert len(workshop.jobs) == 3


async def test_sounds_lie_where_the_user_of_the_switch_can_read_them(
    speech: RenderedSpeech, tmp_path: Path
) -> None:
    before = os.umask(0o077)
    try:
        sound = await speech.sound_for(PlainText("Hello"), Voice())
    finally:
        os.umask(before)

    folder = file_of(sound, tmp_path / "sounds").parent
    while folder != tmp_path:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
        folder = folder.parent


def test_a_recording_of_the_site_comes_before_one_of_ours(
    speech: RenderedSpeech, tmp_path: Path
) -> None:
    for folder, names in (("system", ("beep", "goodbye")), ("recorded", ("beep", "welcome"))):
        place = folders.ensure(tmp_path / "sounds", folder)
        for name in names:
            (place / f"{name}.ulaw").write_bytes(b"\xff")

    assert speech.recorded("beep") == f"{SOUNDS_IN_PBX}/recorded/beep"
    assert speech.recorded("welcome") == f"{SOUNDS_IN_PBX}/recorded/welcome"
    assert speech.recorded("goodbye") == f"{SOUNDS_IN_PBX}/system/goodbye"
    arn = "arn:aws:connect:us-east-1:1:instance/2/prompt/welcome"
    assert speech.recorded(arn) == f"{SOUNDS_IN_PBX}/recorded/welcome"


@pytest.mark.parametrize(
    "prompt_id",
    ["missing", "", "queue-music", "hold-music", "../tts/x", "..", "a&b", "a,b", "a\nb", "x" * 99],
)
def test_what_is_no_recording_is_not_played(speech: RenderedSpeech, prompt_id: str) -> None:
    assert speech.recorded(prompt_id) is None


async def test_sounds_unused_for_longest_make_room(
    workshop: NotedJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.speech.rendered._RENDERINGS_BETWEEN_CLEANINGS", 4)
    sounds = tmp_path / "sounds"
    speech = RenderedSpeech(sounds, workshop=workshop, engines=(ENGLISH,), max_cache_bytes=2000)
    made = [await speech.sound_for(PlainText(f"old {n}"), Voice()) for n in "abc"]
    for age, sound in enumerate(made):
        os.utime(file_of(sound, sounds), (1000 + age, 1000 + age))
    await speech.sound_for(PlainText("old a"), Voice())

    await speech.sound_for(PlainText("new"), Voice())

    left = [file_of(sound, sounds).exists() for sound in made]
    assert left == [True, False, False]


async def test_warming_up_loads_the_voice_of_the_language(
    speech: RenderedSpeech, workshop: NotedJobs
) -> None:
    await speech.warm_up("en-GB")

    assert workshop.jobs == [Load("hibari", "en-GB")]
    with pytest.raises(NoVoice):
        await speech.warm_up("de-DE")


async def test_closing_closes_the_workshop(speech: RenderedSpeech, workshop: NotedJobs) -> None:
    await speech.close()

    assert workshop.closed


@pytest.mark.parametrize(
    "job",
    [
        Speak((Spoken("Grüße", 0.8), Pause(5), Tone(900, 40)), "hibari", "en", Path("/a/b.ulaw")),
        Convert(Path("/x/ü.wav"), Path("/a/b.ulaw")),
        Load("hibari", "en-US"),
    ],
)
def test_a_job_reads_as_it_was_written(job: Job) -> None:
    line = job_line(7, job)

    assert read_job(line) == (7, job)
    assert line.count(b"\n") == 1


def test_a_segment_of_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown segment"):
        decode([["shout", "hey"]])
