"""A live participant on the fake switch: plays into a fake phone and takes what it presses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Protocol

from ivr.domain.errors import LegGone
from ivr.domain.ids import LegId
from ivr.ports.speech import HOLD_MUSIC, MUSIC_PROMPTS
from ivr.ports.telephony import END, REORDER, Entry, Keys, Place
from ivr.testing.fake_phone import HANGS_UP, FakePhone

KEYS: Final = frozenset("0123456789*#ABCD")
KEY_PACE: Final = timedelta(milliseconds=200)
MUSIC_SLICE: Final = timedelta(seconds=30)
"""How long a music prompt plays when it is played as a sound, as on the real switch."""


class Line(Protocol):
    """What a participant needs from its switch."""

    def length_of(self, sound: str) -> timedelta:
        """How long a sound lasts."""
        ...

    async def passes(self, duration: timedelta, over: asyncio.Event) -> bool:
        """Let time pass; false as soon as ``over`` is set."""
        ...

    def pick_up_inbound(self, leg_id: LegId) -> None:
        """Mark an inbound leg as answered."""
        ...

    def send_on(self, leg_id: LegId, place: Place) -> None:
        """Send a leg to its next place."""
        ...

    def stir(self) -> None:
        """Wake everybody who waits for a change."""
        ...


class FakeParticipant:
    """Implements ``ports.telephony.Participant``.

    People listen to the end and press then, one key each fifth of a second; what they press goes
    through the port's rules (terminator, most keys, silence).

    Attributes:
        is_over: Whether the controller's handler has ended.
    """

    def __init__(
        self, leg_id: LegId, entry: Entry, phone: FakePhone, line: Line, over: asyncio.Event
    ) -> None:
        self.is_over = False
        self._leg_id = leg_id
        self._entry = entry
        self._phone = phone
        self._line = line
        self._over = over

    @property
    def leg_id(self) -> LegId:
        """The leg."""
        return self._leg_id

    @property
    def entry(self) -> Entry:
        """How it came here."""
        return self._entry

    async def answer(self) -> None:
        """Answer the call if it is not answered yet."""
        self._check()
        self._line.pick_up_inbound(self._leg_id)

    async def play(self, sounds: Sequence[str]) -> None:
        """Play sounds one after the other to their end."""
        self._check()
        for sound in sounds:
            self._phone.heard.append(sound)
            self._line.stir()
            await self._wait(MUSIC_SLICE if sound in MUSIC_PROMPTS else self._line.length_of(sound))

    async def collect(
        self,
        sounds: Sequence[str],
        *,
        max_keys: int,
        first: timedelta,
        between: timedelta,
        terminator: str,
    ) -> Keys:
        """Play sounds, then take what the person presses."""
        await self.play(sounds)
        answer = self._phone.when_asked()
        if answer == HANGS_UP:
            self._phone.hang_up()
            self._check()
        if not answer:
            await self._wait(first)
            return self._told(Keys(pressed="", timed_out=True))
        if set(answer) - KEYS:
            message = f"{answer!r} has keys that no telephone has"
            raise ValueError(message)
        pressed = ""
        for key in answer:
            await self._wait(KEY_PACE)
            if key == terminator:
                break
            pressed += key
            if len(pressed) == max_keys:
                break
        else:
            await self._wait(between)
        return self._told(Keys(pressed=pressed, timed_out=False))

    async def music(self, duration: timedelta) -> None:
        """Play music on hold for so long."""
        self._check()
        self._phone.heard.append(HOLD_MUSIC)
        self._line.stir()
        await self._wait(duration)

    def code_answered(self, code: str, *, accepted: bool) -> None:
        """Let the person hear that a code did nothing."""
        if not accepted:
            self._phone.heard.append("sorry")
            self._line.stir()

    async def leave(self, place: Place) -> None:
        """Send the leg to its next place; the participant is over."""
        self._check()
        self._line.send_on(self._leg_id, place)

    async def refuse(self) -> None:
        """Refuse a call that was never answered."""
        self._check()
        self._phone.refused = True
        self._line.send_on(self._leg_id, END)

    async def reorder(self) -> None:
        """Play fast busy and hang up."""
        await self.leave(REORDER)

    def _check(self) -> None:
        if self._over.is_set() or self.is_over:
            message = f"leg {self._leg_id} has left"
            raise LegGone(message)

    async def _wait(self, duration: timedelta) -> None:
        if not await self._line.passes(duration, self._over):
            self._check()

    def _told(self, keys: Keys) -> Keys:
        self._phone.pressed.append(keys.pressed)
        return keys
