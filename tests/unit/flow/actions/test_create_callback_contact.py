from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ivr.flow.effects import AgentRef, CreateCallback, QueueRef
from ivr.flow.errors import InvalidFlow
from ivr.flow.parameters import Mention, MentionKind
from tests.flow_driver import a_document, action, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "CreateCallbackContact"
USUAL = {
    "InitialCallDelaySeconds": "5",
    "MaximumConnectionAttempts": "2",
    "RetryDelaySeconds": "600",
}


# Success is NextAction: the call goes on.


def test_callback_is_created_and_the_call_goes_on() -> None:
    driven = drive_action(TYPE, USUAL, True)

    assert driven.asked == [
        CreateCallback(
            target=None,
            delay=timedelta(seconds=5),
            maximum_connection_attempts=2,
            retry_delay=timedelta(seconds=600),
        )
    ]
    assert went_to(driven) == "Success"


# A full queue, no queue, a forbidden number: the error branch.


def test_callback_that_is_not_created_takes_the_error_branch() -> None:
    assert went_to(drive_action(TYPE, USUAL, False)) == "NoMatchingError"


# Queue or agent, caller ID and creation flow are optional.


@pytest.mark.parametrize(
    ("more", "target"), [({"QueueId": "q"}, QueueRef("q")), ({"AgentId": "a"}, AgentRef("a"))]
)
def test_target_can_be_named(more: dict[str, str], target: QueueRef | AgentRef) -> None:
    driven = drive_action(TYPE, USUAL | more, True)

    assert isinstance(driven.asked[0], CreateCallback)
    assert driven.asked[0].target == target


def test_caller_id_and_creation_flow_are_passed_on() -> None:
    parameters = USUAL | {"CallerId": "+12025550100", "ContactFlowId": "f-9", "QueueId": "q"}

    driven = drive_action(TYPE, parameters, True)

    assert isinstance(driven.asked[0], CreateCallback)
    assert driven.asked[0].caller_id == "+12025550100"
    assert driven.asked[0].creation_flow == "f-9"
    assert list(a_document(action("a", TYPE, parameters)).mentions()) == [
        ("a", Mention(MentionKind.QUEUE, "q")),
        ("a", Mention(MentionKind.FLOW, "f-9")),
        ("a", Mention(MentionKind.NUMBER, "+12025550100")),
    ]


# The delay is at most three days and none by default; zero retries are deployed and accepted.


def test_delay_is_optional_and_no_retry_is_allowed() -> None:
    driven = drive_action(TYPE, {"MaximumConnectionAttempts": "0", "RetryDelaySeconds": 60}, True)

    assert isinstance(driven.asked[0], CreateCallback)
    assert driven.asked[0].delay == timedelta(0)
    assert driven.asked[0].maximum_connection_attempts == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"InitialCallDelaySeconds": "259201"},
        {"InitialCallDelaySeconds": "$.Attributes.d"},
        {"MaximumConnectionAttempts": "-1"},
        {"RetryDelaySeconds": "0"},
        {"RetryDelaySeconds": "259201"},
        {"QueueId": "q", "AgentId": "a"},
    ],
)
def test_wrong_parameters_are_faults(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidFlow):
        a_document(action("a", TYPE, USUAL | wrong))


# More than ten retries count as ten, and a site spaces them.


def test_what_a_site_limits_is_warned_of() -> None:
    document = a_document(
        action(
            "a",
            TYPE,
            USUAL | {"MaximumConnectionAttempts": "11", "RetryDelaySeconds": "59"},
            to="b",
            errors={"NoMatchingError": "b"},
        ),
        end("b"),
    )

    assert [finding.message for finding in document.warnings] == [
        "more than 10 retries count as 10",
        "retries are spaced by the site's least delay, 60 s unless set otherwise",
    ]
