"""Bare peers of the PBX for tests that judge its configuration: an AMI client, an AGI server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from ivr.ports.provisioning import ManagerUser, PbxPlan
from tests.listener import Listener
from tests.phones.deadline import deadline

Headers = dict[str, str]
_LAST_WORDS_SECONDS = 1


class Manager:
    """One AMI session.

    Attributes:
        events: Every event so far that answered no action.
    """

    def __init__(self, plan: PbxPlan, user: ManagerUser) -> None:
        self.events: list[Headers] = []
        self._plan = plan
        self._user = user
        self._sent = 0

    async def __aenter__(self) -> Self:
        address = (self._plan.ami_address, self._plan.ami_port)
        self._reader, self._writer = await asyncio.open_connection(*address)
        await self._reader.readline()
        answer = await self.ask("Login", Username=self._user.name, Secret=self._user.secret)
        if answer["Response"] != "Success":
            self._writer.close()
            await self._writer.wait_closed()
            raise PermissionError(answer["Message"])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, action: str, **headers: str) -> Headers:
        """The first answer to an action."""
        self._sent += 1
        number = str(self._sent)
        fields = {"Action": action, "ActionID": number, **headers}
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._writer.write(f"{text}\r\n".encode())
        return await self._until(lambda m: "Response" in m and m.get("ActionID") == number)

    async def event(self, name: str, within: float = 10, **fields: str) -> Headers:
        """The oldest event of this name with these fields; it is then taken off the list."""

        def wanted(message: Headers) -> bool:
            return message.get("Event") == name and fields.items() <= message.items()

        for message in self.events:
            if wanted(message):
                self.events.remove(message)
                return message
        async with deadline(within, lambda: f"no event {name} {fields}"):
            found = await self._until(wanted)
        self.events.remove(found)
        return found

    async def _until(self, wanted: Callable[[Headers], bool]) -> Headers:
        while True:
            message: Headers = {}
            while line := (await self._reader.readline()).decode().strip():
                name, _, value = line.partition(": ")
                message[name] = value
            if not message:
                raise ConnectionError("the manager closed the connection")
            if "Event" in message:
                self.events.append(message)
            if wanted(message):
                return message


class AgiCall:
    """One FastAGI session."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.headers: Headers = {}
        self._reader = reader
        self._writer = writer

    @property
    def script(self) -> str:
        """The script's name in the URL."""
        return self.headers["agi_network_script"]

    @property
    def arguments(self) -> list[str]:
        """``agi_arg_1`` and following."""
        numbers = range(1, 1 + sum(name.startswith("agi_arg_") for name in self.headers))
        return [self.headers[f"agi_arg_{number}"] for number in numbers]

    async def read_headers(self) -> None:
        while line := (await self._reader.readline()).decode().strip():
            name, _, value = line.partition(":")
            self.headers[name] = value.strip()

    async def command(self, text: str) -> str:
        """Run one command; its answer."""
        self._writer.write(f"{text}\n".encode())
        return (await self._reader.readline()).decode().strip()

    async def variable(self, name: str) -> str:
        """A channel variable; empty if unset."""
        answer = await self.command(f"GET VARIABLE {name}")
        return answer.partition("(")[2].rpartition(")")[0]


class AgiServer:
    """A FastAGI server at the plan's address; at its end, sessions have a second to finish.

    Args:
        plan: Where to listen.
        handle: What to do with each session; the session ends when it returns.
    """

    def __init__(self, plan: PbxPlan, handle: Callable[[AgiCall], Awaitable[object]]) -> None:
        self.calls: list[AgiCall] = []
        self._plan = plan
        self._handle = handle
        self._entered: asyncio.Queue[AgiCall] = asyncio.Queue()
        self._listener = Listener(self._serve)

    async def __aenter__(self) -> Self:
        await self._listener.listen(self._plan.agi_address, self._plan.agi_port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._listener.close(grace=_LAST_WORDS_SECONDS)

    async def entered(self, within: float = 10) -> AgiCall:
        """The oldest session that nobody has awaited."""
        async with deadline(within, lambda: "no leg was handed over"):
            return await self._entered.get()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = AgiCall(reader, writer)
        await call.read_headers()
        self.calls.append(call)
        self._entered.put_nowait(call)
        await self._handle(call)
