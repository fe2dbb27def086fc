from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.flow.actions import ACTIONS
from ivr.flow.document import load_flow
from ivr.flow.errors import InvalidFlow
from ivr.flow.kinds import FlowKind
from ivr.flow.step import FlowDocument
from tests.flow_driver import a_document, action, end, envelope

pytestmark = pytest.mark.unit

SETTINGS: dict[str, list[str]] = {"InputParameters": [], "OutputParameters": [], "Transitions": []}


def problems(document: Any, kind: FlowKind | None = None) -> tuple[str, ...]:
    source = document if isinstance(document, str | bytes) else json.dumps(document)
    with pytest.raises(InvalidFlow) as caught:
        load_flow(source, kind=kind)
    return caught.value.problems


def warnings(document: FlowDocument) -> list[str]:
    return [str(finding) for finding in document.warnings]


# --- the file -------------------------------------------------------------------------------


def test_byte_order_mark_is_skipped() -> None:
    text = json.dumps(envelope(end("a")))

    assert load_flow(b"\xef\xbb\xbf" + text.encode()).start == "a"
    assert load_flow("\ufeff" + text).start == "a"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (b"\xff\xfe", "document: no UTF-8 text: invalid start byte"),
        ("{", "document: no JSON: Expecting property name enclosed in double quotes"),
        ('{"Version": NaN}', "document: no JSON: NaN is no JSON value"),
        ('{"Version": "\\ud800"}', "document: no UTF-8 text: surrogates not allowed"),
        ("[" * 100_000, "document: nested too deeply"),
        ("[]", "document: a flow is a JSON object"),
        ('{"modules": [], "start": "x"}', "document: this is the console's old export format"),
    ],
)
def test_unreadable_files(source: str | bytes, problem: str) -> None:
    assert problems(source)[0].startswith(problem)


# --- the envelope ---------------------------------------------------------------------------


def test_every_fault_is_reported_at_once() -> None:
    found = problems(
        envelope(
            action("a", "Teleport"),
            action("b", "GetParticipantInput", {"InputTimeLimitSeconds": "soon"}, to="z"),
            action("c", "Loop"),
            Version="2018",
            StartAction="nowhere",
        )
    )

    assert found == (
        "Version: must be '2019-10-30'",
        "a (Actions[0].Type): action type 'Teleport' is not part of the language",
        "b (Actions[1].Transitions.NextAction): there is no action 'z'",
        "b (Actions[1].Parameters.InputTimeLimitSeconds): Input should be a valid integer, "
        "unable to parse string as an integer",
        "c (Actions[2].Parameters.LoopCount): Field required",
        "StartAction: there is no action 'nowhere'",
    )


def test_fault_names_action_and_place() -> None:
    with pytest.raises(InvalidFlow) as caught:
        a_document(action("a", "Teleport"))

    (finding,) = caught.value.findings
    assert (finding.action_id, finding.place) == ("a", "Actions[0].Type")


def test_actions_must_be_a_list_of_objects() -> None:
    assert problems(envelope(Actions={})) == (
        "Actions: must be a list",
        "StartAction: there is no action ''",
    )
    assert problems(envelope(end("a"), "b")) == ("Actions[1]: an action is a JSON object",)


def test_250_actions_are_allowed_and_no_more() -> None:
    many = [end(str(number)) for number in range(251)]

    assert len(a_document(*many[:250]).steps) == 250
    assert problems(envelope(*many)) == ("Actions: 251 actions; at most 250 are allowed",)


def test_unknown_keys_are_accepted_with_a_warning() -> None:
    odd = end("a") | {"Colour": "red"}

    assert warnings(a_document(odd, Metadata={"x": 1}, Extra=1)) == [
        "Extra: unknown key",
        "a (Actions[0].Colour): unknown key",
    ]


def test_parameters_and_transitions_can_be_left_out() -> None:
    document = a_document({"Identifier": "a", "Type": "DisconnectParticipant"})

    assert document.warnings == ()


# --- identifiers ----------------------------------------------------------------------------


def test_identifier_can_hold_spaces_and_any_letters() -> None:
    assert a_document(end("Begrüßung — ようこそ?")).start == "Begrüßung — ようこそ?"


