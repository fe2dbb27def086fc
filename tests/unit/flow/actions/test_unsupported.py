from __future__ import annotations

import pytest

from ivr.flow.actions import ACTIONS
from ivr.flow.outcome import Ending, RunEnd
from tests.flow_driver import a_document, action, drive_action, end, went_to

pytestmark = pytest.mark.unit

UNAVAILABLE = sorted(definition.name for definition in ACTIONS if definition.unavailable)


# A known action that cannot run here loads with a warning that names the branch...


def test_warning_names_action_reason_and_branch() -> None:
    document = a_document(
        action("look up", "InvokeLambdaFunction", {"Any": [1]}, errors={"NoMatchingError": "b"}),
        end("b"),
    )

    assert [str(finding) for finding in document.warnings] == [
        "look up (Actions[0].Type): InvokeLambdaFunction has no function bound to it here: "
        "it takes NoMatchingError to 'b'"
    ]


def test_warning_says_where_the_flow_ends() -> None:
    document = a_document(action("a", "EndFlowModuleExecution"))

    assert document.warnings[0].message.endswith("it takes NextAction and the flow ends")


# ... and takes NoMatchingError, else its first error, else NextAction.


def test_every_one_takes_its_error_branch() -> None:
    for name in UNAVAILABLE:
        driven = drive_action(name, {}, errors=("Other", "NoMatchingError"))

        assert driven.asked == []
        assert went_to(driven) == "NoMatchingError"
        assert driven.warnings[0].startswith(name)


def test_first_error_where_there_is_no_general_one() -> None:
    assert went_to(drive_action("ShowView", {}, errors=("TimeLimitExceeded", "X"))) == (
        "TimeLimitExceeded"
    )


def test_next_action_where_there_is_no_error() -> None:
    assert went_to(drive_action("UpdateFlowLoggingBehavior", {}, errors=())) == "Success"


def test_terminal_one_ends_the_flow() -> None:
    driven = drive_action("ResumeContact", {"x": "$.Attributes.y"}, errors=())

    assert driven.end == RunEnd(Ending.ENDED, "Success")
