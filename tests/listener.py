"""A TCP server of a test that leaves nothing open behind it.

A connection can be accepted in the very moment in which a test ends. Its transport must be closed
before its loop is, or the interpreter complains in the middle of some later test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]
_LINE_LIMIT = 2**16
# Steps of the loop between an accepted socket and its handler, and between an abort and its close.
_STEPS = 5


class Listener:
    """Accepts connections and serves each in a task.

    Args:
        serve: What to do with a connection; it is closed when this returns.
        limit: Of the readers' buffers, in bytes.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, serve: Serve, *, limit: int = _LINE_LIMIT) -> None:
        self.port = 0
        self._serve = serve
        self._limit = limit
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[object]] = {}

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=self._limit)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self, *, grace: float = 0) -> None:
        """Accept no more, and end what is being served.

        Args:
            grace: How long what is being served may go on, in seconds.
        """
        if self._server is None:
            return
        # A server that is closed while it takes in an accepted socket loses it (asyncio's
        # ``Server._attach`` asserts that it is open), so it stops accepting first.
        for each in self._server.sockets:
            asyncio.get_running_loop().remove_reader(each.fileno())
        await _let_the_loop_run()
        self._server.close()
        serving = list(self._connections.values())
        if serving and grace:
            await asyncio.wait(serving, timeout=grace)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        self.cut()
        await _let_the_loop_run()

    def cut(self) -> None:
        """Abort every connection."""
        for writer in self._connections:
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.create_task(self._run(reader, writer), name="served")

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()


async def _let_the_loop_run() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(_STEPS):
        step = loop.create_future()
        loop.call_soon(step.set_result, None)
        await step
