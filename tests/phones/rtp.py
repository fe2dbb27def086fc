"""One audio stream: RTP in G.711 µ-law both ways, keys by RFC 4733 (payload type 101).

Packets leave every 20 ms by an absolute schedule: a stall is caught up at once, so sequence numbers
and timestamps never drift from the clock. What has arrived is taken at the same moments, so that a
call wakes this process once for both; when it arrived is what the kernel says.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from tests.phones.sound import FRAME, Recording, Sound, from_ulaw

ULAW: Final = 0
KEYS: Final = 101
DIGITS: Final = "0123456789*#ABCD"
_FRAME_SECONDS: Final = 0.020
_HEADER: Final = struct.Struct("!BBHII")
_EVENT: Final = struct.Struct("!BBH")
_VOLUME: Final = 10
_END: Final = 0x80
_SO_TIMESTAMPNS: Final = 35
"""Linux, asm-generic/socket.h; Python 3.11 has no name for it."""
_TIMESPEC: Final = struct.Struct("@qq")
_ANCILLARY: Final = socket.CMSG_SPACE(_TIMESPEC.size)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that the far end pressed, and when (``time.monotonic``)."""

    digit: str
    at: float


def packet(kind: int, sequence: int, stamp: int, source: int, data: bytes, marker: bool) -> bytes:
    """Write one RTP packet (RFC 3550 section 5.1)."""
    second = kind | (0x80 if marker else 0)
    return _HEADER.pack(0x80, second, sequence & 0xFFFF, stamp & 0xFFFFFFFF, source) + data


def event(digit: str, duration: int, *, end: bool) -> bytes:
    """Write a telephone-event payload (RFC 4733 section 2.3); the duration is in samples."""
    return _EVENT.pack(DIGITS.index(digit), _VOLUME | (_END if end else 0), duration)


def _open(address: str) -> tuple[socket.socket, socket.socket]:
    """Bind an even port and the odd one above it, where the far end sends its RTCP."""
    for _ in range(200):
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.setblocking(False)
        try:
            first.bind((address, 0))
            port = first.getsockname()[1]
            if port % 2 == 0:
                second.bind((address, port + 1))
                return first, second
        except OSError:
            first.close()
            second.close()
            continue
        first.close()
        second.close()
    raise OSError(f"no free pair of ports on {address}")


def _arrival(ancillary: list[tuple[int, int, bytes]]) -> float:
    """When a datagram arrived (``time.monotonic``): the kernel's word, else now."""
    for _, kind, data in ancillary:
        if kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            age: float = time.time() - seconds - nanoseconds / 1e9
            return time.monotonic() - age
    return time.monotonic()


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


