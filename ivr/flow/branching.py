"""Reads the transitions of an action, and compares them with the branches it should have."""

from __future__ import annotations

import re
from typing import Any, Final

from ivr.flow.parameters import Branches
from ivr.flow.report import Spot
from ivr.flow.step import OPERATORS, Condition, Transitions

_PLACE: Final = ".Transitions"


def read_transitions(spot: Spot, raw: Any, identifiers: frozenset[str]) -> Transitions:
    """Read the ways out of an action; what cannot be read is a fault and left out."""
    if not isinstance(raw, dict):
        spot.fault(_PLACE, "must be a JSON object")
        return Transitions()
    errors: dict[str, str | None] = {}
    for place, entry in _entries(spot, raw, "Errors"):
        name = entry.get("ErrorType")
        target = _target(spot, place, entry, identifiers)
        if not isinstance(name, str):
            spot.fault(f"{place}.ErrorType", "must be a text")
        elif name in errors:
            spot.warn(f"{place}.ErrorType", f"a second branch for {name} is never taken")
        else:
            errors[name] = target
    conditions = (
        _condition(spot, place, entry, identifiers)
        for place, entry in _entries(spot, raw, "Conditions")
    )
    return Transitions(
        next_action=_target(spot, _PLACE, raw, identifiers),
        errors=errors,
        conditions=tuple(condition for condition in conditions if condition is not None),
    )


def check_branches(spot: Spot, branches: Branches | None, transitions: Transitions) -> None:
    """Compare the ways out of an action with those it must and may have."""
    if branches is None:
        return
    for error in branches.required:
        if error not in transitions.errors:
            spot.warn(f"{_PLACE}.Errors", f"there is no branch for {error}; Connect requires it")
    for error in transitions.errors:
        if error not in branches.required + branches.optional:
            spot.warn(f"{_PLACE}.Errors", f"{error} is no error of this action")
    if branches.next_action and transitions.next_action is None:
        spot.warn(f"{_PLACE}.NextAction", "nothing follows: the flow ends here")
    compared = {condition.operand for condition in transitions.conditions}
    for operand in branches.operands:
        if operand not in compared:
            spot.warn(f"{_PLACE}.Conditions", f"there is no branch for {operand}")
    for index, condition in enumerate(transitions.conditions):
        if not _can_hold(condition, branches):
            spot.warn(f"{_PLACE}.Conditions[{index}]", f"{condition} cannot come about")


def _can_hold(condition: Condition, branches: Branches) -> bool:
    if condition.operator not in branches.operators:
        return False
    if branches.own_operands is not None:
        return re.fullmatch(branches.own_operands, condition.operand, re.DOTALL) is not None
    return condition.operand in branches.operands


def _entries(spot: Spot, raw: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    listed = raw.get(key, [])
    if not isinstance(listed, list):
        spot.fault(f"{_PLACE}.{key}", "must be a list")
        return []
    entries = []
    for index, entry in enumerate(listed):
        place = f"{_PLACE}.{key}[{index}]"
        if isinstance(entry, dict):
            entries.append((place, entry))
        else:
            spot.fault(place, "must be a JSON object")
    return entries


def _target(
    spot: Spot, place: str, entry: dict[str, Any], identifiers: frozenset[str]
) -> str | None:
    """Read ``NextAction``; absent or empty means that the flow ends there."""
    target = entry.get("NextAction", "")
    if target == "":
        return None
    if not isinstance(target, str) or target not in identifiers:
        spot.fault(f"{place}.NextAction", f"there is no action {target!r}")
        return None
    return target


def _condition(
    spot: Spot, place: str, entry: dict[str, Any], identifiers: frozenset[str]
) -> Condition | None:
    target = _target(spot, place, entry, identifiers)
    raw = entry.get("Condition")
    if not isinstance(raw, dict):
        spot.fault(f"{place}.Condition", "must be a JSON object")
        return None
    operator = raw.get("Operator")
    if not isinstance(operator, str) or operator not in OPERATORS:
        spot.fault(f"{place}.Condition.Operator", f"there is no operator {operator!r}")
        return None
    match raw.get("Operands"):
        case [str() | int() | float() as operand]:
            return Condition(operator, str(operand), target)
        case _:
            spot.fault(f"{place}.Condition.Operands", "must be a list of exactly one text")
            return None
