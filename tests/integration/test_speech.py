"""Real voices, a real worker process, and what is heard in the files that they make."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from ivr.ports.speech import (
    SOUNDS_IN_PBX,
    PlainText,
    RenderingFailed,
    Sound,
    Ssml,
    Unspeakable,
    Voice,
)
from ivr.speech.jobs import Convert, Speak
from ivr.speech.rendered import RenderedSpeech
from ivr.speech.segments import Spoken, Tone
from ivr.speech.system_sounds import SYSTEM_SOUNDS, install_system_sounds, system_sound
from ivr.speech.voices import installed_engines
from ivr.speech.workshop import Workshop
from tests.hearing import tones as heard_tones
from tests.hearing.recogniser import heard, words
from tests.hearing.sounds import read_sound, tones, write_wav
from tests.hearing.tones import listen

pytestmark = pytest.mark.integration

CONFIRMATION = PlainText("The number you entered is +49 30 1234 5678. Press 1 to confirm.")
HEARD_CONFIRMATION = (
    "the number you entered is plus four nine three zero one two three four five six seven eight "
    "press one to confirm"
)


def file_of(sound: Sound, sounds: Path) -> Path:
    return sounds / f"{sound.removeprefix(SOUNDS_IN_PBX)[1:]}.ulaw"


def speech_in(sounds: Path) -> RenderedSpeech:
    return RenderedSpeech(sounds, workshop=Workshop(), engines=installed_engines())


on_shared_loop = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def speech(sounds: Path) -> AsyncIterator[RenderedSpeech]:
    """One voice for the module: loading it takes a second."""
    rendered = speech_in(sounds)
    yield rendered
    await rendered.close()


@on_shared_loop
async def test_a7_number_is_read_back_digit_by_digit(speech: RenderedSpeech, sounds: Path) -> None:
    sound = await speech.sound_for(CONFIRMATION, Voice())

    transcript = await asyncio.to_thread(words, file_of(sound, sounds))
    assert heard(HEARD_CONFIRMATION, transcript, min_ratio=0.9), transcript


@on_shared_loop
async def test_a7_markup_is_heard_with_its_pause_and_its_pace(
    speech: RenderedSpeech, sounds: Path
) -> None:
    markup = Ssml(
        "<speak>Please hold the line.<break time='1500ms'/>"
        "<prosody rate='slow'>Your code is <say-as interpret-as='digits'>4711</say-as>"
        "</prosody></speak>"
    )

    path = file_of(await speech.sound_for(markup, Voice()), sounds)

    transcript = await asyncio.to_thread(words, path)
    assert heard("please hold the line your code is four seven one one", transcript), transcript
    assert listen(read_sound(path)).longest_ms(heard_tones.SILENCE) >= 1500


@on_shared_loop
async def test_speech_holds_no_tone_of_any_party(speech: RenderedSpeech, sounds: Path) -> None:
    """A whisper must not look like another party's tone, or privacy could not be proved."""
    sound = await speech.sound_for(CONFIRMATION, Voice())

    timeline = listen(read_sound(file_of(sound, sounds)))

    assert timeline.heard() == {heard_tones.SOUND, heard_tones.SILENCE}


@on_shared_loop
async def test_same_words_asked_for_at_once_are_one_whole_sound(
    speech: RenderedSpeech, sounds: Path
) -> None:
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(speech.sound_for(PlainText("At once"), Voice())) for _ in range(5)
        ]

    (sound,) = {task.result() for task in asked}
    path = file_of(sound, sounds)
    assert os.listdir(path.parent) == [path.name]
    assert path.stat().st_mode & 0o777 == 0o644


def test_rendering_works_on_the_loop_of_the_controller(tmp_path: Path) -> None:
    async def render() -> Sound:
        speech = speech_in(tmp_path)
        try:
            return await speech.sound_for(PlainText("Hello"), Voice())
        finally:
            await speech.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sound = runner.run(render())

    assert file_of(sound, tmp_path).stat().st_size > 2000


async def test_the_event_loop_goes_on_while_a_voice_is_loaded_and_speaks(
    tmp_path: Path,
) -> None:
    speech = speech_in(tmp_path)
    ticks = 0
    rendered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if not rendered.is_set():
            loop.call_later(0.01, tick)

    started = time.monotonic()
    tick()
    await speech.warm_up("en-US")
    await speech.sound_for(CONFIRMATION, Voice())
    rendered.set()
    await speech.close()

    assert ticks > (time.monotonic() - started) * 5


