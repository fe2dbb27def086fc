"""One connection to the Manager Interface: bytes to messages, messages to who waits for them.

panoramisk's ``Action`` and ``AMIProtocol``, repaired; see ``link`` for what of.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final, Protocol

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol

from ivr.domain.errors import LinkDown, TelephonyError
from ivr.telephony.ami.actions import AmiAction, ping
from ivr.telephony.ami.message import SafeMessage
from ivr.telephony.write_guard import ami_message

log = logging.getLogger(__name__)

MESSAGE_LIMIT: Final = 1024 * 1024
UNSENT_LIMIT: Final = 1024 * 1024
GREETING: Final = b"Asterisk Call Manager/"


class Owner(Protocol):
    """What a connection needs of the link it belongs to."""

    ping_after: float
    dead_after: float
    authenticated: bool

    def dispatch(self, event: SafeMessage) -> None:
        """Deliver an event."""
        ...

    def lost(self, connection: LinkProtocol, error: Exception | None) -> None:
        """Note that a connection is over."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What an action was answered: the response, and the events of its list if it has one."""

    response: SafeMessage
    events: tuple[SafeMessage, ...]

    @property
    def ok(self) -> bool:
        """Whether Asterisk carried the action out."""
        return self.response.success

    @property
    def words(self) -> str:
        """What Asterisk said to it."""
        return self.response.text("message")


class PendingAction(Action):  # type: ignore[misc]  # panoramisk has no types
    """panoramisk's action, with a list being only what says ``EventList: start``."""

    def __init__(self, action: AmiAction) -> None:
        super().__init__({})
        self.wire = ami_message(
            (("Action", action.name), ("ActionID", action.action_id or self.id), *action.headers)
        )
        if action.action_id is not None:
            self["ActionID"] = action.action_id
        self.listing = False

    def take(self, message: SafeMessage) -> bool:
        """Note a message of this action; false if it is none of its answer."""
        if not self.responses:
            if message.name:
                return False
            self.responses.append(message)
            self.listing = message.text("eventlist").casefold() == "start"
        elif self.listing and message.name and message.name != "OriginateResponse":
            self.responses.append(message)
            self.listing = message.text("eventlist").casefold() not in {"complete", "cancelled"}
        else:
            return False
        if not self.listing and not self.future.done():
            first, *rest = self.responses
            self.future.set_result(Answer(first, tuple(rest[:-1])))
        return True


class LinkProtocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """One connection."""

    version: str | None

    def __init__(self, link: Owner) -> None:
        self.link = link
        self.lost = asyncio.get_running_loop().create_future()
        self.last_heard = asyncio.get_running_loop().time()
        self._buffer = bytearray()
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to listen and to watch."""
        super().connection_made(transport)
        self.factory = self.link
        self._keep_watch()

    def data_received(self, data: bytes) -> None:
        """Split bytes into whole messages first, decode then."""
        self.last_heard = asyncio.get_running_loop().time()
        buffer = self._buffer
        searched = max(len(buffer) - 3, 0)
        buffer += data
        if self.version is None and not self._greeted():
            return
        start = 0
        while (end := buffer.find(b"\r\n\r\n", max(start, searched))) >= 0:
            message = SafeMessage.parse(bytes(buffer[start:end]))
            start = end + 4
            if message is not None:
                self.handle_message(message)
        del buffer[:start]
        if len(buffer) > MESSAGE_LIMIT:
            log.error("ami message too long", extra={"event": "ami_message_too_long"})
            self.close()

    def _greeted(self) -> bool:
        line, end, rest = bytes(self._buffer).partition(b"\r\n")
        if not (line + end).startswith(GREETING[: len(line)]) or len(line) > 200:
            log.error("peer is no asterisk manager", extra={"event": "ami_greeting_wrong"})
            self.close()
            return False
        if not end:
            return False
        self.version = line.removeprefix(GREETING).decode("utf-8", "replace")
        self._buffer[:] = rest
        return True

    def handle_message(self, message: SafeMessage) -> None:
        """Give an answer to whoever waits for it, and everything else to the callbacks."""
        action = self.responses.get(message.action_id)
        if action is None or not action.take(message):
            if message.name:
                self.link.dispatch(message)
        elif action.future.done():
            self.responses.pop(message.action_id, None)

    def send(self, data: AmiAction, as_list: bool = False) -> asyncio.Future[Answer]:
        """Write an action once; the future fails when the connection does.

        Raises:
            LinkDown: The connection is closed, or the peer does not read; nothing was written.
            Unsendable: A value may not be written.
        """
        action = PendingAction(data)
        if self.closed or self.transport.is_closing():
            raise LinkDown("the link to the switch is down", maybe_done=False)
        if self.transport.get_write_buffer_size() > UNSENT_LIMIT:
            raise LinkDown("the switch does not read", maybe_done=False)
        if action.id in self.responses:
            raise TelephonyError(f"action {action.id} is under way")
        self.responses[action.id] = action
        self.transport.write(action.wire)
        future: asyncio.Future[Answer] = action.future
        future.add_done_callback(lambda _: self.responses.pop(action.id, None))
        return future

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the link, and everybody who waits, once."""
        self.close()
        if not self.lost.done():
            self.lost.set_result(None)
            self.link.lost(self, exc)

    def close(self) -> None:
        """Close at once; whoever waits for an answer learns that it may have been carried out."""
        self.closed = True
        if self._watch is not None:
            self._watch.cancel()
        self.transport.abort()
        for action in list(self.responses.values()):
            if not action.future.done():
                action.future.set_exception(
                    LinkDown("the link was lost before the answer", maybe_done=True)
                )
        self.responses.clear()

    def _keep_watch(self) -> None:
        loop = asyncio.get_running_loop()
        silent = loop.time() - self.last_heard
        if silent >= self.link.dead_after:
            log.error("switch is silent", extra={"event": "ami_silent", "seconds": silent})
            self.connection_lost(None)
            return
        if silent >= self.link.ping_after and self.link.authenticated:
            self._ask_for_life()
        self._watch = loop.call_later(self.link.dead_after / 8, self._keep_watch)

    def _ask_for_life(self) -> None:
        if self.transport.get_write_buffer_size() <= UNSENT_LIMIT:
            future = self.send(ping())
            future.add_done_callback(_look_away)
            asyncio.get_running_loop().call_later(self.link.dead_after, future.cancel)


def _look_away(future: asyncio.Future[Answer]) -> None:
    """Take the result of a question whose answer says nothing beyond having come."""
    if not future.cancelled():
        future.exception()
