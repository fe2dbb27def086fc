"""References to what a contact knows: ``$.Attributes.x``, ``$.External.x`` and so on.

Forms: ``$.Attributes.name``, ``$.Attributes.['a name']``, ``$['Attributes']['name']``. A reference
is the whole value of a parameter, or stands inside a text. What follows ``$.`` and is no root of
the language is plain text, so that a price stays a price.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ivr.flow.context import ROOTS

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


def substitute(text: str, lookup: Lookup) -> Substituted:
    """Fill in the references inside a text; one that stands for nothing becomes empty."""
    parts: list[str] = []
    unresolved: list[Reference] = []
    for part in _scan(text):
        if isinstance(part, str):
            parts.append(part)
            continue
        value = lookup(part.path)
        if value is None:
            unresolved.append(part)
        parts.append(value or "")
    return Substituted("".join(parts), tuple(unresolved))


def _scan(text: str) -> list[str | Reference]:
    """Split a text into plain stretches (never empty) and references."""
    parts: list[str | Reference] = []
    plain_from = at = 0
    while (dollar := text.find("$", at)) >= 0:
        path, at = _path(text, dollar + 1)
        if not path or path[0] not in ROOTS:
            continue
        if plain_from < dollar:
            parts.append(text[plain_from:dollar])
        parts.append(Reference(path))
        plain_from = at
    if plain_from < len(text):
        parts.append(text[plain_from:])
    return parts


def _path(text: str, at: int) -> tuple[tuple[str, ...], int]:
    names: list[str] = []
    while match := _PART.match(text, at):
        names.append(next(name for name in match.groups() if name is not None))
        at = match.end()
    return tuple(names), at