class Media:
    """The audio of one call.

    Args:
        address: Where to listen.
        says: What to send; None sends no packet at all.
        heard: Takes what arrives.
        keys: Takes the keys that the far end presses.
    """

    def __init__(
        self, address: str, *, says: Sound | None, heard: Recording, keys: list[Key]
    ) -> None:
        self._heard = heard
        self._keys = keys
        self._says = says
        self._position = 0
        self._socket, self._rtcp = _open(address)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.get_running_loop()
        self._remote: tuple[str, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._sequence = secrets.randbelow(1 << 15)
        self._stamp = secrets.randbelow(1 << 31)
        self._source = secrets.randbits(32)
        self._first = True
        self._pending: deque[tuple[str, int, int, asyncio.Future[None]]] = deque()
        self._key_frame = 0
        self._last_in: tuple[int, int, int] | None = None
        self._stream = 0
        self._place = 0
        self._last_key: tuple[int, int] | None = None

    # -- what is sent ----------------------------------------------------------------------------

    def start(self, remote: tuple[str, int]) -> None:
        """Send to ``remote`` from now on; called again when the far end moves."""
        self._remote = remote
        if self._timer is None:
            self._due = time.monotonic()
            self._tick()

    def stop(self) -> None:
        """Send and receive no more; what was heard stays."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket.fileno() >= 0:
            self._read()
            self._socket.close()
            self._rtcp.close()
        while self._pending:
            *_, done = self._pending.popleft()
            _finish(done)

    def say(self, sound: Sound | None) -> None:
        """Say something else from the next packet on."""
        self._says = sound
        self._position = 0

    def press(self, digits: str, *, on_ms: int, gap_ms: int) -> asyncio.Future[None]:
        """Press keys one after the other; the future ends with the last gap or with the call."""
        done: asyncio.Future[None] = self._loop.create_future()
        for number, digit in enumerate(digits.upper()):
            last = number == len(digits) - 1
            told = done if last else self._loop.create_future()
            self._pending.append((digit, on_ms // 20, gap_ms // 20, told))
        return done

    def _tick(self) -> None:
        now = time.monotonic()
        while self._due <= now:
            self._send_frame()
            self._due += _FRAME_SECONDS
        self._read()
        self._timer = self._loop.call_later(self._due - now, self._tick)

    def _send_frame(self) -> None:
        if self._pending and self._key_frame < self._pending[0][1]:
            self._send_key(self._pending[0])
        elif self._says is not None:
            self._send(ULAW, self._stamp, self._says.frame(self._position), marker=self._first)
            self._first = False
        if self._pending:
            _, on, gap, done = self._pending[0]
            self._key_frame += 1
            if self._key_frame >= on + gap:
                self._pending.popleft()
                self._key_frame = 0
                _finish(done)
        self._position += 1
        self._stamp += FRAME

    def _send_key(self, key: tuple[str, int, int, asyncio.Future[None]]) -> None:
        """Send an update of the key held; the last one is the end, three times."""
        digit, on, _, _ = key
        begun = self._stamp - self._key_frame * FRAME
        last = self._key_frame == on - 1
        payload = event(digit, (self._key_frame + 1) * FRAME, end=last)
        for _ in range(3 if last else 1):
            self._send(KEYS, begun, payload, marker=self._key_frame == 0)

    def _send(self, kind: int, stamp: int, data: bytes, *, marker: bool) -> None:
        if self._remote is None:
            return
        self._sequence += 1
        datagram = packet(kind, self._sequence, stamp, self._source, data, marker)
        try:
            self._socket.sendto(datagram, self._remote)
        except OSError:
            return  # the far end's port is closed already: audio behind a BYE has no addressee

    # -- what arrives ----------------------------------------------------------------------------

    def _read(self) -> None:
        while True:
            try:
                data, ancillary, _, source = self._socket.recvmsg(2048, _ANCILLARY)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier packet is reported here
            if len(data) > _HEADER.size and (self._remote is None or source[1] == self._remote[1]):
                self._take(data, _arrival(ancillary))

    def _take(self, data: bytes, at: float) -> None:
        _, second, sequence, stamp, stream = _HEADER.unpack_from(data)
        kind, payload = second & 0x7F, data[_HEADER.size :]
        if kind == KEYS and len(payload) >= _EVENT.size:
            code, flags, _ = _EVENT.unpack_from(payload)
            if flags & _END and self._last_key != (stream, stamp) and code < len(DIGITS):
                self._last_key = (stream, stamp)
                self._keys.append(Key(DIGITS[code], at))
        elif kind == ULAW:
            self._hear(sequence, stamp, stream, payload, at)

    def _hear(self, sequence: int, stamp: int, stream: int, payload: bytes, at: float) -> None:
        if self._last_in is not None:
            last_sequence, last_stamp, last_stream = self._last_in
            steps = (sequence - last_sequence) & 0xFFFF
            if stream == last_stream and (steps == 0 or steps > 0x8000):
                return  # a repeated or overtaken packet; another source counts anew
            passed = (stamp - last_stamp) & 0xFFFFFFFF
            if stream != last_stream or passed != steps * FRAME:
                self._stream += 1
            self._place += passed
        self._last_in = (sequence, stamp, stream)
        self._heard.add(from_ulaw(payload), at=at, stamp=self._place, stream=self._stream)
