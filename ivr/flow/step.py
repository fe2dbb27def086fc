"""A checked flow: its steps and how one leads to the next.

Choosing a transition is the language's own rule: an error takes the branch of its type, else
``NoMatchingError``; a result takes the first condition that holds, else ``NoMatchingCondition``,
else ``NextAction``. (AWS developer guide, "Flow language: actions".)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ivr.flow.errors import Finding
from ivr.flow.kinds import FlowKind
from ivr.flow.parameters import Mention, Parameters
from ivr.flow.prompt import Prompt
from ivr.flow.reference import references_in

NO_MATCHING_ERROR: Final = "NoMatchingError"
NO_MATCHING_CONDITION: Final = "NoMatchingCondition"
NEXT_ACTION: Final = "NextAction"

MISSING_VALUE: Final = "NULL"
"""What exported flows compare a missing attribute with."""


def _numbers(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def holds(value: str, operand: str) -> bool:
        try:
            return compare(float(value), float(operand))
        except ValueError:
            return False

    return holds


OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "Equals": lambda value, operand: value == operand,
    "TextStartsWith": lambda value, operand: value.startswith(operand),
    "TextEndsWith": lambda value, operand: value.endswith(operand),
    "TextContains": lambda value, operand: operand in value,
    "NumberGreaterThan": _numbers(lambda value, operand: value > operand),
    "NumberGreaterOrEqualTo": _numbers(lambda value, operand: value >= operand),
    "NumberLessThan": _numbers(lambda value, operand: value < operand),
    "NumberLessOrEqualTo": _numbers(lambda value, operand: value <= operand),
}
"""Every operator of the language; comparing what is no number as a number is false."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A branch that is taken if the result compares so with the operand."""

    operator: str
    operand: str
    target: str | None

    def holds(self, value: str | None) -> bool:
        """Answer whether it holds for a result; a missing one equals ``NULL`` and nothing else."""
        if value is None:
            return self.operator == "Equals" and self.operand == MISSING_VALUE
        return OPERATORS[self.operator](value, self.operand)

    def __str__(self) -> str:
        return f"{self.operator} {self.operand}"


@dataclass(frozen=True, slots=True)
class Branch:
    """A way out of an action.

    Attributes:
        name: ``NextAction``, an ``ErrorType``, or a condition as text.
        target: The next action; none if the flow ends.
    """

    name: str
    target: str | None


@dataclass(frozen=True, slots=True)
class Transitions:
    """The ways out of an action.

    Attributes:
        next_action: None where the document has none, or an empty text.
        errors: ``ErrorType`` to action, in the order of the document.
    """

    next_action: str | None = None
    errors: Mapping[str, str | None] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()

    def on_success(self) -> Branch:
        """Choose for an action that did its work."""
        return Branch(NEXT_ACTION, self.next_action)

    def on_result(self, value: str | None, *, next_action_follows: bool) -> Branch:
        """Choose for an action with a result; the first condition that holds wins."""
        for condition in self.conditions:
            if condition.holds(value):
                return Branch(str(condition), condition.target)
        if NO_MATCHING_CONDITION in self.errors:
            return Branch(NO_MATCHING_CONDITION, self.errors[NO_MATCHING_CONDITION])
        return Branch(NEXT_ACTION, self.next_action if next_action_follows else None)

    def on_error(self, error: str) -> Branch | None:
        """Choose for an action that failed; none if no branch takes this error."""
        for name in (error, NO_MATCHING_ERROR):
            if name in self.errors:
                return Branch(name, self.errors[name])
        return None

    def when_unavailable(self) -> Branch:
        """Choose for an action that cannot run here."""
        for error in self.errors:
            return self.on_error(NO_MATCHING_ERROR) or Branch(error, self.errors[error])
        return self.on_success()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action of a checked flow.

    Attributes:
        raw: The parameters as the document has them, for the run's own validation.
        dynamic: Whether the parameters hold references.
    """

    id: str
    type: str
    parameters: Parameters
    raw: Mapping[str, Any]
    dynamic: bool
    transitions: Transitions


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDocument:
    """A flow that was checked and can run.

    Attributes:
        kind: None where neither the caller nor the document said.
        start: The first action.
        warnings: Oddities that were accepted.
    """

    kind: FlowKind | None
    start: str
    steps: Mapping[str, Step]
    warnings: tuple[Finding, ...] = ()

    def prompts(self) -> Iterator[Prompt]:
        """Answer every prompt that is known before anybody calls: those without references."""
        for step in self.steps.values():
            for prompt in step.parameters.prompts():
                if not references_in(prompt.words):
                    yield prompt

    def mentions(self) -> Iterator[tuple[str, Mention]]:
        """Answer every thing the flow names by a literal, with the action that does."""
        for step in self.steps.values():
            for mention in step.parameters.mentions():
                yield step.id, mention


@dataclass(frozen=True, slots=True)
class PinnedFlow:
    """A published version of a flow; a contact that started it finishes on it."""

    id: str
    version: int
    document: FlowDocument
