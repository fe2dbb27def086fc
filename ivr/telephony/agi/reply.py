"""What Asterisk answers to an AGI command: lines in, one reply out; pure.

Lines are those of res_agi.c: ``200 result=1 (value)``, ``200 result= (timeout)``,
``200 result=-1 endpos=4000``, ``510 …``, ``511 …``, a usage text from ``520-`` to ``520 ``, and
``HANGUP``, which belongs to no command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ivr.telephony.agi.errors import (
    AGIAppError,
    AGIDeadChannel,
    AGIInvalidCommand,
    AGIResultHangup,
    AGIUnknownError,
    AGIUsageError,
)

HANGUP: Final = "HANGUP"
USAGE_LIMIT: Final = 200
"""Most lines of a usage text that are kept."""

_LINE = re.compile(r"(?P<code>\d{3})(?P<more>[ -]|$)(?P<rest>.*)", re.ASCII | re.DOTALL)
_VALUE = re.compile(r"result=(?P<result>[^ ]*)(?: \((?P<data>.*)\))?", re.DOTALL)
_VALUE_AND_PAIRS = re.compile(
    r'result=(?P<result>[^ ]*)(?: \((?P<data>.*?)\))?(?P<pairs>(?: \w+=(?:"[^"]*"|[^ ]*))+)',
    re.DOTALL,
)
_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^ ]*))')


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply.

    Attributes:
        code: 200 carried out; 510, 511, 520 not.
        result: What stands behind ``result=``; empty for nothing.
        data: What stands in brackets behind it; none if there are no brackets.
        pairs: Further ``key=value`` pairs, without quotes.
        text: The line, or the lines of a usage text.
    """

    code: int
    result: str = ""
    data: str | None = None
    pairs: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    def check(self) -> Reply:
        """This reply, if the command was carried out.

        Raises:
            AGIResultHangup: Somebody hung up meanwhile, and the reply says so.
            AGIAppError: It failed, or somebody hung up; what follows tells.
            AGIDeadChannel: The channel was gone before.
            AGIInvalidCommand: There is no such command.
            AGIUsageError: The command is wrongly written.
            AGIUnknownError: The reply is none that Asterisk gives.
        """
        if self.code == 200:
            if self.result == "-1" and self.data == "hangup":
                raise AGIResultHangup(self.text)
            if self.result in {"-1", "-2"}:
                raise AGIAppError(self.text)
            return self
        error = _ERRORS.get(self.code, AGIUnknownError)
        raise error(self.text)


_ERRORS: Final = {510: AGIInvalidCommand, 511: AGIDeadChannel, 520: AGIUsageError}


class ReplyReader:
    """Puts the lines of one connection together."""

    def __init__(self) -> None:
        self._usage: list[str] | None = None

    def feed(self, line: str) -> Reply | None:
        """Take a line without its end; the reply if that was its last one."""
        if self._usage is not None:
            return self._feed_usage(line)
        found = _LINE.fullmatch(line)
        if found is None:
            return Reply(code=0, text=line)
        code, rest = int(found["code"]), found["rest"]
        if code == 100:
            return None
        if code == 520 and found["more"] == "-":
            self._usage = [line]
            return None
        return _parse(code, rest, line)

    def _feed_usage(self, line: str) -> Reply | None:
        usage = self._usage or []
        if len(usage) < USAGE_LIMIT:
            usage.append(line)
        if not line.startswith("520 "):
            return None
        self._usage = None
        return Reply(code=520, text="\n".join(usage))


def _parse(code: int, rest: str, line: str) -> Reply:
    if code != 200:
        return Reply(code=code, text=line)
    found = _VALUE.fullmatch(rest)
    if found is not None:
        return Reply(code=200, result=found["result"], data=found["data"], text=line)
    found = _VALUE_AND_PAIRS.fullmatch(rest)
    if found is None:
        return Reply(code=0, text=line)
    pairs = {key: quoted or plain for key, quoted, plain in _PAIR.findall(found["pairs"])}
    return Reply(code=200, result=found["result"], data=found["data"], pairs=pairs, text=line)
