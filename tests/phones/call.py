"""One call of our own phone, either direction: its messages and its audio.

RFC 3261 sections 12 to 15 and RFC 3515 (REFER) as far as a test phone needs them. One thing,
because nearly every message of a call depends on what was said before in it.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.phones.deadline import DeadlineMissed, deadline
from tests.phones.digest import authorization
from tests.phones.invite import Address, Invite
from tests.phones.line import ClientTransaction, ServerTransaction
from tests.phones.message import Message, request, uri_of
from tests.phones.policy import Answer, Reject, Ring
from tests.phones.progress import Call, CallFailed, CallState
from tests.phones.rtp import Media
from tests.phones.sdp import MIRRORED, Session, offer
from tests.phones.sound import Sound

if TYPE_CHECKING:
    from tests.phones.phone import Phone


class PhoneCall(Call):
    """One call of a :class:`~tests.phones.phone.Phone`.

    Attributes:
        call_id: Of its messages.
        notified: The sipfrag bodies that a REFER brought back.
    """

    def __init__(self, phone: Phone) -> None:
        super().__init__(phone.name)
        self._phone = phone
        self._line = phone.line
        self._media = Media(phone.line.host, says=phone.says, heard=self.heard, keys=self.keys)
        self.call_id = secrets.token_hex(12)
        self.notified: list[str] = []
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

    # -- for tests -------------------------------------------------------------------------------

    def say(self, sound: Sound | None) -> None:
        """Say something else from now on; None sends no packet."""
        self._media.say(sound)

    async def press(self, digits: str, *, on_ms: int = 100, gap_ms: int = 80) -> None:
        """Press keys (RFC 4733); return after the last pause."""
        await self._media.press(digits, on_ms=on_ms, gap_ms=gap_ms)

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

    def hang_up(self, *, reason: str = "") -> None:
        """End the call at any time: BYE, CANCEL, or a refusal while this phone rings.

        Args:
            reason: The Reason header of the BYE, such as ``Q.850;cause=34``.
        """
        if self.state is CallState.ENDED:
            return
        if self.answered_at:
            said = (("Reason", reason),) if reason else ()
            self._line.request(self._inside("BYE", said), self._peer, lambda _: None)
            self._end(by_us=True)
        elif self._server is not None:
            self.reject(603)
        elif self._client is not None:
            self.cancelled = True
            self._cancel(self._client.request)

    def close(self) -> None:
        """Hang up without waiting for what the far end says."""
        self.hang_up()
        self._end(by_us=True)

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
        return await self._refer(uri, within=within)

    async def merge_with(self, other: PhoneCall, *, within: float = 5.0) -> int:
        """Ask for an attended transfer: the far ends of this call and of another one meet.

        Args:
            other: A call of the same phone; this one is to be replaced by it (RFC 3891).
            within: Seconds for the answer.
        """
        tags = f";to-tag={_tag_of(other._remote)};from-tag={other._tag}"
        replaces = quote(f"{other.call_id}{tags}", safe="")
        return await self._refer(f"{other._target}?Replaces={replaces}", within=within)

    async def _refer(self, uri: str, *, within: float) -> int:
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
        description = offer(self._line.host, self._media.port, version=self._version)
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
                self._media.start((early.host, early.port))
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
                self._media.start((offered.host, offered.port))
        else:
            self._reply(status)
        if status > 100:
            self._advance(CallState.RINGING)

    def _reply(
        self, status: int, *, headers: tuple[tuple[str, str], ...] = (), body: str = ""
    ) -> None:
        if self._server is not None:
            self.status = status
            own = dict([("Contact", f"<{self._phone.contact}>"), ("Allow", ALLOWED), *headers])
            self._server.reply(status, tag=self._tag, headers=tuple(own.items()), body=body)

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
            self._media.start((offered.host, offered.port))

    async def _reinvite(self, direction: str) -> None:
        self._version += 1
        host, port = self._line.host, self._media.port
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
        port = self._media.port
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
        if remote is not None:
            self._media.start((remote.host, remote.port))
        self._advance(CallState.TALKING)

    def _report(self) -> None:
        self._phone.changed(self)

    def _end(self, *, by_us: bool) -> None:
        if self.state is CallState.ENDED:
            return
        self.ended_by_us = by_us
        self._stop_timer()
        self._media.stop()
        self._advance(CallState.ENDED)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, INFO, UPDATE, REFER"
_TAG = re.compile(r";\s*tag=([^;>\s]+)")


def _tag_of(address: str) -> str:
    """The tag of a From or To header; empty without one."""
    found = _TAG.search(address)
    return found[1] if found else ""
