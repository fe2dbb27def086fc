from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.flow.effects import NumberAnswer, SetCallbackNumber
from ivr.flow.errors import InvalidFlow
from tests.flow_driver import CONTEXT, Driven, a_document, action, drive_action, went_to

pytestmark = pytest.mark.unit

TYPE = "UpdateContactCallbackNumber"
ERRORS = ("InvalidCallbackNumber", "CallbackNumberNotDialable")


def set_number(*answers: object, stored_input: str | None = "+12025550123") -> Driven:
    return drive_action(
        TYPE,
        {"CallbackNumber": "$.StoredCustomerInput"},
        *answers,
        errors=ERRORS,
        stored_input=stored_input,
    )


# The number is a single reference, never a literal.


def test_stored_input_becomes_the_callback_number() -> None:
    driven = set_number(NumberAnswer.ACCEPTED)

    assert driven.asked == [SetCallbackNumber("+12025550123")]
    assert went_to(driven) == "Success"


def test_attribute_can_be_the_number_too() -> None:
    context = replace(CONTEXT, attributes={"n": "+1"})

    driven = drive_action(
        TYPE, {"CallbackNumber": "$.Attributes.n"}, NumberAnswer.ACCEPTED, context=context
    )

    assert driven.asked == [SetCallbackNumber("+1")]


@pytest.mark.parametrize("value", ["+12025550123", "tel $.StoredCustomerInput", 5])
def test_literal_number_is_a_fault(value: object) -> None:
    with pytest.raises(InvalidFlow, match="must be one single reference"):
        a_document(action("a", TYPE, {"CallbackNumber": value}))


# Two errors, and no general one.


@pytest.mark.parametrize(
    ("answer", "branch"),
    [
        (NumberAnswer.NOT_A_NUMBER, "InvalidCallbackNumber"),
        (NumberAnswer.NOT_DIALABLE, "CallbackNumberNotDialable"),
    ],
)
def test_refused_number_takes_the_branch_of_the_reason(answer: NumberAnswer, branch: str) -> None:
    assert went_to(set_number(answer)) == branch


def test_missing_value_is_no_number() -> None:
    driven = set_number(stored_input=None)

    assert driven.asked == []
    assert went_to(driven) == "InvalidCallbackNumber"


def test_general_error_branch_is_warned_of() -> None:
    document = a_document(
        action(
            "a",
            TYPE,
            {"CallbackNumber": "$.StoredCustomerInput"},
            to="a",
            errors=dict.fromkeys((*ERRORS, "NoMatchingError"), "a"),
        )
    )

    assert [finding.message for finding in document.warnings] == [
        "NoMatchingError is no error of this action"
    ]
