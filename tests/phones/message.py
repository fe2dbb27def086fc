"""SIP messages as text: parse, read, write (RFC 3261 section 7 and 20).

No state and no sockets. Only what a phone reads and writes is understood; every header is kept as
it came, so that a test can look at what Asterisk really sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

COMPACT: Final = {
    "c": "content-type",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "r": "refer-to",
    "t": "to",
    "v": "via",
}

REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    504: "Server Time-out",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
}

_URI = re.compile(r"sips?:(?:(?P<user>[^@>;]*)@)?(?P<host>[^:;>?]+)(?::(?P<port>\d+))?")
_DISPLAY = re.compile(r'^\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^<"]*))\s*<')


class NotSip(ValueError):
    """The datagram is no SIP message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request or response, with its headers in the order they came."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """Read a datagram.

        Raises:
            NotSip: It is a keep-alive or something else.
        """
        head, separator, body = data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").split("\r\n")
        if not separator or "SIP/2.0" not in lines[0]:
            raise NotSip(lines[0][:40])
        headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            if line[:1] in " \t" and headers:
                name, value = headers[-1]
                headers[-1] = (name, f"{value} {line.strip()}")
            else:
                name, _, value = line.partition(":")
                headers.append((name.strip(), value.strip()))
        headers = [header for header in headers if header[0].lower() not in {"content-length", "l"}]
        return cls(lines[0], tuple(headers), body.decode("utf-8", "replace"))

    def encode(self) -> bytes:
        """Return the datagram, with its content length."""
        body = self.body.encode()
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def __str__(self) -> str:
        return self.encode().decode()

    def __getitem__(self, name: str) -> str:
        """The first header of this name, or the empty string."""
        return next(self.every(name), "")

    def every(self, name: str) -> Iterator[str]:
        """All headers of this name, long or compact form."""
        wanted = name.lower()
        for given, value in self.headers:
            lower = given.lower()
            if COMPACT.get(lower, lower) == wanted:
                yield value

    @property
    def is_response(self) -> bool:
        return self.start.startswith("SIP/2.0")

    @property
    def status(self) -> int:
        """The status code of a response."""
        return int(self.start.split(" ", 2)[1])

    @property
    def method(self) -> str:
        """The method, of a response too."""
        return self["CSeq"].partition(" ")[2].strip() if self.is_response else self._word(0)

    @property
    def uri(self) -> str:
        """The Request-URI of a request."""
        return self._word(1)

    @property
    def sequence(self) -> int:
        return int(self["CSeq"].partition(" ")[0])

    @property
    def branch(self) -> str:
        """The transaction: the branch of the topmost Via."""
        return parameter(self["Via"], "branch")

    def _word(self, place: int) -> str:
        return self.start.split(" ")[place]


def request(method: str, uri: str, headers: list[tuple[str, str]], body: str = "") -> Message:
    return Message(f"{method} {uri} SIP/2.0", tuple(headers), body)


def response(
    to: Message,
    status: int,
    *,
    tag: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    body: str = "",
) -> Message:
    """Answer a request: Via, From, To, Call-ID and CSeq are copied (RFC 3261 section 8.2.6)."""
    copied: list[tuple[str, str]] = [("Via", via) for via in to.every("Via")]
    copied += [("Record-Route", route) for route in to.every("Record-Route")]
    target = to["To"]
    if tag and not parameter(target, "tag"):
        target = f"{target};tag={tag}"
    copied += [("From", to["From"]), ("To", target), ("Call-ID", to["Call-ID"])]
    copied += [("CSeq", to["CSeq"]), *headers]
    if body:
        copied.append(("Content-Type", "application/sdp"))
    return Message(f"SIP/2.0 {status} {REASONS.get(status, 'Unknown')}", tuple(copied), body)


def parameter(value: str, name: str) -> str:
    """A header parameter (``tag``, ``branch``), not one inside the angle brackets."""
    outside = value.rpartition(">")[2]
    found = re.search(rf";\s*{name}\s*=\s*([^;,\s]+)", outside, re.IGNORECASE)
    return found.group(1) if found else ""


def user_of(value: str) -> str:
    """The user part of the first URI in a header or Request-URI."""
    found = _URI.search(value)
    return (found["user"] or "") if found else ""


def uri_of(value: str) -> str:
    """The URI of a name-addr: what stands between the angle brackets, else all of it."""
    inside = re.search(r"<([^>]+)>", value)
    return inside.group(1) if inside else value.partition(";")[0].strip()


def display_of(value: str) -> str:
    """The display name of a From or P-Asserted-Identity header."""
    found = _DISPLAY.match(value)
    if not found:
        return ""
    if found["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", found["quoted"])
    return found["plain"].strip()
