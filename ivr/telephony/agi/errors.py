"""Why an AGI command was not carried out: pyst2's vocabulary, with two words added.

``AGIAppError`` is also the base of every hang-up, as in pyst2: catch ``AGIHangup`` first.
"""

from __future__ import annotations

from asterisk.agi import (
    AGIAppError,
    AGIError,
    AGIHangup,
    AGIInvalidCommand,
    AGIResultHangup,
    AGIUnknownError,
    AGIUsageError,
)


class AGIDeadChannel(AGIHangup):  # type: ignore[misc]  # pyst2 has no types
    """The channel is gone, and the command needs one (511)."""


class AGIConnectionLost(AGIHangup):  # type: ignore[misc]  # pyst2 has no types
    """The connection ended before the answer."""


__all__ = [
    "AGIAppError",
    "AGIConnectionLost",
    "AGIDeadChannel",
    "AGIError",
    "AGIHangup",
    "AGIInvalidCommand",
    "AGIResultHangup",
    "AGIUnknownError",
    "AGIUsageError",
]
