from __future__ import annotations

import pytest

from ivr.flow.errors import InvalidFlow
from ivr.flow.kinds import FlowKind
from ivr.flow.outcome import Ending, RunEnd
from tests.flow_driver import a_document, action, drive_action

pytestmark = pytest.mark.unit

TYPE = "TransferContactToAgent"


# Terminal: the world is asked for nothing, and no branch is taken, whatever the document says.


def test_flow_is_left_for_the_agent() -> None:
    driven = drive_action(TYPE, {})

    assert driven.asked == []
    assert driven.way() == ["a: to_agent -> None"]
    assert driven.end == RunEnd(Ending.TO_AGENT, "a")


def test_input_that_was_stored_before_is_kept_for_the_next_flow() -> None:
    driven = drive_action(TYPE, {}, stored_input="42")

    assert driven.end == RunEnd(Ending.TO_AGENT, "a", "42")


# It has neither parameters nor errors.


def test_it_needs_nothing() -> None:
    assert a_document(action("a", TYPE)).warnings == ()


def test_parameters_are_unknown_keys() -> None:
    document = a_document(action("a", TYPE, {"AgentId": "anna"}))

    assert [str(finding) for finding in document.warnings] == [
        "a (Actions[0].Parameters.AgentId): unknown key"
    ]


# Transfer flows alone know an agent to transfer to.


@pytest.mark.parametrize("kind", [FlowKind.AGENT_TRANSFER, FlowKind.QUEUE_TRANSFER])
def test_transfer_flows_may_hold_it(kind: FlowKind) -> None:
    assert a_document(action("a", TYPE), kind=kind).warnings == ()


def test_other_flows_may_not_hold_it() -> None:
    with pytest.raises(InvalidFlow, match="not allowed in a flow of this kind"):
        a_document(action("a", TYPE), kind=FlowKind.CONTACT_FLOW)
