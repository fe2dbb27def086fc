"""The link to Asterisk's Manager Interface: one session after the other, nothing ever repeated.

panoramisk's ``Manager`` and ``AMIProtocol`` with cures for what panoramisk 1.4 does (named by
symptom): it sends an unanswered ``Originate`` again after a reconnect, never resolves the futures
of lists cut in the middle, never notices a silent peer, retries a refused login for ever, aborts
the connection on an exception in a callback, runs coroutine callbacks out of order, takes
"successfully queued" for a list, decodes by TCP segment and writes line breaks as they come.

Here an action that was sent and lost fails with ``LinkDown(maybe_done=True)``, one that cannot be
sent with ``LinkDown(maybe_done=False)``, and asking the switch what became of it is up to the
caller. Events reach plain callbacks in the order in which they arrived.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from ivr.domain.errors import LinkDown, TelephonyError
from ivr.telephony.ami.actions import AmiAction, login, ping
from ivr.telephony.ami.message import SafeMessage
from ivr.telephony.write_guard import ami_message

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 5.0
PING_AFTER_SECONDS: Final = 3.0
"""A peer that has been silent for so long is asked for a sign of life."""
DEAD_AFTER_SECONDS: Final = 8.0
"""A peer that has been silent for so long is gone; noticed within another second."""
RETRY_FIRST_SECONDS: Final = 0.1
RETRY_CAP_SECONDS: Final = 2.0
PROVEN_SECONDS: Final = 5.0
"""A session that lasted so long makes the next connection start at once."""
REFUSALS: Final = 3
"""So many refused logins in a row are final."""
MESSAGE_LIMIT: Final = 1024 * 1024
UNSENT_LIMIT: Final = 1024 * 1024
GREETING: Final = b"Asterisk Call Manager/"
ANY_EVENT: Final = "*"

EventCallback = Callable[["AmiLink", SafeMessage], object]


class LoginRefused(TelephonyError):
    """Asterisk does not accept the user or the secret."""

    code = "login_refused"


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


class _PendingAction(Action):  # type: ignore[misc]  # panoramisk has no types
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


class _LinkProtocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """One connection."""

    version: str | None

    def __init__(self, link: AmiLink) -> None:
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
        action = _PendingAction(data)
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
            if self.link.protocol is self:
                self.link.connection_lost(exc)

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


class AmiLink(Manager):  # type: ignore[misc]  # panoramisk has no types
    """A link that is opened again and again by whoever owns it.

    Args:
        host: Address of the manager interface.
        port: Its port.
        username: The AMI user.
        secret: Its secret.
        on_event: Called with every event that is no part of an answer, in order.
        ping_after: Seconds of silence before the peer is asked for a sign of life.
        dead_after: Seconds of silence after which it is given up.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str,
        secret: str,
        on_event: Callable[[SafeMessage], object],
        ping_after: float = PING_AFTER_SECONDS,
        dead_after: float = DEAD_AFTER_SECONDS,
    ) -> None:
        super().__init__(host=host, port=port, protocol_factory=lambda: _LinkProtocol(self))
        self.ping_after = ping_after
        self.dead_after = dead_after
        self._login = login(username, secret)
        self._closing = asyncio.Event()
        self._failures = 0
        self._refusals = 0
        self._opened_at: float | None = None
        self.register_event(ANY_EVENT, lambda _, message: on_event(message))

    # --- sessions -----------------------------------------------------------------------------
    async def open(self) -> None:
        """Return with a session: connected and logged in, tried until it works.

        The first try is made at once, later ones after a growing, jittered pause.

        Raises:
            LoginRefused: The login was refused for the third time in a row.
            LinkDown: The link was closed for good.
        """
        self.loop = asyncio.get_running_loop()
        if self._opened_at is not None and self.loop.time() - self._opened_at > PROVEN_SECONDS:
            self._failures = 0
        while True:
            await self._pause()
            if self._closing.is_set():
                raise LinkDown("the link is closed", maybe_done=False)
            self._failures += 1
            try:
                await self._open_once()
            except (OSError, TimeoutError, LinkDown) as error:
                log.warning(
                    "switch cannot be reached",
                    extra={"event": "ami_connect_failed", "reason": type(error).__name__},
                )
                continue
            except LoginRefused:
                self._refusals += 1
                log.exception("login refused", extra={"event": "ami_login_refused"})
                if self._refusals >= REFUSALS:
                    raise
                continue
            self._refusals = 0
            self._opened_at = self.loop.time()
            return

    @property
    def is_up(self) -> bool:
        """Whether there is a session."""
        return bool(self.authenticated and self.protocol and not self.protocol.closed)

    async def until_lost(self) -> None:
        """Return when this session is lost, or at once without one."""
        if self.protocol is not None and self.is_up:
            await asyncio.shield(self.protocol.lost)

    async def action(self, action: AmiAction, *, within: float = ANSWER_SECONDS) -> Answer:
        """Carry an action out once and return its whole answer, an ``Error`` being one too.

        Raises:
            LinkDown: There is no session (``maybe_done`` false), or it was lost or too slow
                before the answer (``maybe_done`` true).
            Unsendable: A value may not be written.
        """
        if not self.is_up:
            raise LinkDown("the link to the switch is down", maybe_done=False)
        return await self._ask(self.protocol, action, within)

    def drop(self) -> None:
        """End this session; ``open`` makes the next."""
        self.authenticated = False
        if self.protocol is not None:
            self.protocol.connection_lost(None)

    def close(self) -> None:
        """Close for good; a connection being made is given up."""
        self._closing.set()
        self.drop()

    # --- panoramisk's interface ---------------------------------------------------------------
    def register_event(self, pattern: str, callback: EventCallback | None = None) -> Any:
        """Call a plain function for an event by its exact name, or for all by ``*``."""
        if callback is None:
            return lambda function: self.register_event(pattern, function)
        if inspect.iscoroutinefunction(callback):
            raise TypeError("events are delivered in order, so a callback must not be a coroutine")
        self.callbacks[pattern].append(callback)
        return callback

    def dispatch(self, event: SafeMessage) -> None:
        """Deliver an event; what a callback raises is logged and harms nobody else."""
        for pattern in (event.name, ANY_EVENT):
            for callback in self.callbacks.get(pattern, ()):
                try:
                    callback(self, event)
                except Exception:
                    log.exception(
                        "event callback failed",
                        extra={"event": "ami_callback_failed", "ami_event": event.name},
                    )

    def send_action(
        self, action: AmiAction, as_list: Sequence[str] | None = None, **kwargs: str
    ) -> asyncio.Future[Answer]:
        """Write an action once (panoramisk's entrance; ``action`` also bounds the wait)."""
        if not self.is_up:
            raise LinkDown("the link to the switch is down", maybe_done=False)
        future: asyncio.Future[Answer] = self.protocol.send(action)
        return future

    def send_awaiting_actions(self, *_: object) -> None:
        """Send nothing: what was not carried out in its session never is."""
        self.awaiting_actions.clear()

    def connection_made(self, f: asyncio.Future[Any]) -> None:
        """Do nothing: ``open`` takes the connection over."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the loss; whoever owns the link opens it again."""
        self.authenticated = False

    # --- inside -------------------------------------------------------------------------------
    async def _open_once(self) -> None:
        attempt = self.connect()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, protocol = await attempt
        except BaseException:
            attempt.cancel()
            raise
        if self._closing.is_set():
            protocol.close()
            raise LinkDown("the link is closed", maybe_done=False)
        self.protocol = protocol
        try:
            answer = await self._ask(protocol, self._login, ANSWER_SECONDS)
        except BaseException:
            protocol.close()
            raise
        if not answer.ok:
            protocol.close()
            raise LoginRefused(f"the switch refused the login: {answer.words}")
        self.authenticated = True

    async def _ask(self, protocol: _LinkProtocol, action: AmiAction, within: float) -> Answer:
        future = protocol.send(action)
        try:
            async with asyncio.timeout(within):
                return await future
        except TimeoutError:
            raise LinkDown(f"no answer within {within:g} s", maybe_done=True) from None

    async def _pause(self) -> None:
        if not self._failures:
            return
        ceiling = min(RETRY_FIRST_SECONDS * 2 ** min(self._failures - 1, 10), RETRY_CAP_SECONDS)
        try:
            async with asyncio.timeout(ceiling * random.uniform(0.5, 1.0)):
                await self._closing.wait()
        except TimeoutError:
            return


def _look_away(future: asyncio.Future[Answer]) -> None:
    """Take the result of a question whose answer says nothing beyond having come."""
    if not future.cancelled():
        future.exception()
