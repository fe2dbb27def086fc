from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.flow.effects import SetAttributes
from ivr.flow.errors import InvalidFlow
from tests.flow_driver import CONTEXT, a_document, action, drive_action, went_to

pytestmark = pytest.mark.unit

TYPE = "UpdateContactAttributes"


# Keys and values may hold references.


def test_attributes_are_set() -> None:
    context = replace(CONTEXT, attributes={"who": "Ann", "key": "greeting"})

    driven = drive_action(
        TYPE,
        {"Attributes": {"$.Attributes.key": "Hi $.Attributes.who", "n": 5}},
        True,
        context=context,
    )

    assert driven.asked == [SetAttributes({"greeting": "Hi Ann", "n": "5"})]
    assert went_to(driven) == "Success"


def test_related_contact_can_be_the_target() -> None:
    driven = drive_action(TYPE, {"Attributes": {"a": "b"}, "TargetContact": "Related"}, True)

    assert driven.asked == [SetAttributes({"a": "b"}, on_related=True)]


# All or nothing.


def test_attributes_that_cannot_be_set_take_the_error_branch() -> None:
    assert went_to(drive_action(TYPE, {"Attributes": {"a": "b"}}, False)) == "NoMatchingError"


def test_one_missing_value_sets_none() -> None:
    driven = drive_action(TYPE, {"Attributes": {"a": "b", "c": "$.External.x"}})

    assert driven.asked == []
    assert driven.warnings == ["Attributes.c: $.External.x stands for nothing"]
    assert went_to(driven) == "NoMatchingError"


@pytest.mark.parametrize(
    "parameters", [{}, {"Attributes": {}, "TargetContact": "Both"}, {"Attributes": {"a": None}}]
)
def test_wrong_parameters_are_faults(parameters: dict[str, object]) -> None:
    with pytest.raises(InvalidFlow):
        a_document(action("a", TYPE, parameters))
