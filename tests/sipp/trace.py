"""Reads SIPp's message log: what was really asked of a customer's or agent's phone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from tests.phones.message import Message, NotSip

Direction = Literal["received", "sent"]

_SECTION: Final = re.compile(r"^-{20,}\s*(?P<time>\S+[ T\t]\S+).*$", re.MULTILINE)
_HEAD: Final = re.compile(r"^\w+ message (?P<direction>received|sent)[^\n]*:\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Traced:
    """One message of the log."""

    at: datetime
    direction: Direction
    message: Message


@dataclass(frozen=True, slots=True)
class Trace:
    """All messages of a run, in order."""

    messages: tuple[Traced, ...]

    @classmethod
    def parse(cls, text: str) -> Trace:
        """Read the log; what is no SIP message is left out."""
        found = []
        marks = list(_SECTION.finditer(text))
        ends = [*(mark.start() for mark in marks[1:]), len(text)][: len(marks)]
        for mark, end in zip(marks, ends, strict=True):
            section = text[mark.end() : end]
            head = _HEAD.search(section)
            if head is None:
                continue
            body = section[head.end() :].strip("\r\n")
            lines = body.replace("\r\n", "\n").replace("\n", "\r\n").encode()
            try:
                message = Message.parse(lines if b"\r\n\r\n" in lines else lines + b"\r\n\r\n")
            except NotSip:
                continue
            direction: Direction = "received" if head["direction"] == "received" else "sent"
            at = datetime.fromisoformat(mark["time"].replace("\t", " "))
            found.append(Traced(at, direction, message))
        return cls(tuple(found))

    def received(self, method: str) -> list[Traced]:
        """Requests of this method, each once however often it was repeated."""
        first: dict[str, Traced] = {}
        for traced in self.messages:
            message = traced.message
            if traced.direction == "sent" or message.is_response or message.method != method:
                continue
            first.setdefault(f"{message['Call-ID']} {message['CSeq']}", traced)
        return list(first.values())

    def has_ended(self) -> bool:
        """Whether a call was hung up, by either side."""
        return any(
            traced.message.is_response and traced.message.method == "BYE"
            for traced in self.messages
        )

    def invites(self) -> list[Traced]:
        """INVITEs for new calls."""
        return [traced for traced in self.received("INVITE") if ";tag=" not in traced.message["To"]]
