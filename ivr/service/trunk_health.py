"""Whether the trunk works: after failures in a row dialling pauses, and one call probes it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

logger = logging.getLogger(__name__)

FAILURES_BEFORE_PAUSE = 3
PAUSE = timedelta(seconds=60)


@dataclass(slots=True)
class TrunkHealth:
    """Failures of our own side in a row.

    Attributes:
        failures: Dials in a row that failed on our side.
        paused_until: No callback is offered before; then one may be, as a probe.
    """

    failures: int = 0
    paused_until: datetime | None = None

    def failed(self, now: datetime) -> None:
        """A dial failed on our side."""
        self.failures += 1
        if self.failures >= FAILURES_BEFORE_PAUSE:
            self.paused_until = now + PAUSE
            logger.error(
                "Dialling is paused: the trunk fails",
                extra={"event": "trunk_paused", "failures": self.failures},
            )

    def worked(self) -> None:
        """A dial reached the network."""
        if self.paused_until is not None:
            logger.warning("Dialling goes on", extra={"event": "trunk_resumed"})
        self.failures, self.paused_until = 0, None

    def may_offer(self, now: datetime) -> int | None:
        """How many callbacks may be offered now; none = as many as there are."""
        if self.paused_until is None:
            return None
        return 0 if now < self.paused_until else 1

    def probe(self, now: datetime) -> None:
        """A callback was offered; while dialling is paused it is the probe.

        A probe that dials nobody, because no agent accepts it, is followed by the next one.
        """
        if self.paused_until is not None:
            self.paused_until = now + PAUSE
