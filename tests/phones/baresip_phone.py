"""Phones of baresip, a SIP stack that shares no code with ours or with Asterisk.

One :class:`Stack` runs in a process and carries any number of phones on one loopback address and
port. What baresip cannot do is refused loudly: it rejects with 486 only, cannot stay silent, and
shows of an INVITE only the headers named in :data:`SHOWN`. A :class:`~tests.phones.phone.Phone`
does these.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Mapping
from types import TracebackType
from typing import Final, Self

import baresip
import numpy as np

from tests.phones.deadline import DeadlineMissed
from tests.phones.handset import Handset
from tests.phones.invite import Address, Invite
from tests.phones.message import request, uri_of
from tests.phones.policy import Answer, Chooser, Ignore, Policy, Reject, Ring
from tests.phones.progress import Call, CallFailed, CallState
from tests.phones.rtp import Key
from tests.phones.sound import SILENCE, Sound, from_ulaw

SHOWN: Final = (
    "From",
    "To",
    "Call-ID",
    "P-Asserted-Identity",
    "Privacy",
    "Call-Info",
    "Alert-Info",
    "Reason",
)
_RELEASE_MS: Final = 60
"""The end of a key is sent three times, 20 ms apart, before the next may begin."""
_TICK: Final = 0.020
_AHEAD: Final = 8
"""Packets written before baresip needs them, against a stall of this process."""
_CANNOT: Final = "baresip answers, rings with 180 or rejects with 486; a Phone does the rest"
_GONE: Final = (baresip.StaleHandleError, baresip.AudioNotActive, baresip.AudioRestarted)


class Stack:
    """The one baresip of this process: ``async with Stack() as stack``.

    Args:
        headers: INVITE headers to show beside :data:`SHOWN` (16 in all).
    """

    def __init__(self, *, headers: tuple[str, ...] = ("X-Contact-Id",)) -> None:
        self._config = baresip.Config(
            net_interface="127.0.0.1",
            max_concurrent_calls=None,
            expose_headers=(*SHOWN, *headers),
            extra_config_text="rtp_ports 30000-32000\naudio_jitter_buffer_type off\n",
        )
        self.runtime = baresip.Runtime()
        self._calls: list[BaresipCall] = []
        self._early: defaultdict[int, list[baresip.StackEvent]] = defaultdict(list)
        self._work: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    async def __aenter__(self) -> Self:
        await self.runtime.start(self._config)
        self.runtime.subscribe(self._keep)
        self._due = time.monotonic()
        self._tick()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*self._work)
        await self.runtime.close()

    async def phone(
        self,
        name: str,
        *,
        number: str,
        secret: str = "",
        server: Address = ("127.0.0.1", 5060),
        says: Sound | None = SILENCE,
    ) -> BaresipPhone:
        """Make a phone; register it before it is called through a server."""
        host, port = server
        account = baresip.Account(
            number, f"{host}:{port}", secret, audio_codecs=("pcmu",), reg_interval=600
        )
        agent = await baresip.UserAgent.create(self.runtime, account)
        return BaresipPhone(self, agent, name, number=number, server=server, says=says)

    def _keep(self, event: baresip.StackEvent) -> None:
        if event.call:
            self._early[event.call].append(event)

    def carry(self, call: BaresipCall) -> None:
        """Move the call's audio from now on."""
        self._calls.append(call)

    def replay(self, native: baresip.Call) -> None:
        """Give a call of ours the events that came before it existed.

        In baresip-python 0.5.2a3 ``dial`` makes its Call after the command's answer has crossed to
        this thread; a far end on loopback has rung and answered by then, and the Call waits for
        ever.
        """
        for event in self._early.pop(native.handle, []):
            native._on_stack_event(event)

    def begin(self, action: Awaitable[None]) -> None:
        """Carry out an action of a call; one that is gone meanwhile is no error."""

        async def act() -> None:
            try:
                await action
            except _GONE:
                return

        task = asyncio.create_task(act(), name="baresip action")
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _tick(self) -> None:
        now = time.monotonic()
        frames = 0
        while self._due <= now:
            self._due += _TICK
            frames += 1
        self._calls = [call for call in self._calls if call.state is not CallState.ENDED]
        for call in self._calls:
            call.move_audio(frames)
        self._timer = asyncio.get_running_loop().call_later(self._due - now, self._tick)


