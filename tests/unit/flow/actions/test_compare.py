from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.flow.errors import InvalidFlow
from ivr.flow.interpreter import run
from tests.flow_driver import CONTEXT, a_document, a_flow, action, drive, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "Compare"
ERRORS = ("NoMatchingCondition",)


def compare(value: str | None, operator: str, operand: str) -> bool:
    """Whether the condition's branch is taken."""
    flow = a_flow(
        action(
            "a",
            TYPE,
            {"ComparisonValue": "$.Attributes.x"},
            to="no",
            errors={"NoMatchingCondition": "no"},
            conditions={operand: "yes"},
            operator=operator,
        ),
        end("yes"),
        end("no"),
    )
    attributes = {} if value is None else {"x": value}
    return went_to(drive(run(flow), context=replace(CONTEXT, attributes=attributes))) == "yes"


# Any operator; numbers are compared as numbers, and what is no number makes it false.


@pytest.mark.parametrize(
    ("value", "operator", "operand", "holds"),
    [
        ("a", "Equals", "a", True),
        ("a", "Equals", "A", False),
        ("5", "Equals", "5.0", False),
        ("abc", "TextStartsWith", "ab", True),
        ("abc", "TextStartsWith", "bc", False),
        ("abc", "TextEndsWith", "bc", True),
        ("abc", "TextEndsWith", "ab", False),
        ("abc", "TextContains", "b", True),
        ("abc", "TextContains", "d", False),
        ("10", "NumberGreaterThan", "9", True),
        ("9", "NumberGreaterThan", "9", False),
        ("9", "NumberGreaterOrEqualTo", "9", True),
        ("8.9", "NumberGreaterOrEqualTo", "9", False),
        ("8.9", "NumberLessThan", "9", True),
        ("9", "NumberLessThan", "9", False),
        ("9", "NumberLessOrEqualTo", "9", True),
        ("10", "NumberLessOrEqualTo", "9", False),
        ("ten", "NumberGreaterThan", "9", False),
        ("10", "NumberGreaterThan", "nine", False),
    ],
)
def test_operators(value: str, operator: str, operand: str, holds: bool) -> None:
    assert compare(value, operator, operand) is holds


# A missing value equals NULL and nothing else; that is no error.


@pytest.mark.parametrize(
    ("operator", "operand", "holds"),
    [
        ("Equals", "NULL", True),
        ("Equals", "", False),
        ("TextContains", "NULL", False),
        ("NumberLessThan", "1", False),
    ],
)
def test_missing_value(operator: str, operand: str, holds: bool) -> None:
    assert compare(None, operator, operand) is holds


# The first condition that holds wins; then NoMatchingCondition; then NextAction.


def test_first_condition_that_holds_wins() -> None:
    context = replace(CONTEXT, attributes={"x": "two"})

    driven = drive_action(
        TYPE,
        {"ComparisonValue": "$.Attributes.x"},
        context=context,
        errors=ERRORS,
        conditions=("one", "two", "three"),
    )

    assert driven.way()[0] == "a: Equals two -> two"


@pytest.mark.parametrize(("errors", "target"), [(ERRORS, ERRORS[0]), ((), "Success")])
def test_no_condition_holds(errors: tuple[str, ...], target: str) -> None:
    driven = drive_action(
        TYPE, {"ComparisonValue": "$.Attributes.x"}, errors=errors, conditions=("one",)
    )

    assert went_to(driven) == target


# The value is a single reference.


@pytest.mark.parametrize("value", ["x", "a $.Attributes.x", "$.Attributes.x$.Attributes.y"])
def test_value_must_be_one_reference(value: str) -> None:
    with pytest.raises(InvalidFlow, match="must be one single reference"):
        a_document(action("a", TYPE, {"ComparisonValue": value}))
