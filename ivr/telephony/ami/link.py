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
from typing import Any, Final

from panoramisk.manager import Manager

from ivr.domain.errors import LinkDown, TelephonyError
from ivr.telephony.ami.actions import AmiAction, login
from ivr.telephony.ami.connection import Answer, LinkProtocol
from ivr.telephony.ami.message import SafeMessage

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
ANY_EVENT: Final = "*"

EventCallback = Callable[["AmiLink", SafeMessage], object]


class LoginRefused(TelephonyError):
    """Asterisk does not accept the user or the secret."""

    code = "login_refused"


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
        super().__init__(host=host, port=port, protocol_factory=lambda: LinkProtocol(self))
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

    def lost(self, connection: LinkProtocol, error: Exception | None) -> None:
        """Note that a connection is over; an earlier one's end says nothing about this one."""
        if connection is self.protocol:
            self.connection_lost(error)

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

    async def _ask(self, protocol: LinkProtocol, action: AmiAction, within: float) -> Answer:
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
