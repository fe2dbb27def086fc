"""References to what a contact knows: ``$.Attributes.x``, ``$.External.x`` and so on.

Forms: ``$.Attributes.name``, ``$.Attributes.['a name']``, ``$['Attributes']['name']``. A reference
is the whole value of a parameter, or stands inside a text. What follows ``$.`` and is no root of
the language is plain text, so that a price stays a price.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ivr.flow.context import CLOUD_ROOTS, ROOTS

Lookup = Callable[[tuple[str, ...]], str | None]

_PART = re.compile(
    r"""\.(\w+(?:-+\w+)*)|\.?\[\s*'([^']*)'\s*\]|\.?\[\s*"([^"]*)"\s*\]""",
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A path into what the contact knows.

    Attributes:
        path: Its names, ``("Attributes", "name")`` for ``$.Attributes.name``.
    """

    path: tuple[str, ...]

    def __str__(self) -> str:
        return "$." + ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Substituted:
    """A text with its references filled in.

    Attributes:
        unresolved: References that stood for nothing and became empty.
    """

    text: str
    unresolved: tuple[Reference, ...]


def whole_reference(text: str) -> Reference | None:
    """Answer the reference a text consists of, if it is one from start to end."""
    found = list(_scan(text.strip()))
    match found:
        case [Reference() as reference]:
            return reference
        case _:
            return None


def references_in(text: str) -> tuple[Reference, ...]:
    """Answer the references inside a text, in order."""
    return tuple(part for part in _scan(text) if isinstance(part, Reference))


def substitute(text: str, lookup: Lookup, *, quote: Callable[[str], str] = str) -> Substituted:
    """Fill in the references inside a text; one that stands for nothing becomes empty.

    Args:
        text: The text.
        lookup: Answers what a path stands for.
        quote: What is done to a value before it is filled in.
    """
    parts: list[str] = []
    unresolved: list[Reference] = []
    for part in _scan(text):
        if isinstance(part, str):
            parts.append(part)
            continue
        value = lookup(part.path)
        if value is None:
            unresolved.append(part)
        parts.append(quote(value or ""))
    return Substituted("".join(parts), tuple(unresolved))


def dead_references(text: str) -> Iterator[str]:
    """Answer why some of the references in a text can never stand for anything here."""
    for _, _, path in _candidates(text):
        if path[0] in CLOUD_ROOTS:
            yield f"{Reference(path)} exists in the cloud only: it stands for nothing"
        elif path[0] not in ROOTS and path[0][0].isalpha():
            yield f"{Reference(path)} is no reference of the language: it stays as it is"


def _scan(text: str) -> list[str | Reference]:
    """Split a text into plain stretches (never empty) and references."""
    parts: list[str | Reference] = []
    plain_from = 0
    for start, end, path in _candidates(text):
        if path[0] in ROOTS:
            if plain_from < start:
                parts.append(text[plain_from:start])
            parts.append(Reference(path))
            plain_from = end
    if plain_from < len(text):
        parts.append(text[plain_from:])
    return parts


def _candidates(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Find what has the form of a reference: start, end, path (never empty)."""
    end = 0
    while (start := text.find("$", end)) >= 0:
        names: list[str] = []
        end = start + 1
        while match := _PART.match(text, end):
            names.append(next(name for name in match.groups() if name is not None))
            end = match.end()
        if names:
            yield start, end, tuple(names)
