from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ivr.flow.effects import AgentRef, QueueRef, SetTargetQueue
from ivr.flow.errors import InvalidFlow
from ivr.flow.parameters import Mention, MentionKind
from tests.flow_driver import CONTEXT, a_document, action, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "UpdateContactTargetQueue"


# A queue, or an agent's own queue; exactly one.


@pytest.mark.parametrize(
    ("parameters", "target"),
    [({"QueueId": "sales"}, QueueRef("sales")), ({"AgentId": "ann"}, AgentRef("ann"))],
)
def test_working_queue_is_set(parameters: dict[str, str], target: QueueRef | AgentRef) -> None:
    driven = drive_action(TYPE, parameters, True)

    assert driven.asked == [SetTargetQueue(target)]
    assert went_to(driven) == "Success"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "QueueId or AgentId must be given"),
        ({"QueueId": "a", "AgentId": "b"}, "QueueId and AgentId exclude each other"),
    ],
)
def test_one_target_must_be_named(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidFlow, match=message):
        a_document(action("a", TYPE, parameters))


# A queue that does not exist is an error.


def test_unknown_queue_takes_the_error_branch() -> None:
    assert went_to(drive_action(TYPE, {"QueueId": "x"}, False)) == "NoMatchingError"


# A literal or one reference.


def test_reference_names_the_queue() -> None:
    context = replace(CONTEXT, attributes={"WorkingQueue": "arn:q"})

    driven = drive_action(TYPE, {"QueueId": "$.Attributes.WorkingQueue"}, True, context=context)

    assert driven.asked == [SetTargetQueue(QueueRef("arn:q"))]


def test_missing_reference_takes_the_error_branch() -> None:
    driven = drive_action(TYPE, {"QueueId": "$.Attributes.WorkingQueue"})

    assert driven.asked == []
    assert went_to(driven) == "NoMatchingError"


def findings(**parameters: Any) -> list[str]:
    document = a_document(
        action("a", TYPE, parameters, to="b", errors={"NoMatchingError": "b"}), end("b")
    )
    return [finding.message for finding in document.warnings]


def test_empty_name_is_warned_of() -> None:
    assert findings(QueueId="") == ["no queue is named: the error branch is taken"]
    assert findings(QueueId="sales") == []


def test_literals_are_mentioned_and_references_are_not() -> None:
    document = a_document(
        action("a", TYPE, {"QueueId": "sales"}),
        action("b", TYPE, {"AgentId": "ann"}),
        action("c", TYPE, {"QueueId": "$.Attributes.q"}),
    )

    assert list(document.mentions()) == [
        ("a", Mention(MentionKind.QUEUE, "sales")),
        ("b", Mention(MentionKind.AGENT, "ann")),
    ]
