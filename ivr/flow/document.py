"""JSON to a checked flow; every fault is reported at once, with its action and place.

Faults are what could not run or what Connect itself refuses. What is accepted although it is odd,
undocumented or without effect here becomes a warning of the document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from ivr.flow.actions import ACTIONS
from ivr.flow.branching import check_branches, read_transitions
from ivr.flow.errors import Finding, InvalidFlow
from ivr.flow.kinds import NAMES_IN_EXPORTS, Allowed, FlowKind, allowed
from ivr.flow.parameters import Parameters
from ivr.flow.reference import dead_references, references_in
from ivr.flow.registry import ActionDefinition, ActionRegistry
from ivr.flow.report import Report, Spot
from ivr.flow.step import FlowDocument, Step

VERSION: Final = "2019-10-30"
MOST_ACTIONS: Final = 250
LONGEST_IDENTIFIER: Final = 50

_ENVELOPE: Final = frozenset({"Version", "StartAction", "Metadata", "Settings", "Actions"})
_OLD_EXPORT: Final = frozenset({"modules", "start"})
_ACTION_KEYS: Final = frozenset({"Identifier", "Type", "Parameters", "Transitions"})
_FORBIDDEN_CHARACTERS: Final = frozenset("%:(\\/)=$,;[]{}")
_FORBIDDEN_IDENTIFIERS: Final = frozenset(
    {
        "__proto__",
        "constructor",
        "__defineGetter__",
        "__defineSetter__",
        "toString",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "valueOf",
    }
)


def load_flow(
    source: str | bytes, *, kind: FlowKind | None = None, actions: ActionRegistry = ACTIONS
) -> FlowDocument:
    """Read and check a flow.

    Args:
        source: The JSON document; a byte-order mark is skipped.
        kind: What the flow is for. If none is given, what the document says of itself; which
            actions it may hold is not checked if it says nothing either.
        actions: The actions of the language.

    Raises:
        InvalidFlow: The document is no flow that can run here; it names every fault.
    """
    report = Report()
    document = _document(_parse(source), kind, actions, report)
    if report.faults:
        raise InvalidFlow(tuple(report.faults))
    return document


def _parse(source: str | bytes) -> Mapping[str, Any]:
    """Read strict JSON whose outermost value is an object."""
    try:
        text = source.decode("utf-8-sig") if isinstance(source, bytes) else source
        data = json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse_constant)
        json.dumps(data, ensure_ascii=False).encode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise _unreadable(f"no UTF-8 text: {error.reason}") from error
    except RecursionError as error:
        raise _unreadable("nested too deeply") from error
    except ValueError as error:
        raise _unreadable(f"no JSON: {error}") from error
    if not isinstance(data, dict):
        raise _unreadable("a flow is a JSON object")
    if data.keys() >= _OLD_EXPORT:
        raise _unreadable(
            "this is the console's old export format; import it into Amazon Connect and export "
            "it again in the Flow language"
        )
    return data


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is no JSON value"
    raise ValueError(message)


def _unreadable(message: str) -> InvalidFlow:
    return InvalidFlow((Finding(None, "document", message),))


def _document(
    data: Mapping[str, Any], kind: FlowKind | None, actions: ActionRegistry, report: Report
) -> FlowDocument:
    for key in sorted(data.keys() - _ENVELOPE):
        report.warn(key, "unknown key")
    if data.get("Version") != VERSION:
        report.fault("Version", f"must be {VERSION!r}")
    kind = _kind(data, kind, report)
    listed = data.get("Actions")
    if not isinstance(listed, list):
        report.fault("Actions", "must be a list")
        listed = []
    if len(listed) > MOST_ACTIONS:
        report.fault("Actions", f"{len(listed)} actions; at most {MOST_ACTIONS} are allowed")
    spots = [report.at(f"Actions[{index}]", action) for index, action in enumerate(listed)]
    identifiers = frozenset(spot.action_id for spot in spots if spot.action_id is not None)
    steps: dict[str, Step] = {}
    seen: set[str | None] = set()
    for spot, action in zip(spots, listed, strict=True):
        step = _step(spot, action, identifiers, kind, actions)
        if spot.action_id is not None and spot.action_id in seen:
            spot.fault(".Identifier", "is used twice")
        seen.add(spot.action_id)
        if step is not None:
            steps[step.id] = step
    start = data.get("StartAction")
    if not isinstance(start, str) or start not in identifiers:
        report.fault("StartAction", f"there is no action {start!r}")
    return FlowDocument(kind=kind, start=str(start), steps=steps, warnings=tuple(report.warnings))


def _kind(data: Mapping[str, Any], kind: FlowKind | None, report: Report) -> FlowKind | None:
    """Answer what the flow is for: what the caller says goes before what the document says."""
    metadata = data.get("Metadata")
    name = metadata.get("type") if isinstance(metadata, dict) else None
    says = NAMES_IN_EXPORTS.get(name) if isinstance(name, str) else None
    if "Settings" in data:
        says = FlowKind.MODULE
    if kind is not None and says is not None and says is not kind:
        report.warn("Metadata.type", f"the document calls itself {says.value}, not {kind.value}")
    kind = kind or says
    if kind is FlowKind.MODULE and not isinstance(data.get("Settings"), dict):
        report.fault("Settings", "a module needs them")
    return kind


def _step(
    spot: Spot,
    action: Any,
    identifiers: frozenset[str],
    kind: FlowKind | None,
    actions: ActionRegistry,
) -> Step | None:
    """Check one action; none where too little of it could be read to make a step of it."""
    if not isinstance(action, dict):
        spot.fault("", "an action is a JSON object")
        return None
    for key in sorted(action.keys() - _ACTION_KEYS):
        spot.warn(f".{key}", "unknown key")
    identifier = _identifier(spot, action.get("Identifier"))
    transitions = read_transitions(spot, action.get("Transitions", {}), identifiers)
    definition = _definition(spot, action.get("Type"), kind, actions)
    if definition is None:
        return None
    raw = action.get("Parameters", {})
    parameters = _parameters(spot, raw, definition)
    if parameters is None or identifier is None:
        return None
    check_branches(spot, parameters.branches(), transitions)
    if definition.unavailable is not None:
        branch = transitions.when_unavailable()
        way = f"to {branch.target!r}" if branch.target is not None else "and the flow ends"
        spot.warn(
            ".Type", f"{definition.name} {definition.unavailable}: it takes {branch.name} {way}"
        )
    return Step(
        id=identifier,
        type=definition.name,
        parameters=parameters,
        raw=raw,
        dynamic=any(references_in(text) for _, text in _texts(raw)),
        transitions=transitions,
    )


def _identifier(spot: Spot, identifier: Any) -> str | None:
    if not isinstance(identifier, str) or not identifier:
        spot.fault(".Identifier", "must be a text")
        return None
    if len(identifier) > LONGEST_IDENTIFIER:
        spot.fault(".Identifier", f"is longer than {LONGEST_IDENTIFIER} characters")
    if forbidden := sorted(_FORBIDDEN_CHARACTERS & set(identifier)):
        spot.fault(".Identifier", f"may not hold {' '.join(forbidden)}")
    if identifier in _FORBIDDEN_IDENTIFIERS:
        spot.fault(".Identifier", "is a reserved name")
    return identifier


def _definition(
    spot: Spot, name: Any, kind: FlowKind | None, actions: ActionRegistry
) -> ActionDefinition | None:
    definition = actions.get(name) if isinstance(name, str) else None
    if definition is None:
        spot.fault(".Type", f"action type {name!r} is not part of the language")
        return None
    verdict = Allowed.BY_BOTH if kind is None else allowed(definition.name, kind)
    if verdict is Allowed.BY_NEITHER:
        spot.fault(".Type", f"{definition.name} is not allowed in a flow of this kind")
    elif verdict is not Allowed.BY_BOTH:
        spot.warn(".Type", f"{definition.name}: {verdict.value} allows it in a flow of this kind")
    return definition


def _parameters(spot: Spot, raw: Any, definition: ActionDefinition) -> Parameters | None:
    try:
        parameters = definition.model.model_validate(raw)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            place = "".join(f"[{x}]" if isinstance(x, int) else f".{x}" for x in problem["loc"])
            spot.fault(f".Parameters{place}", problem["msg"].removeprefix("Value error, "))
        return None
    if definition.unavailable is None:
        for place in parameters.unknown_keys(".Parameters"):
            spot.warn(place, "unknown key")
        for place, text in _texts(raw):
            for oddity in dead_references(text):
                spot.warn(f".Parameters{place}", oddity)
    for oddity in parameters.oddities():
        spot.warn(".Parameters", oddity)
    return parameters


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Answer every text inside a JSON value, with its place; keys of objects are texts too."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        place, inner = waiting.pop()
        match inner:
            case str():
                yield place, inner
            case list():
                waiting += [(f"{place}[{index}]", item) for index, item in enumerate(inner)]
            case dict():
                waiting += [(f"{place}.{key}", item) for key, item in inner.items()]
                waiting += [(f"{place}.{key}", key) for key in inner]
            case _:
                continue
