from __future__ import annotations

import pytest

from ivr.flow import kinds
from ivr.flow.actions import ACTIONS
from ivr.flow.kinds import Allowed, FlowKind, allowed

pytestmark = pytest.mark.unit

K = FlowKind


@pytest.mark.parametrize(
    ("action", "kind", "verdict"),
    [
        ("Compare", K.AGENT_HOLD, Allowed.BY_BOTH),
        ("MessageParticipant", K.CONTACT_FLOW, Allowed.BY_BOTH),
        ("MessageParticipant", K.OUTBOUND_WHISPER, Allowed.BY_BOTH),
        ("MessageParticipant", K.CUSTOMER_HOLD, Allowed.BY_NEITHER),
        ("MessageParticipantIteratively", K.CUSTOMER_HOLD, Allowed.BY_BOTH),
        ("MessageParticipantIteratively", K.CONTACT_FLOW, Allowed.BY_NEITHER),
        ("GetParticipantInput", K.OUTBOUND_WHISPER, Allowed.BY_ADMINISTRATOR_GUIDE),
        ("EndFlowExecution", K.CONTACT_FLOW, Allowed.BY_ADMINISTRATOR_GUIDE),
        ("UpdateContactRoutingBehavior", K.CUSTOMER_QUEUE, Allowed.BY_ADMINISTRATOR_GUIDE),
        ("InvokeLambdaFunction", K.OUTBOUND_WHISPER, Allowed.BY_DEVELOPER_GUIDE),
        ("CreateCallbackContact", K.CUSTOMER_QUEUE, Allowed.BY_BOTH),
        ("TransferContactToQueue", K.CUSTOMER_QUEUE, Allowed.BY_NEITHER),
        ("TransferContactToQueue", K.QUEUE_TRANSFER, Allowed.BY_BOTH),
        ("TransferToFlow", K.MODULE, Allowed.BY_BOTH),
        ("EndFlowModuleExecution", K.CONTACT_FLOW, Allowed.BY_NEITHER),
        ("EndFlowModuleExecution", K.MODULE, Allowed.BY_BOTH),
    ],
)
def test_who_allows_what(action: str, kind: FlowKind, verdict: Allowed) -> None:
    assert allowed(action, kind) is verdict


def test_table_names_actions_of_the_language() -> None:
    assert set(kinds._GUIDES) <= {definition.name for definition in ACTIONS}
