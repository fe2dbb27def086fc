from __future__ import annotations

import pytest

from ivr.flow.effects import AgentRef, Metric, QueueRef, ReadMetric
from ivr.flow.parameters import Mention, MentionKind
from tests.flow_driver import a_document, action, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "CheckMetricData"
ERRORS = ("NoMatchingCondition", "NoMatchingError")


# Agents are counted against zero.


@pytest.mark.parametrize(
    ("value", "branch"), [(2, "0"), (0, "NoMatchingCondition"), (None, "NoMatchingError")]
)
def test_some_agents_or_none(value: int | None, branch: str) -> None:
    driven = drive_action(
        TYPE,
        {"MetricType": "NumberOfAgentsStaffed", "QueueId": "Sales"},
        value,
        errors=ERRORS,
        conditions=("0",),
        operator="NumberGreaterThan",
    )

    assert driven.asked == [ReadMetric(Metric.AGENTS_STAFFED, QueueRef("Sales"))]
    assert went_to(driven) == branch


# Without a target, the working queue; an agent's own figures by AgentId.


@pytest.mark.parametrize(
    ("named", "target"),
    [
        ({}, None),
        ({"QueueId": "Sales"}, QueueRef("Sales")),
        ({"AgentId": "anna"}, AgentRef("anna")),
    ],
)
def test_target(named: dict[str, str], target: QueueRef | AgentRef | None) -> None:
    parameters = {"MetricType": "NumberOfAgentsAvailable", **named}

    driven = drive_action(TYPE, parameters, 0, errors=ERRORS)

    assert driven.asked == [ReadMetric(Metric.AGENTS_AVAILABLE, target)]


# The operand of the oldest contact's age is in milliseconds, whatever the metric's name.


@pytest.mark.parametrize(("age", "branch"), [(300_001, "300000"), (300_000, "NoMatchingCondition")])
def test_oldest_contact_is_compared_in_milliseconds(age: int, branch: str) -> None:
    driven = drive_action(
        TYPE,
        {"MetricType": "OldestContactInQueueAgeSeconds"},
        age,
        errors=ERRORS,
        conditions=("300000",),
        operator="NumberGreaterThan",
    )

    assert went_to(driven) == branch


def test_strange_conditions_and_missing_errors_are_warned_of() -> None:
    document = a_document(
        action(
            "a",
            TYPE,
            {"MetricType": "NumberOfAgentsOnline", "QueueId": "Sales"},
            errors={"NoMatchingError": "b"},
            conditions={"0": "b", "3": "b"},
            operator="NumberGreaterThan",
        ),
        end("b"),
    )

    assert [finding.message for finding in document.warnings] == [
        "there is no branch for NoMatchingCondition; Connect requires it",
        "NumberGreaterThan 3 cannot come about",
    ]
    assert list(document.mentions()) == [("a", Mention(MentionKind.QUEUE, "Sales"))]
