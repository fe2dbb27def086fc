"""One message of the Asterisk Manager Interface: a response or an event."""

from __future__ import annotations

from typing import Self

from panoramisk.message import Message

Store = dict[str, tuple[str, str | list[str]]]
"""Headers by their names in lower case, each with its name as written and its value or values."""


class SafeMessage(Message):  # type: ignore[misc]  # panoramisk has no types
    """panoramisk's message without its surprises.

    An unknown attribute is an ``AttributeError`` (panoramisk 1.4 answers ``''`` to everything,
    which breaks ``copy`` and hides misspellings), and the text of a ``Command`` is its ``Output``
    lines. Header names are matched in any case; of a header that comes twice the values are a
    list in the message and the last one in ``text``.
    """

    def __init__(self, headers: dict[str, str | list[str]]) -> None:
        self._store: Store = {name.lower(): (name, value) for name, value in headers.items()}
        self.manager = None

    def __getattr__(self, attribute: str) -> object:
        """Refuse what does not exist; only called for such."""
        raise AttributeError(attribute)

    @classmethod
    def parse(cls, raw: bytes) -> Self | None:
        """Read a whole message; none if it is neither a response nor an event."""
        lines = raw.decode("utf-8", "replace").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        try:
            store: Store = {name.lower(): (name, value) for name, value in pairs}
        except ValueError:
            store = {}
        if len(store) != len(lines):
            store = _parse_slowly(lines)
        if "event" not in store and "response" not in store:
            return None
        message = cls.__new__(cls)
        message._store = store
        message.manager = None
        return message

    def text(self, name: str) -> str:
        """A header's value, empty if it is not there."""
        found = self._store.get(name.lower())
        if found is None:
            return ""
        value = found[1]
        return str(value[-1]) if isinstance(value, list) else str(value)

    @property
    def name(self) -> str:
        """The event's name, empty for a response."""
        return self.text("event")

    @property
    def action_id(self) -> str:
        """The action it belongs to, empty if to none."""
        return self.text("actionid")

    @property
    def id(self) -> str:
        """The action it belongs to (panoramisk's name)."""
        return self.action_id

    @property
    def success(self) -> bool:
        """Whether a response says that the action was carried out."""
        return self.text("response").casefold() in {"success", "follows", "goodbye"}

    @property
    def content(self) -> str:
        """What a console command printed."""
        _, output = self._store.get("output", ("", ""))
        return "\n".join(output) if isinstance(output, list) else str(output)


def _parse_slowly(lines: list[str]) -> Store:
    """Read lines among which a header stands twice, or something that is no header."""
    store: Store = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            continue
        value = value.removeprefix(" ")
        key = name.lower()
        if key not in store:
            store[key] = (name, value)
            continue
        before = store[key][1]
        store[key] = (name, [*before, value] if isinstance(before, list) else [before, value])
    return store
