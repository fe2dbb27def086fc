from __future__ import annotations

import pytest

from ivr.flow.outcome import Ending, RunEnd
from tests.flow_driver import a_document, action, drive_action

pytestmark = pytest.mark.unit


# Terminal: nothing follows, whatever the document says.


def test_contact_is_disconnected() -> None:
    driven = drive_action("DisconnectParticipant", {})

    assert driven.end == RunEnd(Ending.DISCONNECTED, "a")
    assert driven.way() == ["a: disconnected -> None"]


def test_it_needs_nothing() -> None:
    assert a_document(action("a", "DisconnectParticipant")).warnings == ()
