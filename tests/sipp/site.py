"""What the scenarios must know of the installation that they are pointed at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """An address and port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read ``host`` or ``host:port``.

        Raises:
            ValueError: The port is no number.
        """
        host, _, port = text.partition(":")
        return cls(host, int(port or 5060))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Account:
    """An agent's SIP account, where its phone is, and the feature code that makes it available."""

    user: str
    secret: str
    phone: Place
    code: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """One installation, as the runner's options describe it.

    Attributes:
        target: Where it takes SIP.
        did: The number to call.
        caller: Where callers come from: an address of the site's trunk.
        customer: Where the site's trunk sends the calls that it makes.
        keys: What a caller presses, see :func:`tests.sipp.caller.presses`.
        caller_id: The number that a customer must see; empty to accept any.
        agent: Takes the callbacks; None where only callers are played.
        folder: Takes everything that a run writes.
    """

    target: Place
    did: str
    caller: Place
    customer: Place
    keys: str
    caller_id: str
    agent: Account | None
    folder: Path
