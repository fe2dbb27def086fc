"""FastAGI's door: one request per leg, with limits on what a stranger can do to it.

panoramisk's ``Application`` and ``Request`` with cures for what panoramisk 1.4 does (named by
symptom): a connection closed before its header stops the whole event loop, ``HANGUP`` is taken for
the next command's answer, so is the answer of a command that was cancelled, a line break in a
command is another command, a usage error desynchronises the stream, the end of the connection is a
``ValueError``, Latin-1 in a caller's name ends the call, and a cancelled handler counts as done.

A request sends one command at a time: res_agi.c reads its socket through a buffer, so that a
second command that arrives with the first one would lie there unseen.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Final, cast

from panoramisk.fast_agi import Application, Request

from ivr.domain.errors import TelephonyError
from ivr.ports.telephony import ParticipantHandler
from ivr.telephony.agi.entry import BadHeader, entry_of, leg_of, parse_header, script_of
from ivr.telephony.agi.errors import AGIConnectionLost, AGIHangup
from ivr.telephony.agi.participant import AgiParticipant
from ivr.telephony.agi.reply import HANGUP, Reply, ReplyReader
from ivr.telephony.dialplan import Script
from ivr.telephony.write_guard import agi_line

log = logging.getLogger(__name__)

HEADER_SECONDS: Final = 5.0
LINE_LIMIT: Final = 64 * 1024
"""Longest header and longest line of an answer."""
MAX_REQUESTS: Final = 2000
BACKLOG: Final = 1024

Endpoint = Callable[["AgiRequest"], Awaitable[object]]


class AgiRequest(Request):  # type: ignore[misc]  # panoramisk has no types
    """A leg's connection.

    Attributes:
        headers: What the leg came with.
        hung_up: Set when the leg has hung up or has been moved away.
    """

    headers: dict[str, str]

    def __init__(
        self,
        app: Application,
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(app, headers, reader, writer)
        self.hung_up = asyncio.Event()
        self._closed = False
        self._turn = asyncio.Lock()
        self._unanswered: asyncio.Future[Reply | None] | None = None

    async def send_command(self, command: str) -> Reply:
        """Carry a command out.

        One that was cancelled runs on in Asterisk; the next one waits for its answer, drops it,
        and is then sent.

        Raises:
            AGIError: See ``Reply.check``; ``AGIHangup`` when the leg is gone.
            Unsendable: The command may not be written.
        """
        line = agi_line(command)
        async with self._turn:
            if self._unanswered is not None and not self._unanswered.done():
                await asyncio.wait({self._unanswered})
            if self.hung_up.is_set():
                raise AGIHangup("the leg is gone")
            if self._closed:
                raise AGIConnectionLost("the connection is closed")
            answer: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
            self._unanswered = answer
            self.writer.write(line)
            try:
                reply = await answer
            except asyncio.CancelledError:
                if answer.cancelled():  # what it waited for is still to come
                    self._unanswered = asyncio.get_running_loop().create_future()
                raise
        if reply is None:
            raise AGIConnectionLost("the connection was lost before the answer")
        return reply.check()

    async def pump(self) -> None:
        """Read lines until the connection ends, and give each answer to its command."""
        lines = ReplyReader()
        try:
            while True:
                raw = await self.reader.readuntil(b"\n")
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if line == HANGUP:
                    self.hung_up.set()
                elif (reply := lines.feed(line)) is not None:
                    self._deliver(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            log.debug("agi connection ended", extra={"event": "agi_ended"})
        except asyncio.LimitOverrunError:
            log.warning("agi answer too long", extra={"event": "agi_answer_too_long"})
        finally:
            self.close()

    def close(self) -> None:
        """End the connection; the leg goes on in the dialplan."""
        self._closed = True
        self.writer.close()
        if self._unanswered is not None and not self._unanswered.done():
            self._unanswered.set_result(None)

    def _deliver(self, reply: Reply) -> None:
        if self._unanswered is None or self._unanswered.done():
            log.warning("answer without a command", extra={"event": "agi_stray_answer"})
        else:
            self._unanswered.set_result(reply)


class AgiApplication(Application):  # type: ignore[misc]  # panoramisk has no types
    """The routes, and what happens to a connection before and after them.

    Args:
        max_requests: Further connections are closed at once; the dialplan tries again.
        header_seconds: How long a header may take.
    """

    def __init__(
        self, *, max_requests: int = MAX_REQUESTS, header_seconds: float = HEADER_SECONDS
    ) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._max_requests = max_requests
        self._header_seconds = header_seconds
        self._requests: set[asyncio.Task[object]] = set()

    def add_route(self, path: str, endpoint: Endpoint) -> None:
        """Let a coroutine function answer a script.

        Raises:
            TypeError: It is a plain function.
            ValueError: The script has an endpoint.
        """
        if not inspect.iscoroutinefunction(endpoint):
            raise TypeError("an endpoint is an async function")
        if path in self._route:
            raise ValueError(f"script {path!r} has an endpoint")
        # The base class asks asyncio.iscoroutinefunction, of which Python 3.14 warns.
        self._route[path] = endpoint

    async def handler(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        if task is None or len(self._requests) >= self._max_requests:
            log.warning("too many agi requests", extra={"event": "agi_busy"})
            writer.transport.abort()
            return
        self._requests.add(task)
        try:
            headers = await self._read_header(reader)
            if headers is not None:
                await self._serve(AgiRequest(self, headers, reader, writer))
        finally:
            self._requests.discard(task)
            writer.close()

    async def end_all(self) -> None:
        """Cancel every request, and wait until they have ended."""
        requests = set(self._requests)
        for request in requests:
            request.cancel()
        if requests:
            await asyncio.wait(requests)

    async def _read_header(self, reader: asyncio.StreamReader) -> dict[str, str] | None:
        try:
            async with asyncio.timeout(self._header_seconds):
                return parse_header(await reader.readuntil(b"\n\n"))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            reason: Exception = error
        except (asyncio.LimitOverrunError, TimeoutError, BadHeader) as error:
            reason = error
        log.info(
            "agi header refused",
            extra={"event": "agi_header_refused", "reason": type(reason).__name__},
        )
        return None

    async def _serve(self, request: AgiRequest) -> None:
        script = script_of(request.headers)
        endpoint = self._route.get(script)
        if endpoint is None:
            log.error("no such agi script", extra={"event": "agi_no_script"})
            return
        pump = asyncio.create_task(request.pump(), name="agi-pump")
        try:
            await endpoint(request)
        except AGIHangup:
            log.debug("leg gone", extra={"event": "agi_leg_gone"})
        except Exception:
            log.exception("agi script failed", extra={"event": "agi_failed", "script": script})
        finally:
            request.close()
            pump.cancel()


class FastAgiServer:
    """The listener; hands each leg to the controller as a ``Participant``.

    Args:
        host: Address to listen at.
        port: Port to listen at; 0 = any, see ``port`` once it listens.
        handler: Awaited for each leg; the leg re-enters the dialplan when it returns.
        max_requests: Most legs in the controller's hands at once.
    """

    def __init__(
        self,
        host: str,
        port: int,
        handler: ParticipantHandler,
        *,
        max_requests: int = MAX_REQUESTS,
    ) -> None:
        self.port = port
        self.listening = asyncio.Event()
        self._host = host
        self._handler = handler
        self._max_requests = max_requests

    async def run(self) -> None:
        """Listen, for ever; a cancellation ends every request first."""
        application = AgiApplication(max_requests=self._max_requests)
        for script in Script:
            application.add_route(script, self._hand_over)
        server = await asyncio.start_server(
            application.handler, self._host, self.port, limit=LINE_LIMIT, backlog=BACKLOG
        )
        self.port = server.sockets[0].getsockname()[1]
        self.listening.set()
        async with server:
            try:
                await server.serve_forever()
            finally:
                self.listening.clear()
                await application.end_all()

    async def _hand_over(self, request: AgiRequest) -> None:
        try:
            participant = AgiParticipant(
                leg_of(request.headers), entry_of(request.headers), request
            )
        except BadHeader as error:
            log.warning(
                "agi header refused",
                extra={"event": "agi_header_refused", "reason": str(error)},
            )
            return
        try:
            await cast("Awaitable[object]", self._handler(participant))
        except TelephonyError as error:
            log.info("leg left", extra={"event": "leg_left", "reason": type(error).__name__})
