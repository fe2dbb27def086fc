"""The little of SDP that a phone with one µ-law stream needs (RFC 4566, RFC 3264)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tests.phones.rtp import KEYS, ULAW

MIRRORED: Final = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


@dataclass(frozen=True, slots=True)
class Session:
    """Where the other side wants its audio, and in which direction it goes."""

    host: str
    port: int
    direction: str

    @classmethod
    def parse(cls, body: str) -> Session | None:
        """Read an offer or answer; None without an audio stream."""
        media = re.search(r"^m=audio (\d+) ", body, re.MULTILINE)
        hosts = re.findall(r"^c=IN IP4 (\S+)", body, re.MULTILINE)
        if media is None or not hosts:
            return None
        direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", body, re.MULTILINE)
        return cls(hosts[-1], int(media.group(1)), direction.group(1) if direction else "sendrecv")


def offer(host: str, port: int, *, version: int, direction: str = "sendrecv") -> str:
    """Write an offer or an answer: µ-law and telephone events in packets of 20 ms."""
    lines = [
        "v=0",
        f"o=phone 1 {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {ULAW} {KEYS}",
        f"a=rtpmap:{ULAW} PCMU/8000",
        f"a=rtpmap:{KEYS} telephone-event/8000",
        f"a=fmtp:{KEYS} 0-16",
        "a=ptime:20",
        f"a={direction}",
    ]
    return "\r\n".join(lines) + "\r\n"
