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
        probing: The probe is under way.
    """

    failures: int = 0
    paused_until: datetime | None = None
    probing: bool = False

    def failed(self, now: datetime) -> None:
        """A dial failed on our side."""
        self.failures += 1
        self.probing = False
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
        self.failures, self.paused_until, self.probing = 0, None, False

    def may_offer(self, now: datetime) -> int | None:
        """How many callbacks may be offered now; none = as many as there are."""
        if self.paused_until is None:
            return None
        if now < self.paused_until or self.probing:
            return 0
        return 1

    def probe(self) -> None:
        """A callback was offered; while dialling is paused it is the probe."""
        self.probing = self.paused_until is not None
