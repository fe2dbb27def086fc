r"""Values that may stand in Asterisk's configuration files.

The files have no quoting: a line break starts another setting, ``;`` a comment, ``[`` a section,
``#`` an include, ``\`` escapes, and a ``>`` after the ``=`` vanishes. Each check admits only what
is harmless in its place, returns the text to write, and raises ``UnsafePlan`` for anything else.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from ivr.ports.provisioning import UnsafePlan

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_.~+-]{1,64}", re.ASCII)
_SECRET = re.compile(r"(?!>)[!-:<-\[\]-~]{8,128}", re.ASCII)
_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
_SPELLING = re.compile(r"\+?[0-9]{2,20}", re.ASCII)
_PATH = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*){1,16}", re.ASCII)
_MARKS = frozenset(" .,'-_()&/+@")


def unsafe(field: str, reason: str) -> UnsafePlan:
    """The refusal of a field, without its text, which may be a secret."""
    return UnsafePlan(f"{field}: {reason}")


def section_name(field: str, text: str) -> str:
    """A name of an account, a trunk or a login; a letter first, so that it is never a number."""
    return _checked(f"{field} {text!r}", text, _NAME, "letters, digits, _ and -, a letter first")


def host(field: str, text: str) -> str:
    """A host name or an IPv4 address."""
    return _checked(field, text, _HOST, "not a host name or IPv4 address")


def sip_user(field: str, text: str) -> str:
    """The user part of a SIP address."""
    return _checked(field, text, _USER, "not a SIP user name")


def secret(field: str, text: str) -> str:
    """A password."""
    reason = r"not 8 to 128 printable ASCII characters without blanks, ; and \, or > in front"
    return _checked(field, text, _SECRET, reason)


def e164(field: str, text: str) -> str:
    """A phone number in E.164 with its ``+``."""
    return _checked(field, text, _E164, "not an E.164 number")


def spelling(field: str, text: str) -> str:
    """A phone number as somebody dials it; never a pattern."""
    return _checked(field, text, _SPELLING, "not 2 to 20 digits, with or without a + in front")


def path(field: str, text: str) -> str:
    """An absolute path without ``..``."""
    return _checked(field, text, _PATH, "not a plain absolute path")


def display_name(field: str, text: str) -> str:
    """A person's name in any script, to stand between quotes."""
    plain = all(c in _MARKS or c.isalnum() or unicodedata.category(c) in {"Mn", "Mc"} for c in text)
    if not plain or not text.strip() or len(text) > 64:
        raise unsafe(field, "not 1 to 64 letters, digits, blanks and .,'-_()&/+@")
    return text


def address(field: str, text: str) -> str:
    """An IPv4 address."""
    try:
        return str(IPv4Address(text))
    except ValueError as error:
        raise unsafe(field, "not an IPv4 address") from error


def network(field: str, text: str) -> str:
    """An IPv4 address or network."""
    try:
        return str(IPv4Network(text))
    except ValueError as error:
        raise unsafe(field, "not an IPv4 address or network") from error


def number(field: str, value: int, least: int, most: int) -> str:
    """A whole number within limits."""
    if type(value) is not int or not least <= value <= most:
        raise unsafe(field, f"not a number from {least} to {most}")
    return str(value)


def port(field: str, value: int) -> str:
    """A port number."""
    return number(field, value, 1, 65535)


def refuse_twins(what: str, texts: Iterable[str]) -> None:
    """Refuse a name that stands twice; Asterisk would merge the two."""
    twins = sorted(text for text, count in Counter(texts).items() if count > 1)
    if twins:
        raise unsafe(what, f"used twice: {', '.join(twins)}")


def _checked(field: str, text: str, pattern: re.Pattern[str], reason: str) -> str:
    if not pattern.fullmatch(text):
        raise unsafe(field, reason)
    return text
