"""How a leg came to the controller: FastAGI's header, read with distrust; pure.

A caller chooses their own name and number. Bytes that are no UTF-8 are replaced, and a header that
stands twice is forged: a line break in a caller's name would begin one.
"""

from __future__ import annotations

import re
from typing import Final

from ivr.domain.ids import LegId
from ivr.ports.telephony import Entry
from ivr.telephony.ami.translate import LEG_CHANNEL
from ivr.telephony.dialplan import ScriptArgument

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_NOT_GIVEN: Final = frozenset({"", "unknown", "anonymous"})
_PRESENTATION_WITHHELD: Final = 0x60
"""Bits of ``agi_callingpres`` (Q.931 octet 3a): anything but "allowed"."""


class BadHeader(ValueError):
    """The header is none that Asterisk writes."""


def parse_header(raw: bytes) -> dict[str, str]:
    """Read the header's lines.

    Raises:
        BadHeader: A name stands twice.
    """
    headers: dict[str, str] = {}
    for line in raw.decode("utf-8", "replace").split("\n"):
        name, colon, value = line.partition(":")
        if not colon:
            continue
        if name in headers:
            raise BadHeader("a name stands twice")
        headers[name] = value.removeprefix(" ")
    return headers


def script_of(headers: dict[str, str]) -> str:
    """The script that was asked for, without what stands behind a ``?``."""
    return headers.get("agi_network_script", "").partition("?")[0]


def leg_of(headers: dict[str, str]) -> LegId:
    """The leg.

    Raises:
        BadHeader: The header names none.
    """
    leg_id = headers.get("agi_uniqueid", "")
    if not leg_id:
        raise BadHeader("no agi_uniqueid")
    return LegId(leg_id)


def entry_of(headers: dict[str, str]) -> Entry:
    """How the leg came here."""
    tries = headers.get(ScriptArgument.TRIES, "")
    withheld = _number(headers.get("agi_callingpres", "")) & _PRESENTATION_WITHHELD
    return Entry(
        script=script_of(headers),
        dialled=headers.get(ScriptArgument.DIALLED) or None,
        caller=None if withheld else _given(headers.get("agi_callerid", "")),
        caller_name=None if withheld else _given(headers.get("agi_calleridname", "")),
        endpoint=_endpoint(headers.get("agi_channel", "")),
        code=headers.get(ScriptArgument.CODE) or None,
        tries=_number(tries),
        keys_codes=bool(headers.get(ScriptArgument.MENU)),
    )


def _endpoint(channel: str) -> str:
    """``PJSIP/<endpoint>-<number>``, where the endpoint may have dashes of its own."""
    return channel.removeprefix(LEG_CHANNEL).rpartition("-")[0]


def _given(text: str) -> str | None:
    return None if text.casefold() in _NOT_GIVEN else text


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0
