from __future__ import annotations

import pytest

from ivr.ports.speech import Voice
from ivr.speech.voices import Engine, engine_for, installed_engines, voice_named

pytestmark = pytest.mark.unit

ENGLISH = Engine("hibari", "1", frozenset({"en"}))
MANY = Engine("nanotts", "1", frozenset({"en", "de"}))


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("Joanna", "en-US"),
        ("matthew", "en-US"),
        ("Amy", "en-GB"),
        ("Vicki", "de-DE"),
        ("Céline", "fr-FR"),
        ("Celine", "fr-FR"),
        ("Dóra", "is-IS"),
        ("Vitória", "pt-BR"),
    ],
)
def test_polly_voice_names_mean_their_language(name: str, language: str) -> None:
    assert voice_named(name) == Voice(language=language, name=name)


def test_unknown_voice_name_means_no_voice() -> None:
    assert voice_named("Nobody") is None


@pytest.mark.parametrize("language", ["en", "en-US", "EN-gb"])
def test_the_first_engine_that_speaks_a_language_is_taken(language: str) -> None:
    assert engine_for(language, (ENGLISH, MANY)) is ENGLISH


def test_another_engine_takes_what_the_first_does_not_speak() -> None:
    assert engine_for("de-AT", (ENGLISH, MANY)) is MANY


def test_a_language_that_nobody_speaks_has_no_engine() -> None:
    assert engine_for("fi-FI", (ENGLISH, MANY)) is None


def test_english_is_installed_with_the_speech_extra() -> None:
    pytest.importorskip("hibari")

    assert engine_for("en-US", installed_engines()) is not None
