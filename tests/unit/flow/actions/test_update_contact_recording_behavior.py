from __future__ import annotations

from typing import Any

import pytest

from tests.flow_driver import a_document, action, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "UpdateContactRecordingBehavior"


# Accepted without effect; it has no error branch.


@pytest.mark.parametrize(
    ("parameters", "warnings"),
    [
        ({}, []),
        ({"RecordingBehavior": {"RecordedParticipants": []}}, []),
        (
            {"RecordingBehavior": {"RecordedParticipants": ["Agent", "Customer"]}},
            ["nothing is recorded"],
        ),
        ({"RecordingBehavior": {"IVRRecordingBehavior": "Enabled"}}, ["nothing is recorded"]),
        (
            {"RecordingBehavior": {"ScreenRecordedParticipants": ["Agent"]}},
            ["screens are not recorded"],
        ),
        ({"AnalyticsBehavior": {"Enabled": "True"}}, ["AnalyticsBehavior says nothing here"]),
    ],
)
def test_flow_goes_on_and_what_is_not_done_is_warned_of(
    parameters: dict[str, Any], warnings: list[str]
) -> None:
    document = a_document(action("a", TYPE, parameters, to="b"), end("b"))

    driven = drive_action(TYPE, parameters, errors=())

    assert driven.asked == []
    assert went_to(driven) == "Success"
    assert [finding.message for finding in document.warnings] == warnings