def test_system_sounds_are_made_once_and_say_what_they_must(tmp_path: Path) -> None:
    made = install_system_sounds(tmp_path)
    again = install_system_sounds(tmp_path)

    assert set(made) == set(SYSTEM_SOUNDS)
    assert again == ()
    goodbye = words(file_of(system_sound("goodbye"), tmp_path))
    assert heard("we are sorry nobody can take your call please call again later", goodbye)
    beep = listen(read_sound(file_of(system_sound("beep"), tmp_path)))
    assert beep.ms(heard_tones.BEEP) >= 300
    silence = listen(read_sound(file_of(system_sound("silence"), tmp_path)))
    assert silence.heard() == {heard_tones.SILENCE}


def test_a_system_sound_that_is_lost_or_old_is_made_again(tmp_path: Path) -> None:
    install_system_sounds(tmp_path)
    file_of(system_sound("beep"), tmp_path).unlink()
    manifest = tmp_path / "system/manifest.json"
    manifest.write_text(manifest.read_text().replace('"silence": "', '"silence": "old'))

    assert install_system_sounds(tmp_path) == ("beep", "silence")
    assert file_of(system_sound("beep"), tmp_path).exists()


@on_shared_loop
async def test_recorded_prompts_are_converted_and_found_by_id(
    speech: RenderedSpeech, sounds: Path, tmp_path: Path
) -> None:
    prompts = tmp_path / "site"
    prompts.mkdir()
    write_wav(prompts / "welcome.wav", tones(700, seconds=0.5))

    imported = await speech.import_prompts(prompts)

    assert imported.prompt_ids == ("welcome",)
    sound = speech.recorded("welcome")
    assert sound is not None
    assert listen(read_sound(file_of(sound, sounds))).ms(heard_tones.CUSTOMER) == 500


# --- the worker process ---------------------------------------------------------------------------


def a_tone(folder: Path, name: str = "tone") -> Speak:
    return Speak((Tone(900, 100),), "", "en-US", folder / f"{name}.ulaw")


async def test_a_job_whose_input_is_at_fault_says_so_and_the_next_is_done(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    workshop = Workshop()

    with pytest.raises(Unspeakable, match="no RIFF"):
        await workshop.perform(Convert(tmp_path / "bad.wav", tmp_path / "bad.ulaw"))
    with pytest.raises(RenderingFailed, match="KeyError"):
        await workshop.perform(Speak((Spoken("x"),), "nobody", "en", tmp_path / "x.ulaw"))
    await workshop.perform(a_tone(tmp_path))

    assert sorted(os.listdir(tmp_path)) == ["bad.wav", "tone.ulaw"]
    await workshop.close()


async def test_a_worker_that_was_killed_is_replaced(tmp_path: Path) -> None:
    workshop = Workshop()
    await workshop.perform(a_tone(tmp_path, "one"))
    assert workshop.process_id is not None
    os.kill(workshop.process_id, 9)

    await workshop.perform(a_tone(tmp_path, "two"))

    assert (tmp_path / "two.ulaw").exists()
    await workshop.close()
    assert workshop.process_id is None


async def test_a_worker_that_ends_at_once_is_an_error_and_no_endless_loop(tmp_path: Path) -> None:
    workshop = Workshop(command=(sys.executable, "-c", "pass"))

    with pytest.raises(RenderingFailed, match="as soon as it starts"):
        await workshop.perform(a_tone(tmp_path))


async def test_a_worker_that_hangs_is_ended_after_the_time_limit(tmp_path: Path) -> None:
    silent = (sys.executable, "-c", "import sys; sys.stdin.read()")
    workshop = Workshop(command=silent, timeout=timedelta(seconds=0.3))

    with pytest.raises(RenderingFailed, match=r"longer than 0\.3 s"):
        await workshop.perform(a_tone(tmp_path))

    assert workshop.process_id is None


async def test_a_caller_who_gives_up_does_not_get_the_next_one_the_wrong_reply(
    tmp_path: Path,
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    workshop = Workshop()
    await workshop.perform(a_tone(tmp_path, "warm"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await workshop.perform(Convert(tmp_path / "bad.wav", tmp_path / "bad.ulaw"))

    await workshop.perform(a_tone(tmp_path))

    assert (tmp_path / "tone.ulaw").exists()
    await workshop.close()


async def test_more_than_can_wait_is_refused_at_once(tmp_path: Path) -> None:
    workshop = Workshop(max_waiting=2)

    results = await asyncio.gather(
        *(workshop.perform(a_tone(tmp_path, str(number))) for number in range(4)),
        return_exceptions=True,
    )

    refused = [result for result in results if isinstance(result, RenderingFailed)]
    assert [result for result in results if result is None] == [None, None]
    assert len(refused) == 2
    await workshop.close()
