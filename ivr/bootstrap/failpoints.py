"""Named places in the code where a test lets the process die."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def failpoint(spec: str | None) -> Callable[[str], None]:
    """What is called at each named place.

    Args:
        spec: ``NAME:kill``; the process kills itself the first time it comes to that place. None
            = nothing ever happens.
    """
    if spec is None:
        return lambda _: None
    wanted, _, action = spec.partition(":")
    if action != "kill":
        message = f"failpoint {spec!r}: must be NAME:kill"
        raise ValueError(message)

    def hit(name: str) -> None:
        if name == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return hit
