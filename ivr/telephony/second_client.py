"""A second client of the Manager Interface, which shares no code with the controller's link.

pyst2's ``Manager`` with its actions as they are (``login``, ``ping``, ``status``, …) and its
transport replaced. pyst2 0.5.1 reads in a thread that dies of a ``ChanVariable``, gives answers to
whoever waits longest, waits for ever, swallows lists whose answer says "will follow", keeps the
last line of a command's output, reads byte by byte and logs off in its destructor. This one is
synchronous, hears no events, finds answers by their ``ActionID``, and gives up in time.

For operators and tests; never on an event loop.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from asterisk.manager import (
    Manager,
    ManagerAuthException,
    ManagerException,
    ManagerMsg,
    ManagerSocketException,
)

from ivr.telephony.write_guard import ami_message

TIMEOUT_SECONDS: Final = 5.0
_LINE_LIMIT: Final = 64 * 1024
_READ_BUFFER: Final = 64 * 1024
_GREETING: Final = "Asterisk Call Manager/"


class SecondMessage(ManagerMsg):  # type: ignore[misc]  # pyst2 has no types
    """pyst2's message; of a header that comes more than once, ``all`` has every value.

    Attributes:
        events: The events of its list, if it is the answer to one.
    """

    headers: dict[str, str]

    def __init__(self, lines: list[str]) -> None:
        self.values: dict[str, list[str]] = {}
        self.events: tuple[SecondMessage, ...] = ()
        super().__init__(lines)

    def parse(self, response: list[str]) -> None:
        """Read lines without their ends."""
        for line in response:
            name, colon, value = line.partition(":")
            if colon:
                self.values.setdefault(name, []).append(value.strip())
        self.headers.update({name: values[-1] for name, values in self.values.items()})
        self.data = "\n".join(self.all("Output"))

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return self.values.get(name, [])

    def text(self, name: str) -> str:
        """A header's value, empty if it is not there."""
        return self.headers.get(name, "")

    @property
    def ok(self) -> bool:
        """Whether the action was carried out."""
        return self.text("Response") in {"Success", "Goodbye", "Follows"}


class SecondClient(Manager):  # type: ignore[misc]  # pyst2 has no types
    """A connection, used as a context manager; may be connected again after ``close``.

    Args:
        timeout_seconds: Longest wait for a connection or a whole answer.
    """

    def __init__(self, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.timeout_seconds = timeout_seconds
        self.title = ""
        self.version = ""
        self.hostname = "second"
        self._seq = 0
        self._seqlock = Lock()
        self._socket: socket.socket | None = None
        self._file: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        """Close the socket; nobody is asked anything."""
        if getattr(self, "_socket", None) is not None:
            self.close()

    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    def connect(self, host: str, port: int = 5038) -> None:
        """Connect and read the greeting.

        Raises:
            ManagerException: There is a connection already, or the peer is no Asterisk.
            ManagerSocketException: The peer cannot be reached.
        """
        if self._socket is not None:
            raise ManagerException("already connected")
        try:
            self._socket = socket.create_connection((host, port), timeout=self.timeout_seconds)
        except OSError as error:
            raise ManagerSocketException(error.errno, error.strerror or str(error)) from error
        self._file = self._socket.makefile("rb", buffering=_READ_BUFFER)
        greeting = self._read_line(time.monotonic() + self.timeout_seconds)
        if not greeting.startswith(_GREETING):
            self.close()
            raise ManagerException("the peer is no Asterisk manager interface")
        self.title, self.version = _GREETING.rstrip("/"), greeting.removeprefix(_GREETING)

    def close(self) -> None:
        """Close the connection at once."""
        if self._file is not None:
            self._file.close()
        if self._socket is not None:
            self._socket.close()
        self._file = self._socket = None

    def login(self, username: str, secret: str) -> SecondMessage:
        """Log in, without events.

        Raises:
            ManagerAuthException: The user or the secret is wrong.
        """
        answer = self.send_action(
            {"Action": "Login", "Username": username, "Secret": secret, "Events": "off"}
        )
        if not answer.ok:
            raise ManagerAuthException(answer.text("Message"))
        return answer

    def send_action(
        self, cdict: Mapping[str, str | list[str]] | None = None, **kwargs: str
    ) -> SecondMessage:
        """Send one action and return its answer, with the events of its list.

        Raises:
            ManagerException: There is no connection.
            ManagerSocketException: It was lost, or the answer did not come in time; it is closed
                then, since the next answer would be this one's.
            Unsendable: A value may not be written.
        """
        if self._socket is None:
            raise ManagerException("not connected")
        headers = {**(cdict or {}), **kwargs}
        action_id = f"{self.hostname}-{self.next_seq():08x}"
        lines = [("ActionID", action_id)]
        for name, value in headers.items():
            values = value if isinstance(value, list) else [value]
            lines += [(name, str(each)) for each in values]
        wire = ami_message(lines)
        deadline = time.monotonic() + self.timeout_seconds
        try:
            self._socket.settimeout(self.timeout_seconds)
            self._socket.sendall(wire)
            return self._read_answer(action_id, deadline)
        except OSError as error:
            self.close()
            raise ManagerSocketException(error.errno or 0, str(error)) from error

    def _read_answer(self, action_id: str, deadline: float) -> SecondMessage:
        answer: SecondMessage | None = None
        events: list[SecondMessage] = []
        while True:
            message = self._read_message(deadline)
            if message.text("ActionID") != action_id:
                continue
            listing = message.text("EventList").casefold()
            if answer is None:
                answer = message
                if listing != "start":
                    return answer
            elif listing in {"complete", "cancelled"}:
                answer.events = tuple(events)
                return answer
            else:
                events.append(message)

    def _read_message(self, deadline: float) -> SecondMessage:
        lines: list[str] = []
        while line := self._read_line(deadline):
            lines.append(line)
        return SecondMessage(lines)

    def _read_line(self, deadline: float) -> str:
        left = deadline - time.monotonic()
        if left <= 0 or self._socket is None:
            raise TimeoutError("no whole answer in time")
        self._socket.settimeout(left)
        line: bytes = self._file.readline(_LINE_LIMIT)
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the connection ended")
        return line.decode("utf-8", "replace").rstrip("\r\n")