@pytest.mark.parametrize(
    ("identifier", "problem"),
    [
        ("", "must be a text"),
        (5, "must be a text"),
        ("a" * 51, "is longer than 50 characters"),
        ("a%b:c", "may not hold % :"),
        ("toString", "is a reserved name"),
    ],
)
def test_wrong_identifiers(identifier: Any, problem: str) -> None:
    found = problems(envelope(action("ok", "DisconnectParticipant"), end(identifier)))

    assert len(found) == 1
    assert found[0].endswith(f"(Actions[1].Identifier): {problem}") or found == (
        f"Actions[1].Identifier: {problem}",
    )


def test_identifier_is_used_once() -> None:
    assert problems(envelope(end("a"), end("a"), end("a"))) == (
        "a (Actions[1].Identifier): is used twice",
        "a (Actions[2].Identifier): is used twice",
    )


# --- transitions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transitions", "problem"),
    [
        ([], ".Transitions): must be a JSON object"),
        ({"Errors": {}}, ".Transitions.Errors): must be a list"),
        ({"Errors": ["x"]}, ".Transitions.Errors[0]): must be a JSON object"),
        ({"Errors": [{"NextAction": "a"}]}, ".Transitions.Errors[0].ErrorType): must be a text"),
        ({"NextAction": "b"}, ".Transitions.NextAction): there is no action 'b'"),
        ({"NextAction": 5}, ".Transitions.NextAction): there is no action 5"),
        (
            {"Conditions": [{"NextAction": "a"}]},
            ".Transitions.Conditions[0].Condition): must be a JSON object",
        ),
        (
            {"Conditions": [{"Condition": {"Operator": "Resembles", "Operands": ["a"]}}]},
            ".Transitions.Conditions[0].Condition.Operator): there is no operator 'Resembles'",
        ),
        (
            {"Conditions": [{"Condition": {"Operator": "Equals", "Operands": ["a", "b"]}}]},
            ".Condition.Operands): must be a list of exactly one text",
        ),
    ],
)
def test_wrong_transitions(transitions: Any, problem: str) -> None:
    (found,) = problems(
        envelope({"Identifier": "a", "Type": "DisconnectParticipant", "Transitions": transitions})
    )

    assert found.endswith(problem)


def test_empty_next_action_ends_the_flow() -> None:
    document = a_document(action("a", "UpdateContactRecordingBehavior", to=""))

    assert document.steps["a"].transitions.next_action is None
    assert warnings(document) == [
        "a (Actions[0].Transitions.NextAction): nothing follows: the flow ends here"
    ]


def test_first_of_two_branches_for_one_error_counts() -> None:
    step = action("a", "Compare", {"ComparisonValue": "$.Channel"})
    step["Transitions"]["Errors"] = [
        {"ErrorType": "NoMatchingCondition", "NextAction": "a"},
        {"ErrorType": "NoMatchingCondition", "NextAction": "b"},
    ]

    document = a_document(step, end("b"))

    assert document.steps["a"].transitions.errors == {"NoMatchingCondition": "a"}
    assert warnings(document) == [
        "a (Actions[0].Transitions.Errors[1].ErrorType): "
        "a second branch for NoMatchingCondition is never taken"
    ]


def test_number_is_an_operand_too() -> None:
    step = action("a", "Compare", {"ComparisonValue": "$.Channel"})
    step["Transitions"]["Conditions"] = [
        {"NextAction": "a", "Condition": {"Operator": "NumberGreaterThan", "Operands": [5]}}
    ]

    assert a_document(step).steps["a"].transitions.conditions[0].operand == "5"


# --- what it is for -------------------------------------------------------------------------


def test_kind_comes_from_the_caller_or_the_document() -> None:
    assert a_document(end("a")).kind is None
    assert a_document(end("a"), Metadata={"type": "customerQueue"}).kind is FlowKind.CUSTOMER_QUEUE
    assert a_document(end("a"), Metadata={"type": ["x"]}).kind is None
    assert a_document(end("a"), Metadata="x", kind=FlowKind.AGENT_HOLD).kind is FlowKind.AGENT_HOLD
    assert a_document(end("a"), Settings=SETTINGS).kind is FlowKind.MODULE


def test_caller_goes_before_the_document() -> None:
    document = a_document(
        end("a"), Metadata={"type": "customerQueue"}, kind=FlowKind.CUSTOMER_WHISPER
    )

    assert document.kind is FlowKind.CUSTOMER_WHISPER
    assert warnings(document) == [
        "Metadata.type: the document calls itself CUSTOMER_QUEUE, not CUSTOMER_WHISPER"
    ]


