"""What a phone does with a call that comes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.phones.invite import Invite


@dataclass(frozen=True, slots=True)
class Answer:
    """Ring (180), and answer after so many seconds."""

    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Ring:
    """Ring until the caller gives up or the test answers.

    ``status`` 183 rings with early media instead; 100 says no more than that it tries.
    """

    status: int = 180


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse with a status code; ``after`` > 0 rings (180) for so many seconds before."""

    status: int = 486
    after: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ignore:
    """Do not answer at all, like a phone that lost its network."""


Policy = Answer | Ring | Reject | Ignore
Chooser = Callable[[Invite], Policy]
