"""One call of a phone, either direction: its state, its audio, its end.

State changes only by what the network says or by a method called here; everything a test waits for
has a deadline. RFC 3261 sections 12 to 15 and RFC 3515 (REFER) as far as a test phone needs them.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from enum import Enum
from typing import TYPE_CHECKING

from tests.phones.deadline import DeadlineMissed, deadline
from tests.phones.digest import authorization
from tests.phones.line import Address, ClientTransaction, Invite, ServerTransaction
from tests.phones.message import Message, request, uri_of
from tests.phones.policy import Answer, Reject, Ring
from tests.phones.rtp import Key, Media
from tests.phones.sdp import MIRRORED, Session, offer
from tests.phones.sound import Recording, Sound

if TYPE_CHECKING:
    from tests.phones.phone import Phone


class CallState(Enum):
    """How far a call has come."""

    NEW = "new"  # nothing was said about it yet
    RINGING = "ringing"  # a 180 or 183 was sent or seen
    TALKING = "talking"  # answered; audio flows
    ENDED = "ended"


class CallFailed(AssertionError):
    """A call that should have been answered ended before."""


class Call:
    """One call.

    Attributes:
        invite: The INVITE that came in; None for a call of our own.
        status: The last status code of the INVITE, sent or received (0: none).
        cancelled: The caller gave up before the answer.
        ended_by_us: Who hung up, once it has ended.
        reason: The Reason header of the BYE or CANCEL that ended it.
        rang_at, answered_at, ended_at: When (``time.monotonic``; 0.0: not yet).
    """

    def __init__(self, phone: Phone, *, says: Sound | None) -> None:
        self._phone = phone
        self._line = phone.line
        self.media = Media(phone.line.host, says)
        self.state = CallState.NEW
        self.invite: Invite | None = None
        self.status = 0
        self.cancelled = False
        self.ended_by_us = False
        self.reason = ""
        self.rang_at = 0.0
        self.answered_at = 0.0
        self.ended_at = 0.0
        self.call_id = secrets.token_hex(12)
        self.notified: list[str] = []
        self._changed = asyncio.Event()
        self._local = ""
        self._remote = ""
        self._target = ""
        self._tag = secrets.token_hex(4)
        self._peer: Address = phone.server
        self._sequence = secrets.randbelow(1000) + 1
        self._version = 1
        self._server: ServerTransaction | None = None
        self._client: ClientTransaction | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._challenged = False

    def __repr__(self) -> str:
        who = self._phone.name
        return f"<Call of {who}: {self.state.value}, status {self.status}, {self.heard!r}>"

    # -- for tests -------------------------------------------------------------------------------

    @property
    def heard(self) -> Recording:
        """Everything this party has heard."""
        return self.media.heard

    @property
    def keys(self) -> list[Key]:
        """The keys that the far end pressed."""
        return self.media.keys

    def say(self, sound: Sound | None) -> None:
        """Say something else from now on; None sends no packet."""
        self.media.say(sound)

    async def press(self, digits: str, *, on_ms: int = 100, gap_ms: int = 80) -> None:
        """Press keys (RFC 4733); return after the last pause."""
        await self.media.press(digits, on_ms=on_ms, gap_ms=gap_ms)

    async def ringing(self, within: float) -> None:
        """Wait until the far end rings, or until this phone does."""
        await self._reach(CallState.RINGING, within)

    async def answered(self, within: float) -> None:
        """Wait for the answer.

        Raises:
            CallFailed: The call ended without one.
        """
        await self._reach(CallState.TALKING, within)

    async def ended(self, within: float) -> None:
        """Wait for the end, whoever brings it about."""
        async with deadline(within, lambda: f"{self!r} has not ended"):
            while self.state is not CallState.ENDED:
                await self._change()

    async def _reach(self, state: CallState, within: float) -> None:
        order = list(CallState)
        async with deadline(within, lambda: f"{self!r} is not {state.value}"):
            while order.index(self.state) < order.index(state):
                await self._change()
        reached = self.answered_at or (state is CallState.RINGING and self.rang_at)
        if self.state is CallState.ENDED and not reached:
            raise CallFailed(f"{self!r} ended before it was {state.value}")

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def answer(self) -> None:
        """Answer a call that rings."""
        if self._server is None or self.answered_at or self.state is CallState.ENDED:
            raise DeadlineMissed(f"{self!r} cannot be answered")
        self._stop_timer()
        offered = Session.parse(self._server.request.body)
        self._reply(200, body=self._description(offered))
        self._talk(offered)

    def reject(self, status: int = 486, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Refuse a call that rings."""
        self._stop_timer()
        self._reply(status, headers=headers)
        self._end(by_us=True)

    def hang_up(self) -> None:
        """End the call at any time: BYE, CANCEL, or a refusal while this phone rings."""
        if self.state is CallState.ENDED:
            return
        if self.answered_at:
            self._line.request(self._inside("BYE"), self._peer, lambda _: None)
            self._end(by_us=True)
        elif self._server is not None:
            self.reject(603)
        elif self._client is not None:
            self.cancelled = True
            self._cancel(self._client.request)

    async def hold(self) -> None:
        """Put the far end on hold: re-INVITE with ``sendonly``."""
        await self._reinvite("sendonly")

    async def resume(self) -> None:
        """Take the far end off hold."""
        await self._reinvite("sendrecv")

    async def refer(self, target: str, *, within: float = 5.0) -> int:
        """Ask for a blind transfer to a number or URI; return the status of the REFER.

        What became of it arrives as sipfrag lines in ``notified``.
        """
        uri = target if target.startswith("sip") else f"sip:{target}@{self._phone.domain}"
        own = f"<{self._phone.contact}>"
        message = self._inside("REFER", (("Refer-To", f"<{uri}>"), ("Referred-By", own)))
        async with deadline(within, lambda: f"{self!r}: no answer to the REFER"):
            return (await self._line.ask(message, self._peer)).status

    # -- a call of our own -----------------------------------------------------------------------

    def place(self, uri: str, local: str, headers: tuple[tuple[str, str], ...]) -> None:
        """Send the INVITE."""
        self._local = f"{local};tag={self._tag}"
        self._remote = f"<{uri}>"
        self._target = uri
        self._line.open_dialog(self.call_id, self)
        description = offer(self._line.host, self.media.port, version=self._version)
        self._invite(headers, description)

    def _invite(self, headers: tuple[tuple[str, str], ...], description: str) -> None:
        message = self._inside("INVITE", headers, description)

        def on_response(answer: Message) -> None:
            self._invited(answer, message, headers)

        self._client = self._line.request(message, self._peer, on_response)

    def _invited(
        self, answer: Message, sent: Message, headers: tuple[tuple[str, str], ...]
    ) -> None:
        if answer.status >= 300:
            self._acknowledge_refusal(answer, sent)
            if answer.status in {401, 407} and not self._challenged and self._phone.secret:
                self._challenged = True
                self._invite((*headers, self._credentials(answer, sent)), sent.body)
            elif self.state is not CallState.ENDED:
                self.status = answer.status
                self._end(by_us=self.cancelled)
            return
        if self.state is CallState.ENDED:
            return
        self.status = answer.status
        if 100 < answer.status < 200:
            early = Session.parse(answer.body)
            if early is not None:
                self.media.start((early.host, early.port))
            self._advance(CallState.RINGING)
        elif answer.status >= 200:
            self._remote = answer["To"]
            self._target = uri_of(answer["Contact"]) or self._target
            acknowledgement = self._inside("ACK", sequence=sent.sequence)
            self._line.send(acknowledgement, self._peer)
            if not self.answered_at:
                self._talk(Session.parse(answer.body))
            if self.cancelled and self.state is CallState.TALKING:
                self.hang_up()  # the answer crossed our CANCEL

    def _acknowledge_refusal(self, answer: Message, sent: Message) -> None:
        """ACK of the same transaction (RFC 3261 section 17.1.1.3)."""
        copied = [("Via", sent["Via"]), ("Max-Forwards", "70"), ("From", sent["From"])]
        copied += [("To", answer["To"]), ("Call-ID", self.call_id)]
        copied += [("CSeq", f"{sent.sequence} ACK")]
        self._line.send(request("ACK", sent.uri, copied), self._peer)

    def _cancel(self, sent: Message) -> None:
        copied = [("Via", sent["Via"]), ("Max-Forwards", "70"), ("From", sent["From"])]
        copied += [("To", sent["To"]), ("Call-ID", self.call_id)]
        copied += [("CSeq", f"{sent.sequence} CANCEL")]
        self._line.request(request("CANCEL", sent.uri, copied), self._peer, lambda _: None)

    def _credentials(self, challenge: Message, sent: Message) -> tuple[str, str]:
        proxy = challenge.status == 407
        value = authorization(
            challenge["Proxy-Authenticate" if proxy else "WWW-Authenticate"],
            method=sent.method,
            uri=sent.uri,
            user=self._phone.number,
            secret=self._phone.secret or "",
        )
        return ("Proxy-Authorization" if proxy else "Authorization", value)

    # -- a call that comes in --------------------------------------------------------------------

    def take(
        self, transaction: ServerTransaction, invite: Invite, policy: Answer | Ring | Reject
    ) -> None:
        """Treat an INVITE as the policy says."""
        self._server, self.invite, self._peer = transaction, invite, transaction.source
        message = transaction.request
        self.call_id = message["Call-ID"]
        self._local = f"{message['To']};tag={self._tag}"
        self._remote = message["From"]
        self._target = uri_of(message["Contact"])
        self._line.open_dialog(self.call_id, self)
        loop = asyncio.get_running_loop()
        match policy:
            case Answer(after):
                self._ring(180)
                if after > 0:
                    self._timer = loop.call_later(after, self.answer)
                else:
                    self.answer()
            case Ring(status):
                self._ring(status)
            case Reject(status, after, headers) if after > 0:
                self._ring(180)
                self._timer = loop.call_later(after, self.reject, status, headers)
            case Reject(status, _, headers):
                self.reject(status, headers)

    def _ring(self, status: int) -> None:
        if self._server is None:
            return
        if status == 183:
            offered = Session.parse(self._server.request.body)
            self._reply(183, body=self._description(offered))
            if offered is not None:
                self.media.start((offered.host, offered.port))
        else:
            self._reply(status)
        if status > 100:
            self._advance(CallState.RINGING)

    def _reply(
        self, status: int, *, headers: tuple[tuple[str, str], ...] = (), body: str = ""
    ) -> None:
        if self._server is not None:
            self.status = status
            own = (("Contact", f"<{self._phone.contact}>"), ("Allow", ALLOWED), *headers)
            self._server.reply(status, tag=self._tag, headers=own, body=body)

    # -- inside a call ---------------------------------------------------------------------------

    def acknowledged(self) -> None:
        """Take the ACK of our 200."""
        if self._server is not None:
            self._server.acknowledged()

    def requested(self, transaction: ServerTransaction) -> None:
        """Take a request inside the call."""
        message = transaction.request
        match message.method:
            case "CANCEL":
                transaction.reply(200, tag=self._tag)
                if not self.answered_at and self.state is not CallState.ENDED:
                    self.cancelled = True
                    self.reason = message["Reason"]
                    self._stop_timer()
                    self._reply(487)
                    self._end(by_us=False)
            case "BYE":
                transaction.reply(200)
                self.reason = message["Reason"]
                self._end(by_us=False)
            case "INVITE" | "UPDATE":
                self._renegotiated(transaction)
            case "NOTIFY":
                self.notified.append(message.body.strip())
                transaction.reply(200)
            case _:
                transaction.reply(200)

    def _renegotiated(self, transaction: ServerTransaction) -> None:
        offered = Session.parse(transaction.request.body)
        own = (("Contact", f"<{self._phone.contact}>"),)
        if offered is None and transaction.request.method == "UPDATE":
            transaction.reply(200, headers=own)
            return
        self._version += 1
        if transaction.request.method == "INVITE":
            self._server = transaction
        transaction.reply(200, headers=own, body=self._description(offered))
        if offered is not None:
            self.media.start((offered.host, offered.port))

    async def _reinvite(self, direction: str) -> None:
        self._version += 1
        host, port = self._line.host, self.media.port
        description = offer(host, port, version=self._version, direction=direction)
        message = self._inside("INVITE", (), description)
        answered: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def on_response(answer: Message) -> None:
            if answer.status >= 300:
                self._acknowledge_refusal(answer, message)
            elif answer.status >= 200:
                self._line.send(self._inside("ACK", sequence=message.sequence), self._peer)
            if answer.status >= 200 and not answered.done():
                answered.set_result(answer)

        self._line.request(message, self._peer, on_response)
        async with deadline(5.0, lambda: f"{self!r}: no answer to the re-INVITE"):
            answer = await answered
        if answer.status >= 300:
            raise CallFailed(f"{self!r}: the re-INVITE was refused with {answer.status}")

    def _description(self, offered: Session | None) -> str:
        wanted = offered.direction if offered else "sendrecv"
        direction = MIRRORED.get(wanted, "sendrecv")
        port = self.media.port
        return offer(self._line.host, port, version=self._version, direction=direction)

    def _inside(
        self,
        method: str,
        headers: tuple[tuple[str, str], ...] = (),
        body: str = "",
        *,
        sequence: int | None = None,
    ) -> Message:
        """Write a request of this call."""
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        own = [
            ("Via", self._line.new_branch()),
            ("Max-Forwards", "70"),
            ("From", self._local),
            ("To", self._remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{sequence} {method}"),
            ("Contact", f"<{self._phone.contact}>"),
            ("Allow", ALLOWED),
            *headers,
        ]
        if body:
            own.append(("Content-Type", "application/sdp"))
        return request(method, self._target, own, body)

    def _talk(self, remote: Session | None) -> None:
        self.answered_at = time.monotonic()
        if remote is not None:
            self.media.start((remote.host, remote.port))
        self._advance(CallState.TALKING)

    def _advance(self, state: CallState) -> None:
        if state is CallState.RINGING and self.state is CallState.NEW:
            self.rang_at = time.monotonic()
        elif state is self.state:
            return
        self.state = state
        self._changed.set()
        self._phone.changed(self)

    def _end(self, *, by_us: bool) -> None:
        if self.state is CallState.ENDED:
            return
        self.ended_by_us = by_us
        self.ended_at = time.monotonic()
        self._stop_timer()
        self.media.stop()
        self._advance(CallState.ENDED)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, INFO, UPDATE, REFER"
