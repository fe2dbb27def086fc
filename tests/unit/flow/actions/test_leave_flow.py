from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.flow.effects import FindFlow, Play
from ivr.flow.errors import InvalidFlow
from ivr.flow.interpreter import run
from ivr.flow.memory import Memory
from ivr.flow.outcome import Ending, RunEnd
from ivr.flow.parameters import Mention, MentionKind
from ivr.flow.prompt import Text
from tests.flow_driver import CONTEXT, a_document, a_flow, action, drive, drive_action, end, went_to

pytestmark = pytest.mark.unit

OTHER = a_flow(action("x", "MessageParticipant", {"Text": "Other"}), flow_id="f-2", version=7)


# TransferToFlow jumps and never returns; NextAction is never followed.


def test_run_goes_on_in_the_other_flow() -> None:
    driven = drive_action("TransferToFlow", {"ContactFlowId": "other"}, OTHER, True)

    assert driven.asked == [FindFlow("other"), Play(Text("Other"))]
    assert driven.way() == ["a: flow f-2 -> x", "x: NextAction -> None"]
    assert driven.end == RunEnd(Ending.ENDED, "x")
    assert (driven.points[1].flow_id, driven.points[1].flow_version) == ("f-2", 7)


def test_unknown_flow_takes_the_error_branch() -> None:
    assert (
        went_to(drive_action("TransferToFlow", {"ContactFlowId": "x"}, None)) == "NoMatchingError"
    )


# Stored input goes along; flow attributes and turns of loops stay behind.


def test_only_stored_input_goes_along() -> None:
    flow = a_flow(
        action(
            "loop",
            "Loop",
            {"LoopCount": 3},
            conditions={"ContinueLooping": "go", "DoneLooping": "go"},
        ),
        action("go", "TransferToFlow", {"ContactFlowId": "$.Attributes.next"}),
    )
    context = replace(CONTEXT, attributes={"next": "other"})

    driven = drive(run(flow, stored_input="42"), OTHER, context=context)

    assert driven.points[0].memory == Memory(stored_input="42", turns={"loop": 1})
    assert driven.points[1].memory == Memory(stored_input="42")


def test_flow_must_be_named() -> None:
    with pytest.raises(InvalidFlow, match="Field required"):
        a_document(action("a", "TransferToFlow"))


def test_empty_name_is_warned_of_and_a_name_is_mentioned() -> None:
    document = a_document(
        action("a", "TransferToFlow", {"ContactFlowId": ""}, errors={"NoMatchingError": "b"}),
        action("b", "TransferToFlow", {"ContactFlowId": "f"}, errors={"NoMatchingError": "a"}),
    )

    assert [finding.message for finding in document.warnings] == [
        "no flow is named: the error branch is taken"
    ]
    assert list(document.mentions()) == [("b", Mention(MentionKind.FLOW, "f"))]


# EndFlowExecution ends the flow and leaves the contact alone.


def test_flow_ends() -> None:
    driven = drive(run(a_flow(end("a"))))

    assert driven.end == RunEnd(Ending.ENDED, "a")
    assert driven.way() == ["a: ended -> None"]
