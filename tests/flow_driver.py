"""Runs flows with plain answers: what a flow asked, told and did, without anything around it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr.flow.context import FlowContext
from ivr.flow.document import load_flow
from ivr.flow.effects import Effect, Moved, ReadContext, Warned
from ivr.flow.interpreter import Request, Run, run
from ivr.flow.kinds import FlowKind
from ivr.flow.memory import ResumePoint
from ivr.flow.outcome import RunEnd
from ivr.flow.step import FlowDocument, PinnedFlow

CONTEXT = FlowContext(contact_id="c-1", initial_contact_id="c-1")


@dataclass
class Driven:
    """What became of a run.

    Attributes:
        asked: Effects that wanted an answer, the unanswered last one included.
        end: None if the answers were used up first.
    """

    asked: list[Effect[Any]] = field(default_factory=list)
    points: list[ResumePoint] = field(default_factory=list)
    moves: list[Moved] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    end: RunEnd | None = None

    def way(self) -> list[str]:
        """The branches that were taken: action, branch, next action."""
        return [f"{move.action_id}: {move.branch} -> {move.target}" for move in self.moves]


def drive(program: Run, *answers: object, context: FlowContext = CONTEXT) -> Driven:
    """Run until the answers are used up; context is read and things are told for free."""
    driven = Driven()
    waiting = list(answers)
    answer: object = None
    try:
        while True:
            request: Request = program.send(answer)
            match request.effect:
                case ReadContext():
                    answer = context
                case Moved():
                    driven.moves.append(request.effect)
                    answer = None
                case Warned(_, message):
                    driven.warnings.append(message)
                    answer = None
                case effect:
                    driven.asked.append(effect)
                    driven.points.append(request.at)
                    if not waiting:
                        program.close()
                        return driven
                    answer = waiting.pop(0)
    except StopIteration as stop:
        driven.end = stop.value
        assert not waiting, f"answers nobody asked for: {waiting}"
        return driven


def action(
    identifier: str,
    type_: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    to: str | None = None,
    errors: Mapping[str, str] | None = None,
    conditions: Mapping[str, str] | None = None,
    operator: str = "Equals",
) -> dict[str, Any]:
    """An action of a document; conditions map an operand to an action."""
    transitions: dict[str, Any] = {
        "Errors": [
            {"ErrorType": error, "NextAction": target} for error, target in (errors or {}).items()
        ],
        "Conditions": [
            {"NextAction": target, "Condition": {"Operator": operator, "Operands": [operand]}}
            for operand, target in (conditions or {}).items()
        ],
    }
    if to is not None:
        transitions["NextAction"] = to
    return {
        "Identifier": identifier,
        "Type": type_,
        "Parameters": dict(parameters or {}),
        "Transitions": transitions,
    }


def end(identifier: str) -> dict[str, Any]:
    """A place where a flow ends."""
    return action(identifier, "EndFlowExecution")


def envelope(*actions: Any, **changes: Any) -> dict[str, Any]:
    """A document that starts at the first action."""
    start = actions[0].get("Identifier") if actions and isinstance(actions[0], dict) else ""
    return {"Version": "2019-10-30", "StartAction": start, "Actions": list(actions)} | changes


def a_document(*actions: Any, kind: FlowKind | None = None, **changes: Any) -> FlowDocument:
    """A checked document."""
    return load_flow(json.dumps(envelope(*actions, **changes)), kind=kind)


def a_flow(*actions: Any, flow_id: str = "f-1", version: int = 1) -> PinnedFlow:
    """A published flow."""
    return PinnedFlow(flow_id, version, a_document(*actions))


def drive_action(
    type_: str,
    parameters: Mapping[str, Any],
    *answers: object,
    context: FlowContext = CONTEXT,
    errors: tuple[str, ...] = ("NoMatchingError",),
    conditions: tuple[str, ...] = (),
    operator: str = "Equals",
    stored_input: str | None = None,
) -> Driven:
    """Run one action whose every branch leads to an end of the branch's name."""
    branches = {name: name for name in errors + conditions}
    flow = a_flow(
        action(
            "a",
            type_,
            parameters,
            to="Success",
            errors={name: name for name in errors},
            conditions={name: name for name in conditions},
            operator=operator,
        ),
        *(end(name) for name in dict.fromkeys((*branches, "Success"))),
    )
    return drive(run(flow, stored_input=stored_input), *answers, context=context)


def went_to(driven: Driven) -> str | None:
    """Where the first action led."""
    return driven.moves[0].target
