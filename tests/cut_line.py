"""A TCP line between two programs that a test can cut: by a reset, or by silence.

::

    async with CutLine(target=5038) as line:      # programs connect to line.port
        line.reset()                              # RST to both ends of every connection
        line.silence()                            # both ends stay connected and hear nothing
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.listener import Listener

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class CutLine:
    """The line.

    Args:
        target: Where it leads, a port of 127.0.0.1.
        port: Where it begins; any free port by default.

    Attributes:
        refuses: Whether new connections are reset at once.
        sees: Called with what programs send, once it has been passed on.
    """

    def __init__(self, target: int, *, port: int = 0) -> None:
        self.port = port
        self.refuses = False
        self.sees: Callable[[bytes], None] = lambda _: None
        self._target = target
        self._pairs: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self._silenced: set[asyncio.StreamWriter] = set()
        self._listener = Listener(self._lead)

    async def __aenter__(self) -> Self:
        await self._listener.listen(port=self.port)
        self.port = self._listener.port
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.reset()
        await self._listener.close()

    def reset(self) -> None:
        """Break every connection."""
        for pair in self._pairs:
            for writer in pair:
                _abort(writer)
        self._pairs.clear()
        self._silenced.clear()

    def silence(self) -> None:
        """Let every connection of this moment go dumb both ways; later ones work."""
        for pair in self._pairs:
            self._silenced.update(pair)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            _abort(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _abort(writer)
            return
        self._pairs.append((writer, far_writer))
        there = asyncio.create_task(self._pump(reader, far_writer, self.sees_at))
        back = asyncio.create_task(self._pump(far_reader, writer, lambda _: None))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in (there, back):
                pump.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            far_writer.close()

    def sees_at(self, data: bytes) -> None:
        """Show a test what was sent."""
        self.sees(data)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        shown: Callable[[bytes], None],
    ) -> None:
        try:
            while data := await reader.read(65536):
                if writer in self._silenced:
                    continue
                writer.write(data)
                await writer.drain()
                shown(data)
            if writer in self._silenced:
                await asyncio.Event().wait()
        except ConnectionError:
            return


def _abort(writer: asyncio.StreamWriter) -> None:
    open_socket = writer.get_extra_info("socket")
    if open_socket is not None and not writer.is_closing():
        open_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
