"""Which languages can be spoken here, and what the voice names in a flow mean.

A flow names voices of Amazon Polly; only their language matters to us, because each engine has one
voice per language. Names: Amazon Polly developer guide, *Available voices*.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata, util
from typing import Final

from ivr.ports.speech import Voice


@dataclass(frozen=True, slots=True)
class Engine:
    """A speech engine that is installed.

    Attributes:
        name: What the worker process knows it by.
        version: Part of every cache key: another version may sound different.
        languages: Primary language subtags it speaks.
    """

    name: str
    version: str
    languages: frozenset[str]

    def speaks(self, language: str) -> bool:
        """Whether it has a voice for this language."""
        return primary(language) in self.languages


@dataclass(frozen=True, slots=True)
class _Package:
    engine: str
    distribution: str
    module: str
    languages: frozenset[str]


_PACKAGES: Final = (
    _Package("hibari", "hibari-tts", "hibari", frozenset({"en"})),
    _Package("nanotts", "py-nanotts", "py_nanotts", frozenset({"en", "de", "es", "fr", "it"})),
)
"""In order of preference."""


def installed_engines() -> tuple[Engine, ...]:
    """The engines that can be used, best first; nothing is imported."""
    return tuple(
        Engine(package.engine, metadata.version(package.distribution), package.languages)
        for package in _PACKAGES
        if util.find_spec(package.module) is not None
    )


def engine_for(language: str, engines: Iterable[Engine]) -> Engine | None:
    """The best engine with a voice for this language."""
    return next((engine for engine in engines if engine.speaks(language)), None)


def primary(language: str) -> str:
    """The language without its country: ``en`` of ``en-US``."""
    return language.casefold().partition("-")[0]


def voice_named(name: str) -> Voice | None:
    """The voice of this Amazon Polly name, accents and case aside."""
    language = _LANGUAGE_OF_VOICE.get(_plain(name))
    return None if language is None else Voice(language=language, name=name)


def _plain(name: str) -> str:
    """Lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


_POLLY_VOICES: Final[Mapping[str, str]] = {
    "ar-AE": "Hala Zayd",
    "arb": "Zeina",
    "ca-ES": "Arlet",
    "cmn-CN": "Zhiyu",
    "cs-CZ": "Jitka",
    "cy-GB": "Gwyneth",
    "da-DK": "Mads Naja Sofie",
    "de-AT": "Hannah",
    "de-CH": "Sabrina",
    "de-DE": "Daniel Hans Lennart Marlene Tina Vicki",
    "en-AU": "Nicole Olivia Russell",
    "en-GB": "Amy Arthur Brian Emma",
    "en-GB-WLS": "Geraint",
    "en-IE": "Niamh",
    "en-IN": "Aditi Kajal Raveena",
    "en-NZ": "Aria",
    "en-SG": "Jasmine",
    "en-US": "Danielle Gregory Ivy Joanna Joey Justin Kendra Kevin Kimberly Matthew Patrick Ruth "
    "Salli Stephen Tiffany",
    "en-ZA": "Ayanda",
    "es-ES": "Alba Conchita Enrique Lucia Raul Sergio",
    "es-MX": "Andres Mia",
    "es-US": "Lupe Miguel Pedro Penelope",
    "fi-FI": "Suvi",
    "fr-BE": "Isabelle",
    "fr-CA": "Chantal Gabrielle Liam",
    "fr-FR": "Ambre Celine Florian Lea Mathieu Remi",
    "is-IS": "Dora Karl",
    "it-IT": "Adriano Beatrice Bianca Carla Giorgio Lorenzo",
    "ja-JP": "Kazuha Mizuki Takumi Tomoko",
    "ko-KR": "Jihye Seoyeon",
    "nb-NO": "Ida Liv",
    "nl-BE": "Lisa",
    "nl-NL": "Laura Lotte Ruben",
    "pl-PL": "Ewa Jacek Jan Maja Ola",
    "pt-BR": "Camila Ricardo Thiago Vitoria",
    "pt-PT": "Cristiano Ines",
    "ro-RO": "Carmen",
    "ru-RU": "Maxim Tatyana",
    "sv-SE": "Astrid Elin",
    "tr-TR": "Burcu Filiz",
    "yue-CN": "Hiujin",
}

_LANGUAGE_OF_VOICE: Final[Mapping[str, str]] = {
    _plain(name): language for language, names in _POLLY_VOICES.items() for name in names.split()
}
