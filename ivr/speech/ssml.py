"""What is to be said, out of plain text or SSML.

Of SSML these are understood: ``break``, ``say-as`` (digits, telephone, characters), ``prosody``
(rate), ``p``, ``s`` and ``sub``; the words inside any other element are read as text. Document
types are refused, so there are no entities beyond XML's own five. Elements may carry a prefix
without declaring it (``amazon:effect``), as Amazon Polly's own examples do.

Source: W3C SSML 1.1; limits of the Amazon Connect prompt block (3 000 characters spoken, 6 000 in
all) and of Amazon Polly (a break of at most 10 s).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from xml.parsers import expat

from ivr.ports.speech import PlainText, Ssml, Unspeakable, Words
from ivr.speech import spelling
from ivr.speech.segments import Pause, Segment, Spoken, clamp_rate

MAX_SPOKEN_CHARACTERS: Final = 3000
MAX_MARKUP_CHARACTERS: Final = 6000
MAX_DEPTH: Final = 32
MAX_BREAK_MILLISECONDS: Final = 10_000
MAX_SILENCE_MILLISECONDS: Final = 120_000
_NOTHING_TO_SAY: Final = Pause(100)
_BETWEEN_SIGNS: Final = 30
_BETWEEN_GROUPS: Final = 220

_BREAKS: Final[Mapping[str, int]] = {
    "none": 0,
    "x-weak": 100,
    "weak": 250,
    "medium": 500,
    "strong": 800,
    "x-strong": 1200,
}
_ENDS: Final[Mapping[str, int]] = {"s": _BREAKS["weak"], "p": _BREAKS["medium"]}
_RATES: Final[Mapping[str, float]] = {
    "x-slow": 0.6,
    "slow": 0.8,
    "medium": 1.0,
    "default": 1.0,
    "fast": 1.25,
    "x-fast": 1.5,
}
_SAY_AS: Final[Mapping[str, Callable[[str, str], str]]] = {
    "digits": spelling.digits,
    "telephone": spelling.telephone,
    "characters": spelling.characters,
    "spell-out": spelling.characters,
    "verbatim": spelling.characters,
}
_TIME: Final = re.compile(r"\+?(?P<amount>\d+(?:\.\d+)?|\.\d+)(?P<unit>ms|s)")
_PERCENT: Final = re.compile(r"(?P<sign>[+-]?)(?P<amount>\d+(?:\.\d+)?)%")
_REFERENCE: Final = "$."
"""An attribute filled in from the contact counts as medium until it is."""

Number = TypeVar("Number", int, float)


def segments_of(words: Words, *, language: str, rate: float = 1.0) -> tuple[Segment, ...]:
    """What a voice has to say, and where it pauses.

    Args:
        words: The text or markup.
        language: In which numbers are spelled.
        rate: The voice's own pace, multiplied into every ``prosody``.

    Raises:
        Unspeakable: The markup is broken, or too much for one prompt.
    """
    match words:
        case PlainText(text):
            _refuse_too_much(len(text))
            spelled = spelling.spell_numbers(text, language)
            return (Spoken(spelled, clamp_rate(rate)),) if _audible(spelled) else (_NOTHING_TO_SAY,)
        case Ssml(markup):
            return _Reader(language, rate).read(markup)


@dataclass(slots=True)
class _Element:
    rate: float
    say_as: Callable[[str, str], str] = spelling.spell_numbers
    silent: bool = False


class _Reader:
    """Reads one SSML document from its first character to its last."""

    def __init__(self, language: str, rate: float) -> None:
        self._language = language
        self._open = [_Element(rate)]
        self._raw: list[str] = []  # characters since the way of saying them last changed
        self._said: list[str] = []  # words since the last pause or change of pace
        self._segments: list[Segment] = []
        self._characters = 0
        self._silence_milliseconds = 0

    def read(self, markup: str) -> tuple[Segment, ...]:
        if len(markup) > MAX_MARKUP_CHARACTERS:
            message = f"SSML has {len(markup)} characters, at most {MAX_MARKUP_CHARACTERS} fit"
            raise Unspeakable(message)
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._take
        try:
            parser.Parse(markup.strip(), True)
        except expat.ExpatError as error:
            message = f"SSML line {error.lineno}: {expat.ErrorString(error.code)}"
            raise Unspeakable(message) from error
        self._finish_segment()
        return tuple(self._segments) or (_NOTHING_TO_SAY,)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        around = self._open[-1]
        if len(self._open) == 1 and name != "speak":
            message = f"SSML must stand in <speak>, not in <{name}>"
            raise Unspeakable(message)
        if len(self._open) > MAX_DEPTH:
            message = f"SSML is nested deeper than {MAX_DEPTH}"
            raise Unspeakable(message)
        element = replace(around)
        match name:
            case "break":
                self._pause(_break_milliseconds(attributes))
            case "prosody" if "rate" in attributes:
                self._finish_segment()
                element.rate = around.rate * _rate(attributes["rate"])
            case "say-as":
                element.say_as = _SAY_AS.get(attributes.get("interpret-as", ""), around.say_as)
                if element.say_as is spelling.spell_numbers:
                    self._finish_words()
                else:
                    self._finish_segment()
            case "sub" if "alias" in attributes:
                self._take(attributes["alias"])
                element.silent = True
            case "p" | "s":
                self._finish_segment()
            case _:
                pass
        self._open.append(element)

    def _end(self, name: str) -> None:
        match name:
            case "say-as":
                self._finish_spelling()
            case "prosody":
                self._finish_segment()
            case "p" | "s":
                self._pause(_ENDS[name])
            case _:
                pass
        self._open.pop()

    def _take(self, text: str) -> None:
        if not self._open[-1].silent:
            self._characters += len(text)
            _refuse_too_much(self._characters)
            self._raw.append(text)

    def _pause(self, milliseconds: int) -> None:
        self._silence_milliseconds += milliseconds
        if self._silence_milliseconds > MAX_SILENCE_MILLISECONDS:
            message = f"SSML pauses for more than {MAX_SILENCE_MILLISECONDS // 1000} s in all"
            raise Unspeakable(message)
        self._finish_segment()
        if milliseconds:
            self._segments.append(Pause(milliseconds))

    def _finish_spelling(self) -> None:
        """Say each sign on its own, so that a number is put together from sounds that are there."""
        way = self._open[-1].say_as
        if way is spelling.spell_numbers:
            self._finish_words()
            return
        raw = " ".join("".join(self._raw).split())
        self._raw.clear()
        rate = clamp_rate(self._open[-1].rate)
        for group in way(raw, self._language).split(", ") if raw else ():
            for sign in group.split():
                self._segments += (Spoken(sign, rate), Pause(_BETWEEN_SIGNS))
            self._segments.append(Pause(_BETWEEN_GROUPS))

    def _finish_words(self) -> None:
        """Say the characters taken so far the way their element wants them said."""
        raw = " ".join("".join(self._raw).split())
        self._raw.clear()
        if raw:
            self._said.append(self._open[-1].say_as(raw, self._language))

    def _finish_segment(self) -> None:
        self._finish_words()
        text = spelling.squeeze(" ".join(self._said))
        self._said.clear()
        if _audible(text):
            self._segments.append(Spoken(text, clamp_rate(self._open[-1].rate)))


def _refuse_document_type(*_: object) -> None:
    message = "SSML must not declare a document type"
    raise Unspeakable(message)


def _refuse_too_much(characters: int) -> None:
    if characters > MAX_SPOKEN_CHARACTERS:
        message = f"more than {MAX_SPOKEN_CHARACTERS} characters to speak at once"
        raise Unspeakable(message)


def _audible(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _break_milliseconds(attributes: Mapping[str, str]) -> int:
    time = attributes.get("time")
    if time is None:
        return _named(_BREAKS, attributes.get("strength", "medium"), "break strength")
    if _REFERENCE in time:
        return _BREAKS["medium"]
    found = _TIME.fullmatch(time.strip())
    if found is None:
        message = f'SSML break time="{time}" is neither seconds (2s) nor milliseconds (200ms)'
        raise Unspeakable(message)
    milliseconds = round(float(found["amount"]) * (1000 if found["unit"] == "s" else 1))
    if milliseconds > MAX_BREAK_MILLISECONDS:
        message = f'SSML break time="{time}" is longer than {MAX_BREAK_MILLISECONDS // 1000}s'
        raise Unspeakable(message)
    return milliseconds


def _rate(value: str) -> float:
    found = _PERCENT.fullmatch(value.strip())
    if found is None:
        return _named(_RATES, value.strip(), "prosody rate")
    part = float(found["amount"]) / 100
    return {"": part, "+": 1 + part, "-": 1 - part}[found["sign"]]


def _named(table: Mapping[str, Number], name: str, what: str) -> Number:
    if _REFERENCE in name:
        return table["medium"]
    if name not in table:
        message = f'SSML {what} "{name}" is none of {", ".join(table)}'
        raise Unspeakable(message)
    return table[name]
