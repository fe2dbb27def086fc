"""The voices themselves; imported by the worker process only, each when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, Protocol

import numpy as np

from ivr.speech.audio import Samples, from_pcm16
from ivr.speech.voices import primary


class VoiceEngine(Protocol):
    """Says one sentence or several."""

    @property
    def rate(self) -> int:
        """Samples per second of what it says."""
        ...

    def say(self, text: str, *, language: str, pace: float) -> Samples:
        """The words as samples."""
        ...


class Hibari:
    """hibari-tts: American English, 24 kHz; the seed makes the same words the same samples."""

    rate: Final = 24_000

    def __init__(self) -> None:
        from hibari import Hibari as Model

        self._model = Model()

    def say(self, text: str, *, language: str, pace: float) -> Samples:
        """The words as samples."""
        del language
        return np.asarray(self._model(text, speed=pace, seed=0), np.float32)


class NanoTts:
    """py-nanotts (SVOX Pico): one voice for each of six languages, 16 kHz."""

    rate: Final = 16_000
    _VOICES: Final[Mapping[str, str]] = {
        "en": "en-US",
        "de": "de-DE",
        "es": "es-ES",
        "fr": "fr-FR",
        "it": "it-IT",
    }

    def __init__(self) -> None:
        from py_nanotts import NanoTTS

        self._model = NanoTTS()

    def say(self, text: str, *, language: str, pace: float) -> Samples:
        """The words as samples."""
        voice = "en-GB" if language.casefold() == "en-gb" else self._VOICES[primary(language)]
        return from_pcm16(np.frombuffer(self._model.speak(text, voice=voice, speed=pace), "<i2"))


_ENGINES: Final[Mapping[str, Callable[[], VoiceEngine]]] = {"hibari": Hibari, "nanotts": NanoTts}


@cache
def engine_named(name: str) -> VoiceEngine:
    """The engine of this name, loaded once per process."""
    return _ENGINES[name]()
