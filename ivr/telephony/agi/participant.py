"""A live leg that plays and collects: implements ``ports.telephony.Participant`` over FastAGI.

What runs on a leg is stopped by moving the leg (``CallControl.move``), never by cancelling: AGI has
no way to interrupt a command, and the next one waits until it has ended.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Protocol

from ivr.domain.errors import LegGone, TelephonyError
from ivr.domain.ids import LegId
from ivr.ports.speech import MUSIC_PROMPTS
from ivr.ports.telephony import REORDER, Entry, Keys, Place
from ivr.telephony.agi import commands
from ivr.telephony.agi.errors import AGIAppError, AGIError, AGIHangup
from ivr.telephony.agi.reply import Reply
from ivr.telephony.dialplan import name_of

MUSIC_SLICE: Final = timedelta(seconds=30)
"""How long a music prompt plays when it stands among sounds."""
HANGUP_FOLLOWS_SECONDS: Final = 0.25
"""A command that ends in a hang-up says "failed" first; the hang-up is the next line."""
CODE_SECONDS: Final = 2
"""How long the key after a star is waited for; likewise at the place ``ring``."""
CODE_TONE_SECONDS: Final = 0.15
ANSWER_SECONDS: Final = 1
"""How long the answer to a code is waited for; without one, the code did something."""
SORRY_TONE_SECONDS: Final = 0.5
_NO_KEYS: Final = "TIMEOUT"
_GONE: Final = "HANGUP"
"""What became of reading keys; a leg that hung up or was moved meanwhile fails no command."""


class Connection(Protocol):
    """What a participant needs of its FastAGI request."""

    hung_up: asyncio.Event

    async def send_command(self, command: str) -> Reply:
        """Carry a command out."""
        ...

    def close(self) -> None:
        """End the connection; the leg goes on in the dialplan."""
        ...


class AgiParticipant:
    """A leg in the controller's hands."""

    def __init__(self, leg_id: LegId, entry: Entry, connection: Connection) -> None:
        self._leg_id = leg_id
        self._entry = entry
        self._connection = connection
        self._timeouts: tuple[timedelta, timedelta] | None = None
        self._answers: dict[str, asyncio.Future[bool]] = {}

    @property
    def leg_id(self) -> LegId:
        """The leg."""
        return self._leg_id

    @property
    def entry(self) -> Entry:
        """How it came here."""
        return self._entry

    async def answer(self) -> None:
        """Answer the call if it is not answered yet.

        Takes up to half a second, until the first packet of speech has come (chan_pjsip).
        """
        await self._do(commands.ANSWER)

    async def play(self, sounds: Sequence[str]) -> None:
        """Play sounds one after the other to their end; keys but feature codes are ignored.

        A sound that the switch does not have is skipped there, with a line in its log.
        """
        for is_music, run in itertools.groupby(sounds, MUSIC_PROMPTS.__contains__):
            if is_music:
                for _ in run:
                    await self.music(MUSIC_SLICE)
            elif self._entry.keys_codes:
                for sound in run:
                    await self._play_and_listen(sound)
            else:
                for command in commands.playbacks(tuple(run)):
                    await self._do(command)

    async def collect(
        self,
        sounds: Sequence[str],
        *,
        max_keys: int,
        first: timedelta,
        between: timedelta,
        terminator: str,
    ) -> Keys:
        """Play sounds and take keys at once; the first key stops the sounds. See the port."""
        while True:
            keys = await self._collect(sounds, max_keys, first, between, terminator)
            if not self._entry.keys_codes or not keys.pressed.startswith(commands.STAR):
                return keys
            await self._take_code(keys.pressed[1:2])

    async def _collect(
        self,
        sounds: Sequence[str],
        max_keys: int,
        first: timedelta,
        between: timedelta,
        terminator: str,
    ) -> Keys:
        audible = tuple(sound for sound in sounds if sound not in MUSIC_PROMPTS)
        read = commands.read_keys(audible, max_keys=max_keys, terminator=terminator)
        if self._timeouts != (first, between):
            await self._do(commands.timeout("response", first.total_seconds()))
            await self._do(commands.timeout("digit", between.total_seconds()))
            self._timeouts = (first, between)
        await self._do(read)
        reply = await self._do(commands.pressed_keys())
        status, _, pressed = (reply.data or "").partition(":")
        if status == _GONE:
            raise self._gone()
        return Keys(pressed=pressed, timed_out=status == _NO_KEYS and not pressed)

    async def music(self, duration: timedelta) -> None:
        """Play music on hold for so long, in whole seconds; keys but feature codes are ignored."""
        seconds = max(1, math.ceil(duration.total_seconds()))
        if self._entry.keys_codes:
            await self._music_and_listen(seconds)
        else:
            await self._do(commands.music(seconds))

    async def leave(self, place: Place) -> None:
        """Send the leg to its next place; the participant is over."""
        await self._do(commands.next_place(name_of(place)))
        self._connection.close()

    async def refuse(self) -> None:
        """Refuse a call that was never answered: no such number here (404)."""
        try:
            await self._connection.send_command(commands.refuse_unknown_number())
        except AGIAppError:  # "failed" is how a command that hangs up ends
            self._connection.close()
        except AGIError as error:
            raise self._failure(error) from error

    async def reorder(self) -> None:
        """Play fast busy to the caller and hang up."""
        await self.leave(REORDER)

    # --- feature codes ------------------------------------------------------------------------

    def code_answered(self, code: str, *, accepted: bool) -> None:
        """Say whether a code did something. See the port."""
        answer = self._answers.pop(code, None)
        if answer is not None:
            answer.set_result(accepted)

    async def _play_and_listen(self, sound: str) -> None:
        start = 0
        while True:
            try:
                reply = await self._do(commands.sound_until_star(sound, start=start))
            except LegGone:
                raise
            except TelephonyError:
                return  # the switch does not have this sound
            if _key_of(reply) != commands.STAR:
                return
            start = int(reply.pairs.get("endpos", "0"))
            await self._take_code()

    async def _music_and_listen(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time
        until = now() + seconds
        await self._do(commands.MUSIC_BEGINS)
        while (left := until - now()) > 0:
            if await self._key(left) == commands.STAR and await self._take_code():
                await self._do(commands.MUSIC_BEGINS)  # the tone took its place
        await self._do(commands.MUSIC_ENDS)

    async def _take_code(self, digit: str = "") -> bool:
        """Tell of the code that a star began, after a tone; whether it became one.

        Keys pressed before it goes on are lost.
        """
        digit = digit or await self._key(CODE_SECONDS)
        if not digit.isdigit():
            return False
        await self._tone(commands.CODE_TONE_BEGINS, CODE_TONE_SECONDS)
        if not await self._is_accepted(commands.STAR + digit):
            await self._tone(commands.SORRY_TONE_BEGINS, SORRY_TONE_SECONDS)
        return True

    async def _is_accepted(self, code: str) -> bool:
        """Tell of a code; false if it is said in time that it did nothing."""
        answer = self._answers[code] = asyncio.get_running_loop().create_future()
        await self._do(commands.code_keyed(self._leg_id, code))
        gone = asyncio.ensure_future(self._connection.hung_up.wait())
        try:
            await asyncio.wait(
                {answer, gone}, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            gone.cancel()
        return not answer.done() or answer.result()

    async def _tone(self, begins: str, seconds: float) -> None:
        await self._do(begins)
        await self._key(seconds)
        await self._do(commands.TONE_ENDS)

    async def _key(self, seconds: float) -> str:
        """The next key; empty if none comes in time."""
        return _key_of(await self._do(commands.key(math.ceil(seconds * 1000))))

    # --- commands -----------------------------------------------------------------------------

    async def _do(self, command: str) -> Reply:
        try:
            return await self._connection.send_command(command)
        except AGIHangup as error:
            raise self._gone() from error
        except AGIAppError as error:
            try:
                async with asyncio.timeout(HANGUP_FOLLOWS_SECONDS):
                    await self._connection.hung_up.wait()
            except TimeoutError:
                raise self._failure(error) from error
            raise self._gone() from error
        except AGIError as error:
            raise self._failure(error) from error

    def _gone(self) -> LegGone:
        return LegGone(f"leg {self._leg_id} hung up or was moved")

    def _failure(self, error: AGIError) -> TelephonyError:
        return TelephonyError(f"leg {self._leg_id}: {type(error).__name__}")


def _key_of(reply: Reply) -> str:
    """The key that ended a command; empty if none did."""
    return chr(int(reply.result)) if reply.result.isdigit() and reply.result != "0" else ""
