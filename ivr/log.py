"""Logs: one JSON object a line, with the ids of what is being worked on and without personal data.

``configure`` sends every logger of the process, libraries included, through one handler that masks
all it writes: message, extra fields and exception text. Whatever looks like a phone number keeps
its country code and last two digits; whatever was registered as a secret, or is named like one,
keeps nothing. A line that cannot be written says so without repeating what it held.

A message is a short constant sentence; values go into ``extra``, ids into ``bound``.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from traceback import walk_tb
from types import MappingProxyType
from typing import Any, TextIO

from ivr.domain.errors import QueuebackError
from ivr.domain.phone_number import mask_in

ID_FIELDS = frozenset({"contact_id", "leg_id", "agent_id", "queue_id", "flow_id", "action_id"})
"""Fields that hold our own identifiers, which may be long runs of digits and are no numbers."""

_HIDDEN = "•••"
_HIDDEN_NAMES = r"\w*(?:secret|passw(?:or)?d|token|authorization|api_?key|credential)\w*"
_SECRET_FIELD = re.compile(_HIDDEN_NAMES, re.IGNORECASE)
_SECRET_IN_TEXT = re.compile(
    rf"""(\b{_HIDDEN_NAMES}["']?\s*[:=]\s*(?:(?:basic|bearer|digest)\s+)?)"""
    r"""("[^"]*"|'[^']*'|[^\s,;&]+)""",
    re.IGNORECASE,
)
_SHORTEST_NUMBER = 1_000_000  # seven digits
_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

QUIET_LIBRARIES = ("alembic", "sqlalchemy", "uvicorn")
"""Their everyday lines say nothing about contacts."""

_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=MappingProxyType({}))


@contextmanager
def bound(
    *,
    contact_id: str | None = None,
    leg_id: str | None = None,
    agent_id: str | None = None,
    queue_id: str | None = None,
    flow_id: str | None = None,
    action_id: str | None = None,
) -> Iterator[None]:
    """Add ids to every line logged inside, in this task and those it starts."""
    ids = {
        "contact_id": contact_id,
        "leg_id": leg_id,
        "agent_id": agent_id,
        "queue_id": queue_id,
        "flow_id": flow_id,
        "action_id": action_id,
    }
    token = _context.set({**_context.get(), **{k: v for k, v in ids.items() if v is not None}})
    try:
        yield
    finally:
        _context.reset(token)


def configure(level: int | str, stream: TextIO, *, secrets: Collection[str] = ()) -> None:
    """Send every logger's lines to a stream.

    Args:
        level: Least level written. At DEBUG the texts of libraries' exceptions are written too.
        stream: Where to.
        secrets: Texts that must never be written, whatever they appear in.
    """
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _LineHandler):
            root.removeHandler(handler)
    root.setLevel(level)
    for library in QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(max(root.level, logging.WARNING))
    handler = _LineHandler(stream)
    handler.setFormatter(_LineFormatter(secrets, library_texts=root.level <= logging.DEBUG))
    root.addHandler(handler)


class _LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines; the standard handler would print what it failed to write, in clear."""

    def handleError(self, record: logging.LogRecord) -> None:
        line = {"level": "ERROR", "event": "log_line_lost", "logger": record.name}
        with suppress(OSError, ValueError):  # the stream itself is gone: nowhere to say it
            self.stream.write(json.dumps(line) + self.terminator)


class _LineFormatter(logging.Formatter):
    """Turns a record into a masked line."""

    def __init__(self, secrets: Collection[str], *, library_texts: bool) -> None:
        super().__init__()
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._library_texts = library_texts

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._text(record.getMessage()),
            **_context.get(),
        }
        for name, value in vars(record).items():
            if name not in _RECORD_FIELDS:
                line[self._text(name)] = self._field(name, value)
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self._exception(record.exc_info[1])
        if record.stack_info:
            line["stack"] = self._text(record.stack_info)
        text = json.dumps(line, ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace").decode()

    def _text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        text = _SECRET_IN_TEXT.sub(rf"\1{_HIDDEN}", text)
        return mask_in(text)

    def _field(self, name: str, value: object) -> object:
        if name in ID_FIELDS:
            return str(value)
        if _SECRET_FIELD.fullmatch(name):
            return _HIDDEN
        return self._value(value)

    def _value(self, value: object) -> object:
        match value:
            case None | bool():
                return value
            case int() if abs(value) < _SHORTEST_NUMBER:
                return value
            case float() if math.isfinite(value):
                return value
            case Enum():
                return self._value(value.value)
            case date():
                return value.isoformat()
            case timedelta():
                return value.total_seconds()
            case IPv4Address() | IPv6Address():
                return str(value)
            case Mapping():
                return {
                    self._text(str(key)): self._field(str(key), item) for key, item in value.items()
                }
            case list() | tuple() | set() | frozenset():
                return [self._value(item) for item in value]
            case _:
                return self._text(str(value))

    def _exception(self, error: BaseException) -> dict[str, Any]:
        """Tell an exception by type and place, and by text if it is ours or texts are wanted."""
        told: dict[str, Any] = {
            "type": f"{type(error).__module__}.{type(error).__qualname__}",
            "at": [
                f"{frame.f_globals.get('__name__')}:{line} {frame.f_code.co_name}"
                for frame, line in walk_tb(error.__traceback__)
            ],
        }
        if self._library_texts or isinstance(error, QueuebackError):
            told["text"] = self._text(str(error))
        if isinstance(error, BaseExceptionGroup):
            told["of"] = [self._exception(each) for each in error.exceptions]
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is not None:
            told["after"] = self._exception(before)
        return told
