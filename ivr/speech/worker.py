"""The worker process: loads the voice once and writes sounds, as µ-law at 8 kHz.

Started by ``ivr.speech.workshop`` as ``python -m ivr.speech.worker``. Jobs come in on standard
input, a reply to each goes out on standard output, and the end of the input ends it, so it never
outlives its controller.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from ivr.speech import audio, g711
from ivr.speech.engines import VoiceEngine, engine_named
from ivr.speech.jobs import Convert, Job, Load, Reply, Speak, read_job, reply_line
from ivr.speech.recordings import UnreadableRecording, telephone_samples
from ivr.speech.segments import Pause, Segment, Spoken, Tone

NICENESS: Final = 5
"""Rendering gives way to the calls that are up on the same machine."""
_SOUND_MODE: Final = 0o644


def main() -> None:
    """Do jobs until the input ends."""
    os.nice(NICENESS)
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not look like a reply
    for line in sys.stdin.buffer:
        number, job = read_job(line)
        replies.write(reply_line(_reply(number, job)))


def _reply(number: int, job: Job) -> Reply:
    """Do a job; whatever fails in it, fails this job only."""
    try:
        perform(job)
    except UnreadableRecording as error:
        return Reply(number, str(error), at_fault=True)
    except Exception as error:
        return Reply(number, f"{type(error).__name__}: {error}")
    return Reply(number)


def perform(job: Job) -> None:
    """Do what a job asks for; words that have a file already are not rendered again."""
    match job:
        case Speak(segments, engine, language, target):
            if not target.exists():
                _write(target, speech(segments, engine=engine, language=language))
        case Convert(source, target):
            _write(target, telephone_samples(source))
        case Load(engine, language):
            engine_named(engine).say("Ready.", language=language, pace=1.0)


def speech(segments: tuple[Segment, ...], *, engine: str, language: str) -> audio.Samples:
    """Segments as one stretch of telephone sound."""
    parts: list[audio.Samples] = []
    for segment in segments:
        match segment:
            case Spoken():
                parts.append(_said(segment, engine_named(engine), language))
            case Pause(milliseconds):
                parts.append(audio.silence(milliseconds))
            case Tone(hertz, milliseconds):
                tone = audio.tone(hertz, milliseconds)
                parts.append(audio.faded(tone, audio.TELEPHONE_RATE))
    return np.concatenate(parts)


def _said(spoken: Spoken, engine: VoiceEngine, language: str) -> audio.Samples:
    raw = engine.say(spoken.text, language=language, pace=spoken.rate)
    voice = audio.resampled(raw, engine.rate, audio.TELEPHONE_RATE)
    voice = audio.trimmed(voice, audio.TELEPHONE_RATE)
    return audio.faded(audio.levelled(voice, audio.TELEPHONE_RATE), audio.TELEPHONE_RATE)


def _write(target: Path, samples: audio.Samples) -> None:
    """Put a sound in place whole: the switch may look for it at any moment."""
    encoded = g711.ulaw_from_pcm(audio.to_pcm16(samples))
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as file:
        file.write(encoded)
        file.flush()
        os.fchmod(file.fileno(), _SOUND_MODE)
    Path(file.name).replace(target)


if __name__ == "__main__":
    main()
