"""How numbers, keys and codes are said: digit by digit, in groups that a listener can keep.

Speech engines read ``555-123-4567`` as hundreds and ``+15551234567`` as fifteen billion. So runs
of five and more digits, everything after a ``+`` and everything written like a telephone number is
spelled out here; short counts, years, times, dates and amounts are left to the engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class _Lexicon:
    digits: tuple[str, ...]
    plus: str
    star: str
    pound: str


_LEXICONS: Final[Mapping[str, _Lexicon]] = {
    "en": _Lexicon(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        plus="plus",
        star="star",
        pound="pound",
    ),
    "de": _Lexicon(
        ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
        plus="plus",
        star="Stern",
        pound="Raute",
    ),
    "es": _Lexicon(
        ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
        plus="más",
        star="asterisco",
        pound="almohadilla",
    ),
    "fr": _Lexicon(
        ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
        plus="plus",
        star="étoile",
        pound="dièse",
    ),
    "it": _Lexicon(
        ("zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"),
        plus="più",
        star="asterisco",
        pound="cancelletto",
    ),
}
_BRITISH_POUND: Final = "hash"

_LINK: Final = r"(?:[ \u00a0.\-]|\) ?-?| ?\()"
_NUMBER: Final = re.compile(
    rf"(?<![\d$€£])(?<!\d[.,])(?P<plus>\+ ?)?(?P<open>\()?(?P<body>\d+(?:{_LINK}\d+)*)"
)
_KEY: Final = re.compile(r"(?<![A-Za-z])[#*](?!\w)")
_ISO_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_LONG_RUN: Final = re.compile(r"(?<!\d[.,])\d{5,}(?![.,]\d{1,2}\b)")

_LONGEST_GROUP: Final = 4
_PHONE_DIGITS: Final = range(7, 16)
_ONE_DIGIT_COUNTRIES: Final = frozenset("17")
_TWO_DIGIT_COUNTRIES: Final = frozenset(
    str(code)
    for codes in (
        (20, 27, 36, 39, 40, 41, 81, 82, 84, 86, 98),
        (*range(30, 35), *range(43, 50), *range(51, 59), *range(60, 67), *range(90, 96)),
    )
    for code in codes
)
"""ITU-T E.164 assignments; the codes that are neither have three digits."""


def spell_numbers(text: str, language: str) -> str:
    """Text for the engine, with long numbers and the keys ``#`` and ``*`` in words."""
    lexicon = _lexicon(language)
    keyed = _KEY.sub(lambda key: f" {_symbol(key.group(), lexicon, language)} ", text)
    return squeeze(_NUMBER.sub(lambda number: _spell_match(number, lexicon), keyed))


def telephone(text: str, language: str) -> str:
    """A telephone number digit by digit; its own separators make the groups."""
    lexicon = _lexicon(language)
    groups = re.findall(r"\d+", text)
    if "+" in text and len(groups) > 0:
        return _international(groups, lexicon)
    return _join(groups, lexicon)


def digits(text: str, language: str) -> str:
    """Every digit of a text on its own, grouped."""
    return _join(re.findall(r"\d+", text), _lexicon(language))


def characters(text: str, language: str) -> str:
    """A text letter by letter."""
    lexicon = _lexicon(language)
    spelled = [_character(character, lexicon, language) for character in text if character.strip()]
    return ", ".join(spelled)


def _character(character: str, lexicon: _Lexicon, language: str) -> str:
    if character in "0123456789":
        return lexicon.digits[int(character)]
    if character in "#*+":
        return _symbol(character, lexicon, language)
    return character.upper()


def _symbol(character: str, lexicon: _Lexicon, language: str) -> str:
    if character == "#":
        return _BRITISH_POUND if language.casefold() == "en-gb" else lexicon.pound
    return lexicon.star if character == "*" else lexicon.plus


def _spell_match(found: re.Match[str], lexicon: _Lexicon) -> str:
    """Decide what a run of digits is, and say it so."""
    body = found["body"]
    groups = re.findall(r"\d+", body)
    if found["plus"]:
        return f" {_international(groups, lexicon)} "
    if _looks_like_telephone(body, groups):
        return f" {_join(groups, lexicon)} "
    spelled = _LONG_RUN.sub(lambda run: f" {_join([run.group()], lexicon)} ", body)
    return f"{found['open'] or ''}{spelled}"


def _looks_like_telephone(body: str, groups: list[str]) -> bool:
    if len(groups) == 1 or sum(map(len, groups)) not in _PHONE_DIGITS:
        return False
    if _ISO_DATE.fullmatch(body):
        return False
    shortest = 3 if "." in body else 2
    return all(len(group) >= shortest for group in groups[1:])


def _international(groups: list[str], lexicon: _Lexicon) -> str:
    first, *rest = groups
    size = _country_code_size(first)
    parts = [first[:size], first[size:], *rest]
    return f"{lexicon.plus} {_join([part for part in parts if part], lexicon)}"


def _country_code_size(number: str) -> int:
    if number[:1] in _ONE_DIGIT_COUNTRIES:
        return 1
    return 2 if number[:2] in _TWO_DIGIT_COUNTRIES else 3


def _join(groups: list[str], lexicon: _Lexicon) -> str:
    return ", ".join(
        " ".join(lexicon.digits[int(digit)] for digit in part)
        for group in groups
        for part in _split(group)
    )


def _split(group: str) -> list[str]:
    """Threes with a last part of two to four, so that no digit stands alone."""
    parts = []
    while len(group) > _LONGEST_GROUP:
        parts.append(group[:3])
        group = group[3:]
    return [*parts, group]


def _lexicon(language: str) -> _Lexicon:
    return _LEXICONS.get(language.casefold().partition("-")[0], _LEXICONS["en"])


def squeeze(text: str) -> str:
    """One blank between words, none before punctuation."""
    return re.sub(r"\s+(?=[,.;:!?)])", "", re.sub(r"[ \u00a0\t]{2,}", " ", text)).strip()
