r"""The one gate for everything that is written to Asterisk, AMI actions and AGI commands alike.

Neither protocol has an escape for a line break: a CR or LF in a value begins another header or
another command, and a NUL ends the line for the parser. Such values are refused here, never
repaired, and no error repeats them: they may be secrets or what a caller typed.

Lengths: res_agi.c cuts a command at ``AGI_BUF_LEN`` (8192 with the closing NUL) and runs the rest
as another one; manager.c throws away a line of 1024 bytes that has not ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ivr.domain.errors import TelephonyError

AGI_LINE_LIMIT: Final = 8191
AMI_LINE_LIMIT: Final = 1024
AMI_HEADER_LIMIT: Final = 128

_FORBIDDEN = re.compile("[\r\n\0\ud800-\udfff]")
"""Surrogates are no characters: they cannot be encoded."""
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
_VARIABLE_NAME = re.compile(
    r"_{0,2}[A-Za-z][A-Za-z0-9_]{0,63}|PJSIP_HEADER\(add,[A-Za-z][A-Za-z-]{0,63}\)", re.ASCII
)
_UNSAFE_IN_VARIABLE = re.compile(r"""[,"'\\()$]""")


class Unsendable(TelephonyError):
    """A value may not be written to Asterisk; nothing was sent."""

    code = "unsendable"


def ami_message(headers: Iterable[tuple[str, str]]) -> bytes:
    """The bytes of one AMI action.

    Raises:
        Unsendable: A header's name is none, its value breaks the line, or it is too long.
    """
    lines = []
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise Unsendable(f"not a header name: {name[:64]!r}")
        if _FORBIDDEN.search(value):
            raise Unsendable(f"header {name} has a line break or NUL in its value")
        line = f"{name}: {value}\r\n".encode()
        if len(line) > AMI_LINE_LIMIT:
            raise Unsendable(f"header {name} is longer than {AMI_LINE_LIMIT} bytes")
        lines.append(line)
    if len(lines) > AMI_HEADER_LIMIT:
        raise Unsendable(f"more than {AMI_HEADER_LIMIT} headers in one action")
    return b"".join(lines) + b"\r\n"


def ami_variable(name: str, value: str) -> str:
    """The value of one ``Variable`` header.

    Asterisk splits it at commas and eats quotes, so that ``John,EVIL=yes`` sets two variables:
    values with such characters are refused. Text of users never travels this way.

    Raises:
        Unsendable: The name is no variable's, or the value would not arrive as it is.
    """
    if not _VARIABLE_NAME.fullmatch(name):
        raise Unsendable(f"not a variable name: {name[:64]!r}")
    if _UNSAFE_IN_VARIABLE.search(value):
        raise Unsendable(f"variable {name}: a comma, quote, bracket, dollar or backslash")
    return f"{name}={value}"


def agi_line(command: str) -> bytes:
    """The bytes of one AGI command.

    Raises:
        Unsendable: It breaks the line, or is longer than Asterisk's buffer.
    """
    if _FORBIDDEN.search(command):
        raise Unsendable("an AGI command has a line break or NUL in it")
    line = command.encode()
    if len(line) > AGI_LINE_LIMIT:
        raise Unsendable(f"an AGI command is longer than {AGI_LINE_LIMIT} bytes")
    return line + b"\n"


def agi_quote(text: str) -> str:
    r"""One argument of an AGI command in double quotes; res_agi.c takes ``\`` as its escape."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
