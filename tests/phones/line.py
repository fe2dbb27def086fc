"""A line: one UDP socket that speaks SIP, with the transactions of RFC 3261 section 17.

Several phones may share a line, like the subscribers of a carrier behind one trunk address: an
INVITE goes to the phone whose number the Request-URI names, else to the phone without a number.
The line is the witness of everything that was asked of it: :attr:`Line.invites` holds every INVITE,
answered or not, each once however often it was repeated.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self

from tests.phones.invite import Address, Invite
from tests.phones.message import Message, NotSip, parameter, response

logger = logging.getLogger(__name__)

_T1: Final = 0.5
_T2: Final = 4.0
_GIVE_UP: Final = 64 * _T1


@dataclass(slots=True)
class ServerTransaction:
    """A request that came in, and the last answer given to it."""

    line: Line
    request: Message
    source: Address
    last: Message | None = None
    invite: Invite | None = None
    _repeat: asyncio.TimerHandle | None = field(default=None, repr=False)

    def reply(
        self,
        status: int,
        *,
        tag: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        body: str = "",
    ) -> None:
        """Answer; a 200 to an INVITE is repeated until :meth:`acknowledged`."""
        self.last = response(self.request, status, tag=tag, headers=headers, body=body)
        self.line.send(self.last, self.source)
        if self.request.method == "INVITE" and status >= 200:
            self.acknowledged()
            self._again(_T1, time.monotonic() + _GIVE_UP)

    def acknowledged(self) -> None:
        """Stop repeating the final answer."""
        if self._repeat is not None:
            self._repeat.cancel()

    def _again(self, pause: float, until: float) -> None:
        def repeat() -> None:
            if self.last is not None and time.monotonic() < until:
                self.line.send(self.last, self.source)
                self._again(min(2 * pause, _T2), until)

        self._repeat = asyncio.get_running_loop().call_later(pause, repeat)


class ClientTransaction:
    """A request of ours, repeated until it is answered."""

    def __init__(
        self, line: Line, request: Message, to: Address, on_response: Callable[[Message], None]
    ) -> None:
        self._line = line
        self.request = request
        self._to = to
        self.on_response = on_response
        self._repeat: asyncio.TimerHandle | None = None
        line.send(request, to)
        self._again(_T1, time.monotonic() + _GIVE_UP)

    def _again(self, pause: float, until: float) -> None:
        def repeat() -> None:
            if time.monotonic() < until:
                self._line.send(self.request, self._to)
                longest = _GIVE_UP if self.request.method == "INVITE" else _T2
                self._again(min(2 * pause, longest), until)
            else:
                self.on_response(response(self.request, 408))

        self._repeat = asyncio.get_running_loop().call_later(pause, repeat)

    def take(self, answer: Message) -> None:
        """Stop repeating and pass the answer on."""
        self.stop()
        self.on_response(answer)

    def stop(self) -> None:
        if self._repeat is not None:
            self._repeat.cancel()


class Subscriber(Protocol):
    """What a line needs of a phone."""

    number: str

    def incoming(self, transaction: ServerTransaction, invite: Invite) -> None:
        """Take an INVITE for a new call."""


class Dialog(Protocol):
    """What a line needs of a call."""

    def requested(self, transaction: ServerTransaction) -> None:
        """Take a request inside the call."""

    def acknowledged(self) -> None:
        """Take an ACK."""


class Line:
    """One SIP socket on a loopback address, with its phones."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.invites: list[Invite] = []
        self.requests: list[Message] = []
        self._phones: list[Subscriber] = []
        self._dialogs: dict[str, Dialog] = {}
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[tuple[str, str], ServerTransaction] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, port))
        self.host: str
        self.port: int
        self.host, self.port = self._socket.getsockname()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the socket back; what was witnessed stays."""
        for transaction in self._clients.values():
            transaction.stop()
        for served in self._servers.values():
            served.acknowledged()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def attach(self, phone: Subscriber) -> None:
        self._phones.append(phone)

    def detach(self, phone: Subscriber) -> None:
        self._phones.remove(phone)

    def open_dialog(self, call_id: str, dialog: Dialog) -> None:
        self._dialogs[call_id] = dialog

    def close_dialog(self, call_id: str) -> None:
        self._dialogs.pop(call_id, None)

    def new_branch(self) -> str:
        """A Via value for a new transaction."""
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        return f"SIP/2.0/UDP {self.host}:{self.port};branch={branch};rport"

    def send(self, message: Message, to: Address) -> None:
        """Send one datagram; nothing is sent on a closed line."""
        if self._socket.fileno() < 0:
            return
        try:
            self._socket.sendto(message.encode(), to)
        except OSError:
            logger.debug("A SIP message could not be sent", extra={"event": "phone_send_failed"})

    def request(
        self, message: Message, to: Address, on_response: Callable[[Message], None]
    ) -> ClientTransaction:
        """Send a request; every answer, the last one a 408 of our own if need be, is passed on."""
        transaction = ClientTransaction(self, message, to, on_response)
        self._clients[message.branch, message.method] = transaction
        return transaction

    async def ask(self, message: Message, to: Address) -> Message:
        """Send a request that is no INVITE; return its final answer."""
        final: asyncio.Future[Message] = self._loop.create_future()

        def on_response(answer: Message) -> None:
            if answer.status >= 200 and not final.done():
                final.set_result(answer)

        transaction = self.request(message, to, on_response)
        try:
            return await final
        finally:
            transaction.stop()

    # -- what arrives ----------------------------------------------------------------------------

    def _read(self) -> None:
        while self._socket.fileno() >= 0:
            try:
                data, source = self._socket.recvfrom(65535)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier message is reported here
            try:
                message = Message.parse(data)
            except NotSip:
                continue
            if message.is_response:
                client = self._clients.get((message.branch, message.method))
                if client is not None:
                    client.take(message)
            else:
                self._serve(message, source)

    def _serve(self, message: Message, source: Address) -> None:
        self.requests.append(message)
        if message.method == "ACK":
            invited = self._servers.get((message.branch, "INVITE"))
            if invited is not None:
                invited.acknowledged()
            elif message["Call-ID"] in self._dialogs:
                self._dialogs[message["Call-ID"]].acknowledged()
            return
        key = (message.branch, message.method)
        known = self._servers.get(key)
        if known is not None:
            if known.invite is not None:
                known.invite.copies += 1
            if known.last is not None:
                self.send(known.last, source)
            return
        transaction = ServerTransaction(self, message, source)
        self._servers[key] = transaction
        self._dispatch(transaction)

    def _dispatch(self, transaction: ServerTransaction) -> None:
        message = transaction.request
        dialog = self._dialogs.get(message["Call-ID"])
        if dialog is not None:
            dialog.requested(transaction)
        elif message.method == "INVITE" and not parameter(message["To"], "tag"):
            invite = Invite(message, transaction.source, time.monotonic())
            transaction.invite = invite
            self.invites.append(invite)
            phone = self._phone_of(invite.dialled)
            if phone is None:
                transaction.reply(404, tag=secrets.token_hex(4))
            else:
                phone.incoming(transaction, invite)
        elif message.method in {"OPTIONS", "NOTIFY"}:
            transaction.reply(200, tag=secrets.token_hex(4))
        else:
            transaction.reply(481, tag=secrets.token_hex(4))

    def _phone_of(self, dialled: str) -> Subscriber | None:
        for phone in self._phones:
            if phone.number and phone.number.lstrip("+") == dialled.lstrip("+"):
                return phone
        return next((phone for phone in self._phones if not phone.number), None)
