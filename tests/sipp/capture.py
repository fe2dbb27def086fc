"""Packet captures of pressed keys, for SIPp's ``play_pcap_audio``.

One capture holds all keys of a call with one running sequence number and timestamp: a PBX drops
telephone events whose timestamp goes back, as they would with one capture per key. The keys follow
RFC 4733 on payload type 101. Between them nothing is sent, but for a little silence at the start: a
PBX may wait for the first packet before it goes on after its answer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.phones.rtp import DIGITS, KEYS, ULAW, event, packet

_FILE: Final = struct.Struct("<IHHiIII")
_RECORD: Final = struct.Struct("<IIII")
_ETHERNET: Final = bytes(12) + b"\x08\x00"
_IP: Final = struct.Struct("!BBHHHBBH4s4s")
_UDP: Final = struct.Struct("!HHHH")
_RTP: Final = struct.Struct("!BBHII")
_LOOPBACK: Final = bytes((127, 0, 0, 1))
_LINK_ETHERNET: Final = 1
_SILENCE: Final = b"\xff" * 160
_FRAME_MS: Final = 20
_SAMPLES_PER_MS: Final = 8
_SOURCE: Final = 0x51B0
_START: Final = 16_000


@dataclass(frozen=True, slots=True)
class Press:
    """Keys to press one after the other, so long after what came before (or after the answer)."""

    after_ms: int
    digits: str

    def __post_init__(self) -> None:
        unknown = set(self.digits) - set(DIGITS)
        if unknown or not self.digits:
            raise ValueError(f"keys are {DIGITS}; got {self.digits!r}")


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet of a capture, as it is read back."""

    at_ms: float
    kind: int
    marker: bool
    sequence: int
    stamp: int
    payload: bytes


def capture(
    presses: Sequence[Press], *, on_ms: int = 100, gap_ms: int = 80, silence_packets: int = 3
) -> bytes:
    """Return a capture file in which these keys are pressed.

    Args:
        presses: What to press, in order.
        on_ms: How long each key is held; below 80 a PBX may report it twice.
        gap_ms: The pause between two keys.
        silence_packets: µ-law silence at the start, 20 ms each.
    """
    records: list[bytes] = []
    sequence = 1

    def add(at_ms: int, kind: int, stamp_ms: int, data: bytes, *, marker: bool) -> None:
        nonlocal sequence
        stamp = _START + stamp_ms * _SAMPLES_PER_MS
        records.append(_record(at_ms, packet(kind, sequence, stamp, _SOURCE, data, marker)))
        sequence += 1

    for number in range(silence_packets):
        add(number * _FRAME_MS, ULAW, number * _FRAME_MS, _SILENCE, marker=number == 0)
    now = 0
    for press in presses:
        now = max(now + press.after_ms, silence_packets * _FRAME_MS)
        for digit in press.digits:
            for held in range(_FRAME_MS, on_ms + 1, _FRAME_MS):
                last = held + _FRAME_MS > on_ms
                payload = event(digit, held * _SAMPLES_PER_MS, end=last)
                for _ in range(3 if last else 1):
                    add(now + held, KEYS, now, payload, marker=held == _FRAME_MS)
            now += on_ms + gap_ms
    return _FILE.pack(0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINK_ETHERNET) + b"".join(records)


def length_ms(presses: Sequence[Press], *, on_ms: int = 100, gap_ms: int = 80) -> int:
    """How long the keys take from the answer to the last pause."""
    keys = sum(len(press.digits) for press in presses)
    return sum(press.after_ms for press in presses) + keys * (on_ms + gap_ms)


def read(data: bytes) -> Iterator[RtpPacket]:
    """Read the RTP packets of a capture written here."""
    place = _FILE.size
    while place < len(data):
        seconds, micros, size, _ = _RECORD.unpack_from(data, place)
        place += _RECORD.size
        frame = data[place : place + size]
        place += size
        rtp = frame[len(_ETHERNET) + _IP.size + _UDP.size :]
        _, second, sequence, stamp, _ = _RTP.unpack_from(rtp)
        yield RtpPacket(
            at_ms=seconds * 1000 + micros / 1000,
            kind=second & 0x7F,
            marker=bool(second & 0x80),
            sequence=sequence,
            stamp=stamp,
            payload=rtp[_RTP.size :],
        )


def _record(at_ms: int, rtp: bytes) -> bytes:
    udp = _UDP.pack(10000, 10000, _UDP.size + len(rtp), 0) + rtp
    total = _IP.size + len(udp)
    head = (0x45, 0, total, 0, 0, 64, 17, 0, _LOOPBACK, _LOOPBACK)
    check = _checksum(_IP.pack(*head))
    ip = _IP.pack(*head[:7], check, *head[8:])
    frame = _ETHERNET + ip + udp
    return _RECORD.pack(at_ms // 1000, at_ms % 1000 * 1000, len(frame), len(frame)) + frame


def _checksum(head: bytes) -> int:
    words: tuple[int, ...] = struct.unpack("!10H", head)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
