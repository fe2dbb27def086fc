from __future__ import annotations

import pytest

from ivr.flow.effects import IsOpen
from ivr.flow.parameters import Mention, MentionKind
from tests.flow_driver import a_document, action, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "CheckHoursOfOperation"


# True or False; hours that do not exist are an error.


@pytest.mark.parametrize(
    ("answer", "branch"), [(True, "True"), (False, "False"), (None, "NoMatchingError")]
)
def test_branches(answer: bool | None, branch: str) -> None:
    driven = drive_action(
        TYPE, {"HoursOfOperationId": "office"}, answer, conditions=("True", "False")
    )

    assert driven.asked == [IsOpen("office")]
    assert went_to(driven) == branch


# Without hours, those of the working queue.


@pytest.mark.parametrize("parameters", [{}, {"HoursOfOperationId": ""}])
def test_hours_of_the_working_queue(parameters: dict[str, str]) -> None:
    driven = drive_action(TYPE, parameters, True, conditions=("True",))

    assert driven.asked == [IsOpen(None)]


def test_missing_and_strange_conditions_are_warned_of() -> None:
    document = a_document(
        action(
            "a",
            TYPE,
            {"HoursOfOperationId": "office"},
            errors={"NoMatchingError": "b"},
            conditions={"True": "b", "Maybe": "b"},
        ),
        end("b"),
    )

    assert [finding.message for finding in document.warnings] == [
        "there is no branch for False",
        "Equals Maybe cannot come about",
    ]
    assert list(document.mentions()) == [("a", Mention(MentionKind.HOURS, "office"))]


def test_other_operators_are_warned_of() -> None:
    document = a_document(
        action(
            "a",
            TYPE,
            errors={"NoMatchingError": "b"},
            conditions={"True": "b", "False": "b"},
            operator="TextContains",
        ),
        end("b"),
    )

    assert [finding.message for finding in document.warnings] == [
        "TextContains True cannot come about",
        "TextContains False cannot come about",
    ]
