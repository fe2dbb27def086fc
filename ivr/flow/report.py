"""Collects what the check of a document finds, each with its action and place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ivr.flow.errors import Finding


class Report:
    """Everything found so far.

    Attributes:
        faults: What makes the document unusable.
        warnings: What is odd and accepted.
    """

    def __init__(self) -> None:
        self.faults: list[Finding] = []
        self.warnings: list[Finding] = []

    def fault(self, place: str, message: str, action_id: str | None = None) -> None:
        """Note what makes the document unusable."""
        self.faults.append(Finding(action_id, place, message))

    def warn(self, place: str, message: str, action_id: str | None = None) -> None:
        """Note what is odd and accepted."""
        self.warnings.append(Finding(action_id, place, message))

    def at(self, place: str, action: Any) -> Spot:
        """Answer the spot of an action, which names it in every finding."""
        identifier = action.get("Identifier") if isinstance(action, dict) else None
        return Spot(self, place, identifier if isinstance(identifier, str) else None)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in the document an action stands."""

    report: Report
    place: str
    action_id: str | None

    def fault(self, inside: str, message: str) -> None:
        """Note a fault at a place inside the action."""
        self.report.fault(self.place + inside, message, self.action_id)

    def warn(self, inside: str, message: str) -> None:
        """Note an oddity at a place inside the action."""
        self.report.warn(self.place + inside, message, self.action_id)