def test_module_needs_settings() -> None:
    assert problems(envelope(end("a")), FlowKind.MODULE) == ("Settings: a module needs them",)


def test_action_that_no_guide_allows_is_a_fault() -> None:
    transfer = action("a", "TransferContactToQueue")

    assert problems(envelope(transfer), FlowKind.AGENT_WHISPER) == (
        "a (Actions[0].Type): TransferContactToQueue is not allowed in a flow of this kind",
    )


def test_action_that_one_guide_allows_is_a_warning() -> None:
    assert warnings(a_document(end("a"), kind=FlowKind.CONTACT_FLOW)) == [
        "a (Actions[0].Type): EndFlowExecution: only the administrator guide allows it in a flow "
        "of this kind"
    ]


# --- references -----------------------------------------------------------------------------


def test_dead_references_are_warned_of() -> None:
    document = a_document(
        action(
            "a",
            "UpdateContactAttributes",
            {"Attributes": {"x": "$.Lex.Slots.City"}},
            to="b",
            errors={"NoMatchingError": "b"},
        ),
        end("b"),
    )

    assert warnings(document) == [
        "a (Actions[0].Parameters.Attributes.x): $.Lex.Slots.City exists in the cloud only: "
        "it stands for nothing"
    ]


# --- anything at all ------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(["a", "b", "c", ""])
# fmt: off
KEYS = [
    "Text", "SSML", "PromptId", "Media", "StoreInput", "InputValidation",
    "InputTimeLimitSeconds", "QueueId", "AgentId", "DTMFConfiguration", "Messages",
    "InterruptFrequencySeconds", "EventHooks", "EventHooksConfiguration", "Attributes",
    "CallbackNumber", "ComparisonValue", "LoopCount", "ContactFlowId",
    "RetryDelaySeconds", "MaximumConnectionAttempts", "HoursOfOperationId",
    "RecordingBehavior",
]
# fmt: on
PARAMETERS = st.dictionaries(
    st.sampled_from(KEYS),
    JSON
    | st.sampled_from(["$.Attributes.x", "5", "True", {"AgentWhisper": "f"}, [{"Text": "x"}]])
    | st.dictionaries(
        st.sampled_from(["CustomValidation", "PhoneNumberValidation", "MaximumLength"]), JSON
    ),
    max_size=4,
)
TRANSITIONS = st.fixed_dictionaries(
    {},
    optional={
        "NextAction": NAMES | JSON,
        "Errors": st.lists(
            st.fixed_dictionaries({}, optional={"NextAction": NAMES, "ErrorType": st.text() | JSON})
            | JSON,
            max_size=2,
        )
        | JSON,
        "Conditions": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "NextAction": NAMES,
                    "Condition": st.fixed_dictionaries(
                        {},
                        optional={
                            "Operator": st.sampled_from(["Equals", "NumberLessThan"]) | JSON,
                            "Operands": st.lists(JSON, max_size=2) | JSON,
                        },
                    )
                    | JSON,
                },
            )
            | JSON,
            max_size=2,
        )
        | JSON,
    },
)
ACTION = st.fixed_dictionaries(
    {
        "Identifier": NAMES | JSON,
        "Type": st.sampled_from([definition.name for definition in ACTIONS]) | st.text() | JSON,
    },
    optional={"Parameters": PARAMETERS | JSON, "Transitions": TRANSITIONS | JSON},
)
DOCUMENT = st.fixed_dictionaries(
    {"Version": st.just("2019-10-30") | JSON, "StartAction": NAMES, "Actions": st.lists(ACTION)},
    optional={"Metadata": JSON, "Settings": JSON, "x": JSON},
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(DOCUMENT | JSON, st.none() | st.sampled_from(FlowKind))
def test_any_document_is_a_flow_or_invalid(document: Any, kind: FlowKind | None) -> None:
    try:
        flow = load_flow(json.dumps(document), kind=kind)
    except InvalidFlow:
        return
    assert flow.start in flow.steps


@given(st.binary() | st.text())
def test_any_bytes_are_a_flow_or_invalid(source: bytes | str) -> None:
    with pytest.raises(InvalidFlow):
        load_flow(source)
