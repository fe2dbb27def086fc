from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.effects import HoldPrevious, PreviousOnHold
from ivr.flow.errors import InvalidFlow
from ivr.flow.kinds import FlowKind
from tests.flow_driver import a_document, action, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "UpdatePreviousContactParticipantState"
KEY = "PreviousContactParticipantState"


# One side of the previous contact is on hold, or nobody is.


@pytest.mark.parametrize(
    ("state", "who"),
    [
        ("AgentOnHold", PreviousOnHold.AGENT),
        ("CustomerOnHold", PreviousOnHold.CUSTOMER),
        ("OffHold", PreviousOnHold.NOBODY),
    ],
)
def test_flow_says_who_is_on_hold(state: str, who: PreviousOnHold) -> None:
    driven = drive_action(TYPE, {KEY: state}, True)

    assert driven.asked == [HoldPrevious(who)]
    assert went_to(driven) == "Success"


# Without a previous contact there is nobody to hold.


def test_nobody_to_hold_takes_the_error_branch() -> None:
    driven = drive_action(TYPE, {KEY: "AgentOnHold"}, False)

    assert went_to(driven) == "NoMatchingError"
    assert driven.warnings == ["nobody of a previous contact can be held"]


# The state is one of three words, written in the document itself.


@pytest.mark.parametrize(
    "parameters", [{}, {KEY: "BothOnHold"}, {KEY: "agentonhold"}, {KEY: "$.Attributes.who"}]
)
def test_wrong_states_are_faults(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidFlow, match=KEY):
        a_document(action("a", TYPE, parameters))


# Inbound and transfer flows hold it; of outbound whispers the guides disagree.


def findings(kind: FlowKind, **errors: str) -> list[str]:
    document = a_document(
        action("a", TYPE, {KEY: "OffHold"}, to="b", errors=errors), end("b"), kind=kind
    )
    return [str(finding) for finding in document.warnings if finding.action_id == "a"]


@pytest.mark.parametrize("kind", [FlowKind.CONTACT_FLOW, FlowKind.QUEUE_TRANSFER])
def test_inbound_and_transfer_flows_may_hold_it(kind: FlowKind) -> None:
    assert findings(kind, NoMatchingError="b") == []


def test_outbound_whisper_that_holds_it_is_warned_of() -> None:
    assert findings(FlowKind.OUTBOUND_WHISPER, NoMatchingError="b") == [
        f"a (Actions[0].Type): {TYPE}: only the administrator guide allows it in a flow of this "
        "kind"
    ]


def test_missing_error_branch_is_warned_of() -> None:
    assert findings(FlowKind.AGENT_TRANSFER) == [
        "a (Actions[0].Transitions.Errors): there is no branch for NoMatchingError; Connect "
        "requires it"
    ]
