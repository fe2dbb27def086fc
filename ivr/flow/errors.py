"""What can be wrong with a flow: it cannot be loaded, or it cannot be run."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.domain.errors import QueuebackError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the check of a document found: a fault, or an oddity that was accepted.

    Attributes:
        action_id: The action it is about; none for the document as a whole.
        place: Path in the JSON document, such as ``Actions[3].Parameters.Text``.
        message: What is wrong, or what will happen.
    """

    action_id: str | None
    place: str
    message: str

    def __str__(self) -> str:
        where = f"{self.action_id} ({self.place})" if self.action_id is not None else self.place
        return f"{where}: {self.message}"


class FlowError(QueuebackError):
    """A flow cannot be loaded or run."""

    code = "flow"


class InvalidFlow(FlowError):
    """A document is no flow that runs here.

    Attributes:
        findings: Every fault, each with its action and place.
        problems: The same as sentences.
    """

    code = "invalid_flow"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        self.problems = tuple(str(finding) for finding in findings)
        super().__init__("\n".join(self.problems))


class WrongResumePoint(FlowError):
    """A run cannot go on where its resume point says: that flow has no such action."""

    code = "wrong_resume_point"
