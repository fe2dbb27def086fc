from __future__ import annotations

import pytest

from ivr.flow.effects import EnterQueue, QueueEntry
from ivr.flow.outcome import Ending, RunEnd
from tests.flow_driver import a_document, action, drive_action, went_to

pytestmark = pytest.mark.unit

TYPE = "TransferContactToQueue"
ERRORS = ("QueueAtCapacity", "NoMatchingError")


# Success ends the flow; NextAction, a copy of an error's target in exports, is never followed.


def test_contact_enters_its_queue_and_leaves_the_flow() -> None:
    driven = drive_action(TYPE, {}, QueueEntry.ENTERED, errors=ERRORS)

    assert driven.asked == [EnterQueue()]
    assert driven.end == RunEnd(Ending.QUEUED, "a")


# At capacity the contact stays where it is.


def test_full_queue_takes_its_branch() -> None:
    assert went_to(drive_action(TYPE, {}, QueueEntry.FULL, errors=ERRORS)) == "QueueAtCapacity"


def test_full_queue_without_its_branch_takes_the_general_one() -> None:
    assert went_to(drive_action(TYPE, {}, QueueEntry.FULL)) == "NoMatchingError"


def test_full_queue_without_any_branch_ends_the_flow() -> None:
    driven = drive_action(TYPE, {}, QueueEntry.FULL, errors=())

    assert driven.end == RunEnd(Ending.ENDED, "a")
    assert driven.warnings == ["no branch takes QueueAtCapacity: the flow ends"]


# It fails for a contact that is queued or connected already, or that has no working queue.


def test_refused_contact_takes_the_error_branch() -> None:
    assert went_to(drive_action(TYPE, {}, QueueEntry.REFUSED, errors=ERRORS)) == "NoMatchingError"


# It has no parameters.


def test_parameters_are_unknown_keys() -> None:
    document = a_document(action("a", TYPE, {"QueueId": "x"}, errors=dict.fromkeys(ERRORS, "a")))

    assert [str(finding) for finding in document.warnings] == [
        "a (Actions[0].Parameters.QueueId): unknown key"
    ]