class BaresipCall(Call):
    """One call of a :class:`BaresipPhone`."""

    def __init__(self, phone: BaresipPhone, native: baresip.Call | None) -> None:
        super().__init__(phone.name)
        self._phone = phone
        self._says = phone.says
        self._position = 0
        self._stamp = 0
        self._stream = 0
        self._native = native
        self._timer: asyncio.TimerHandle | None = None
        if native is not None:
            self._follow(native)

    def _follow(self, native: baresip.Call) -> None:
        self._native = native
        native.on(self._happened)
        native.on_dtmf(self._pressed)
        self._phone.stack.carry(self)

    def _pressed(self, event: baresip.DigitEvent) -> None:
        self.keys.append(Key(event.digit, time.monotonic()))

    def _report(self) -> None:
        self._phone.changed(self)

    def _happened(self, event: baresip.StackEvent) -> None:
        match event.event:
            case baresip.Event.CALL_RINGING | baresip.Event.CALL_PROGRESS:
                self.status = 180
                self._advance(CallState.RINGING)
            case baresip.Event.CALL_ESTABLISHED:
                self.status = 200
                self._advance(CallState.TALKING)
            case baresip.Event.CALL_CLOSED:
                self._closed(event.text or "")
            case _:
                return

    def _closed(self, text: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        code = text.partition(" ")[0]
        if code.isdigit() and not self.answered_at:
            self.status = int(code)
        self.reason = text
        incoming = self.invite is not None
        self.cancelled = incoming and not self.answered_at and not self.ended_by_us
        self._advance(CallState.ENDED)

    # -- for tests -------------------------------------------------------------------------------

    def answer(self) -> None:
        """Answer a call that rings."""
        self._phone.stack.begin(self._gone_or_native().answer())

    def reject(self, status: int = 486) -> None:
        """Refuse a call that rings; baresip knows 486 only."""
        if status != 486:
            raise ValueError(f"baresip rejects with 486 only, not with {status}")
        self.ended_by_us = True
        self.status = status
        self._phone.stack.begin(self._gone_or_native().reject())

    def hang_up(self) -> None:
        """End the call at any time."""
        if self.state is CallState.ENDED:
            return
        self.ended_by_us = True
        self.cancelled = self.invite is None and not self.answered_at
        if self._native is not None:
            self._phone.stack.begin(self._native.hangup())

    def say(self, sound: Sound | None) -> None:
        """Say something else from now on; baresip sends silence for None."""
        self._says = sound
        self._position = 0

    async def press(self, digits: str, *, on_ms: int = 100, gap_ms: int = 80) -> None:
        """Press keys (RFC 4733); baresip holds each for 100 ms."""
        if on_ms != 100:
            raise ValueError(f"baresip holds a key for 100 ms, not for {on_ms} ms")
        await self._gone_or_native().send_dtmf(digits, gap_ms + _RELEASE_MS)

    async def hold(self) -> None:
        """Put the far end on hold: re-INVITE with ``sendonly``."""
        await self._gone_or_native().hold()

    async def resume(self) -> None:
        """Take the far end off hold."""
        await self._gone_or_native().resume()

    async def refer(self, target: str, *, within: float = 5.0) -> int:
        """Ask for a blind transfer; return the status that it came to."""
        uri = target if target.startswith("sip") else f"sip:{target}@{self._phone.domain}"
        try:
            await self._gone_or_native().transfer(uri, timeout=within)
        except baresip.TransferFailed as error:
            return error.status or 0
        return 200

    def _gone_or_native(self) -> baresip.Call:
        if self._native is None:
            raise CallFailed(f"{self!r} is not under way")
        return self._native

    # -- what the stack does ---------------------------------------------------------------------

    async def place(self, agent: baresip.UserAgent, uri: str, headers: Mapping[str, str]) -> None:
        """Send the INVITE."""
        try:
            native = await agent.dial(uri, dict(headers))
            self._follow(native)
            self._phone.stack.replay(native)
            if self.cancelled:
                await native.hangup()
        except baresip.BaresipError as error:
            self.reason = str(error)
            self._advance(CallState.ENDED)

    def take(self, invite: Invite, policy: Answer | Ring | Reject) -> None:
        """Treat a call that came in as the policy says; baresip has sent 180 already."""
        self.invite = invite
        self.status = 180
        self._advance(CallState.RINGING)
        loop = asyncio.get_running_loop()
        match policy:
            case Answer(after):
                self._timer = loop.call_later(after, self.answer)
            case Reject(status, after):
                self._timer = loop.call_later(after, self.reject, status)
            case Ring():
                pass

    def move_audio(self, frames: int) -> None:
        """Read what was heard and write what is said, so many packets further."""
        if self._native is None or not self.answered_at:
            return
        audio = self._native.audio
        try:
            data = audio.read(65536)
            if data:
                samples = np.frombuffer(data, dtype=np.int16)
                at = time.monotonic() - len(samples) / self.heard.rate
                self.heard.add(samples, at=at, stamp=self._stamp, stream=self._stream)
                self._stamp += len(samples)
            if self._says is not None:
                ahead = _AHEAD if self._position == 0 else 0
                for _ in range(frames + ahead):
                    pcm = from_ulaw(self._says.frame(self._position))
                    audio.write(pcm.tobytes())
                    self._position += 1
        except _GONE:
            self._stream += 1  # media not up yet, or renegotiated: bind to it at the next tick


class BaresipPhone(Handset[BaresipCall]):
    """One phone of baresip; made by :meth:`Stack.phone`."""

    def __init__(
        self,
        stack: Stack,
        agent: baresip.UserAgent,
        name: str,
        *,
        number: str,
        server: Address,
        says: Sound | None,
    ) -> None:
        super().__init__(name, number=number, server=server, says=says)
        self.stack = stack
        self._agent = agent
        agent.on_incoming(self._incoming)

    async def close(self) -> None:
        """Hang up everything."""
        for call in self.calls:
            call.hang_up()
        for call in self.calls:
            await call.ended(within=5)

    async def register(self, *, within: float = 5.0) -> None:
        """Register; baresip renews it by itself.

        Raises:
            DeadlineMissed: The server refused or did not answer.
        """
        try:
            await self._agent.register(timeout=within)
        except baresip.RegistrationError as error:
            raise DeadlineMissed(f"{self.name} could not register: {error}") from error

    async def unregister(self, *, within: float = 5.0) -> None:
        """Take the registration back."""
        await self._agent.unregister(timeout=within)

    def call(self, dialled: str, *, headers: Mapping[str, str] | None = None) -> BaresipCall:
        """Call a number or a whole SIP URI; wait with ``await call.answered(within=5)``."""
        uri = dialled if dialled.startswith("sip:") else f"sip:{dialled}@{self.domain}"
        call = BaresipCall(self, None)
        self.calls.append(call)
        self.stack.begin(call.place(self._agent, uri, headers or {}))
        return call

    def will(self, *policies: Policy | Chooser) -> None:
        """Say what becomes of the next calls, within what baresip can do."""
        for policy in policies:
            match policy:
                case Ignore() | Ring(100 | 183):
                    raise ValueError(_CANNOT)
                case Reject(status) if status != 486:
                    raise ValueError(_CANNOT)
        super().will(*policies)

    def _incoming(self, native: baresip.Call) -> None:
        shown = list(native.headers.items())
        message = request("INVITE", uri_of(native.headers.get("To", f"sip:{self.number}")), shown)
        invite = Invite(message, ("", 0), time.monotonic())
        self.invites.append(invite)
        policy = self._policy_for(invite)
        if isinstance(policy, Ignore):
            raise TypeError(_CANNOT)
        call = BaresipCall(self, native)
        self.calls.append(call)
        call.take(invite, policy)
