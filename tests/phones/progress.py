"""How far a call has come, and waiting for it: what every kind of test call has in common."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from enum import Enum

from tests.phones.deadline import deadline
from tests.phones.invite import Invite
from tests.phones.rtp import Key
from tests.phones.sound import Recording, Sound


class CallState(Enum):
    """How far a call has come."""

    NEW = "new"  # nothing was said about it yet
    RINGING = "ringing"  # a 180 or 183 was sent or seen
    TALKING = "talking"  # answered; audio flows
    ENDED = "ended"


class CallFailed(AssertionError):
    """A call that should have rung or been answered ended before."""


class Call(ABC):
    """One call of a test phone.

    Attributes:
        invite: The INVITE that came in; None for a call of our own.
        status: The last status code of the INVITE, sent or received (0: none).
        cancelled: The caller gave up before the answer.
        ended_by_us: Who hung up, once it has ended.
        reason: Why it ended, if that was said (the Reason header of a BYE or CANCEL).
        rang_at, answered_at, ended_at: When (``time.monotonic``; 0.0: not yet).
        heard: Everything this party has heard.
        keys: The keys that the far end pressed.
    """

    def __init__(self, owner: str) -> None:
        self.state = CallState.NEW
        self.invite: Invite | None = None
        self.status = 0
        self.cancelled = False
        self.ended_by_us = False
        self.reason = ""
        self.rang_at = 0.0
        self.answered_at = 0.0
        self.ended_at = 0.0
        self.heard = Recording()
        self.keys: list[Key] = []
        self._owner = owner
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Call of {self._owner}: {self.state.value}, status {self.status}, {self.heard!r}>"

    @property
    def digits(self) -> str:
        """The keys that the far end pressed, as one string."""
        return "".join(key.digit for key in self.keys)

    @abstractmethod
    def answer(self) -> None:
        """Answer a call that rings."""

    @abstractmethod
    def reject(self, status: int = 486) -> None:
        """Refuse a call that rings."""

    @abstractmethod
    def hang_up(self) -> None:
        """End the call at any time: BYE, CANCEL, or a refusal while this phone rings."""

    @abstractmethod
    def say(self, sound: Sound | None) -> None:
        """Say something else from now on; None sends no packet."""

    @abstractmethod
    async def press(self, digits: str, *, on_ms: int = 100, gap_ms: int = 80) -> None:
        """Press keys (RFC 4733); return when the last one was released."""

    @abstractmethod
    async def hold(self) -> None:
        """Put the far end on hold: re-INVITE with ``sendonly``."""

    @abstractmethod
    async def resume(self) -> None:
        """Take the far end off hold."""

    async def ringing(self, within: float) -> None:
        """Wait until the far end rings, or until this phone does.

        Raises:
            CallFailed: The call ended without that.
        """
        await self._reach(CallState.RINGING, within)

    async def answered(self, within: float) -> None:
        """Wait for the answer.

        Raises:
            CallFailed: The call ended without one.
        """
        await self._reach(CallState.TALKING, within)

    async def ended(self, within: float) -> None:
        """Wait for the end, whoever brings it about."""
        await self._reach(CallState.ENDED, within)

    async def _reach(self, state: CallState, within: float) -> None:
        order = list(CallState)
        async with deadline(within, lambda: f"{self!r} has not become {state.value}"):
            while order.index(self.state) < order.index(state):
                self._changed.clear()
                await self._changed.wait()
        passed = {
            CallState.RINGING: self.rang_at or self.answered_at,
            CallState.TALKING: self.answered_at,
        }
        if self.state is CallState.ENDED and not passed.get(state, self.ended_at):
            raise CallFailed(f"{self!r} ended before it was {state.value}")

    def _advance(self, state: CallState) -> None:
        """Take the next state; one that was reached already changes nothing."""
        order = list(CallState)
        if order.index(state) <= order.index(self.state):
            return
        self.state = state
        now = time.monotonic()
        match state:
            case CallState.RINGING:
                self.rang_at = now
            case CallState.TALKING:
                self.answered_at = now
            case CallState.ENDED:
                self.ended_at = now
            case CallState.NEW:
                pass
        self._changed.set()
        self._report()

    @abstractmethod
    def _report(self) -> None:
        """Tell the phone of the new state."""
