"""An Asterisk Manager Interface in a few lines, which answers what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from tests.listener import Listener

Reply = Callable[[Mapping[str, str]], str]
"""What is written to an action; empty = silence. Lines end as in AMI; see ``message``."""

FULLY_BOOTED = {"Event": "FullyBooted", "Privilege": "system,all", "Status": "Fully Booted"}


def message(headers: Mapping[str, str]) -> str:
    """One AMI message."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"


def success(words: str = "done") -> Reply:
    return lambda action: message(
        {"Response": "Success", "ActionID": action["ActionID"], "Message": words}
    )


def error(words: str) -> Reply:
    return lambda action: message(
        {"Response": "Error", "ActionID": action["ActionID"], "Message": words}
    )


def silence(_: Mapping[str, str]) -> str:
    return ""


def listing(name: str, *items: Mapping[str, str]) -> Reply:
    """A list as ``CoreShowChannels`` writes it."""

    def reply(action: Mapping[str, str]) -> str:
        mine = {"ActionID": action["ActionID"]}
        start = {"Response": "Success", **mine, "EventList": "start", "Message": "will follow"}
        end = {"Event": f"{name}Complete", **mine, "EventList": "Complete", "ListItems": "0"}
        events = [{"Event": name, **mine, **item} for item in items]
        return "".join(message(m) for m in (start, *events, end))

    return reply


def core_status(started: str) -> Reply:
    return lambda action: message(
        {
            "Response": "Success",
            "ActionID": action["ActionID"],
            "CoreStartupDate": "2026-01-05",
            "CoreStartupTime": started,
        }
    )


class AmiPeer:
    """The far end; every connection gets the same replies.

    Attributes:
        actions: Every action received, with its headers (of a repeated header the last).
        raw: Every byte received.
        replies: What each action is answered.
        logins: How many connections logged in.
    """

    def __init__(self) -> None:
        self.actions: list[dict[str, str]] = []
        self.raw = b""
        self.logins = 0
        self.connections = 0
        self.greeting = "Asterisk Call Manager/11.0.0\r\n"
        self.replies: dict[str, Reply] = {
            "Login": lambda action: (
                success("Authentication accepted")(action) + message(FULLY_BOOTED)
            ),
            "Ping": success("Pong"),
            "Setvar": success(),
            "CoreStatus": core_status("09:00:00"),
            "CoreShowChannels": listing("CoreShowChannel"),
            "DeviceStateList": listing("DeviceStateChange"),
        }
        self._changed = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._listener = Listener(self._serve)
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.vanish()

    async def listen(self) -> None:
        """Accept connections, on the same port as before."""
        await self._listener.listen(port=self.port)
        self.port = self._listener.port

    async def vanish(self) -> None:
        """Stop listening and cut the connection."""
        self.cut()
        await self._listener.close()

    def cut(self) -> None:
        """Abort the connection."""
        self._listener.cut()

    def say(self, *messages: Mapping[str, str]) -> None:
        """Send events."""
        self.say_raw("".join(message(m) for m in messages).encode())

    def say_raw(self, data: bytes) -> None:
        """Send bytes."""
        assert self._writer is not None
        self._writer.write(data)

    def named(self, name: str) -> list[dict[str, str]]:
        """The actions of this name."""
        return [action for action in self.actions if action.get("Action") == name]

    async def until(self, so: Callable[[], bool], *, within: float = 5) -> None:
        """Return once this is so; looked at after each action and connection."""
        async with asyncio.timeout(within):
            while not so():
                await self._changed.wait()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.connections += 1
        writer.write(self.greeting.encode())
        self._note_change()
        try:
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                self.raw += block
                action = dict(
                    line.split(": ", 1) for line in block.decode().split("\r\n") if ": " in line
                )
                self.actions.append(action)
                if action["Action"] == "Login":
                    self.logins += 1
                reply = self.replies.get(action["Action"], error("Invalid/unknown command"))
                writer.write(reply(action).encode())
                self._note_change()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.transport.abort()
