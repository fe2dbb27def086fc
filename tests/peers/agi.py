"""Asterisk's side of FastAGI in a few lines: a leg that runs a script on our server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

HEADERS = {
    "agi_network": "yes",
    "agi_network_script": "inbound",
    "agi_request": "agi://127.0.0.1:4573/inbound",
    "agi_channel": "PJSIP/line-one-00000007",
    "agi_uniqueid": "1700000000.7",
    "agi_callerid": "+4930111111",
    "agi_calleridname": "Jo",
    "agi_callingpres": "0",
    "agi_arg_1": "+4930999999",
    "agi_arg_2": "",
    "agi_arg_3": "0",
}


def header(changes: Mapping[str, str] | None = None) -> bytes:
    """A header as Asterisk writes it, changed as told."""
    headers = HEADERS | dict(changes or {})
    return ("".join(f"{name}: {value}\n" for name, value in headers.items()) + "\n").encode()


class AgiPeer:
    """One leg."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.writer.close()

    def say(self, *lines: str) -> None:
        """Send lines."""
        self.send("".join(f"{line}\n" for line in lines).encode())

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def command(self) -> str:
        """The next command; empty at the end of the connection."""
        async with asyncio.timeout(5):
            return (await self.reader.readline()).decode().rstrip("\n")

    async def serve(self, *pairs: tuple[str, str]) -> None:
        """Expect each command in turn, and give it its answer."""
        for expected, answer in pairs:
            assert await self.command() == expected
            self.say(answer)

    async def ended(self) -> bool:
        """Whether the server ended the connection, with nothing more to say."""
        try:
            return await self.command() == ""
        except ConnectionError:
            return True
