"""Kinds of flows, and which actions each may hold.

AWS's developer guide and administrator guide often disagree. An action is allowed in a kind of
flow where either says so, with a warning where only one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class FlowKind(Enum):
    """What a flow is for; values are those of Connect's API (``ContactFlowType``)."""

    CONTACT_FLOW = "CONTACT_FLOW"
    CUSTOMER_QUEUE = "CUSTOMER_QUEUE"
    CUSTOMER_HOLD = "CUSTOMER_HOLD"
    CUSTOMER_WHISPER = "CUSTOMER_WHISPER"
    AGENT_HOLD = "AGENT_HOLD"
    AGENT_WHISPER = "AGENT_WHISPER"
    OUTBOUND_WHISPER = "OUTBOUND_WHISPER"
    AGENT_TRANSFER = "AGENT_TRANSFER"
    QUEUE_TRANSFER = "QUEUE_TRANSFER"
    CAMPAIGN = "CAMPAIGN"
    MODULE = "MODULE"


NAMES_IN_EXPORTS: Final[Mapping[str, FlowKind]] = {
    "contactFlow": FlowKind.CONTACT_FLOW,
    "customerQueue": FlowKind.CUSTOMER_QUEUE,
    "customerHold": FlowKind.CUSTOMER_HOLD,
    "customerWhisper": FlowKind.CUSTOMER_WHISPER,
    "agentHold": FlowKind.AGENT_HOLD,
    "agentWhisper": FlowKind.AGENT_WHISPER,
    "outboundWhisper": FlowKind.OUTBOUND_WHISPER,
    "agentTransfer": FlowKind.AGENT_TRANSFER,
    "queueTransfer": FlowKind.QUEUE_TRANSFER,
}
"""``Metadata.type`` of exported flows."""


class Allowed(Enum):
    """What AWS's two guides say of an action in a kind of flow."""

    BY_BOTH = "both guides"
    BY_DEVELOPER_GUIDE = "only the developer guide"
    BY_ADMINISTRATOR_GUIDE = "only the administrator guide"
    BY_NEITHER = "neither guide"


_I = frozenset({FlowKind.CONTACT_FLOW, FlowKind.CAMPAIGN, FlowKind.MODULE})
_M = frozenset({FlowKind.MODULE})
_CQ = frozenset({FlowKind.CUSTOMER_QUEUE})
_CW = frozenset({FlowKind.CUSTOMER_WHISPER})
_AW = frozenset({FlowKind.AGENT_WHISPER})
_OW = frozenset({FlowKind.OUTBOUND_WHISPER})
_T = frozenset({FlowKind.AGENT_TRANSFER, FlowKind.QUEUE_TRANSFER})
_HOLD = frozenset({FlowKind.CUSTOMER_HOLD, FlowKind.AGENT_HOLD})
_ALL = frozenset(FlowKind)
_Kinds = frozenset[FlowKind]

_BOTH: Mapping[str, _Kinds] = {
    "MessageParticipant": _I | _T | _CQ | _CW | _AW | _OW,  # Connect's default outbound plays one
    "MessageParticipantIteratively": _CQ | _HOLD,
    "CheckHoursOfOperation": _I | _T | _CQ,
    "CheckMetricData": _I | _T | _CQ,
    "UpdateContactTargetQueue": _I | _T,
    "TransferContactToQueue": _I | _T,
    "DequeueContactAndTransferToQueue": _CQ,
    "TransferContactToAgent": _T,
    "UpdateContactCallbackNumber": _I | _T | _CQ,
    "CreateCallbackContact": _I | _T | _CQ,
    "UpdateContactRoutingCriteria": _I | _T | _CQ,
    "UpdateRoutingCriteria": _I | _T | _CQ,
    "TransferToFlow": _I | _T,
    "InvokeFlowModule": _I,
    "EndFlowModuleExecution": _M,
    "TransferParticipantToThirdParty": _I | _T | _CQ,
    "CompleteOutboundCall": _OW,
    "UpdateContactRecordingBehavior": _I | _T | _OW | _CQ,
    "UpdateContactMediaStreamingBehavior": _I | _T | _CQ | _CW | _AW | _OW,
}

_DEVELOPER_AND_ADMINISTRATOR: Mapping[str, tuple[_Kinds, _Kinds]] = {
    "GetParticipantInput": (_I | _T | _CQ, _I | _T | _CQ | _OW),
    "InvokeLambdaFunction": (_ALL, _ALL - _OW),
    "DistributeByPercentage": (_I | _T | _CQ, _I | _T | _CQ | _OW),
    "UpdateContactRoutingBehavior": (_I, _I | _T | _CQ | _OW),
    "EndFlowExecution": (_CW | _AW | _OW | _CQ, _ALL),
    "UpdatePreviousContactParticipantState": (_I | _T, _I | _T | _OW),
    "Wait": (_ALL, _I | _CQ),
    "ShowView": (_I | _CQ, _I),
}

_GUIDES: Final = {name: (kinds, kinds) for name, kinds in _BOTH.items()} | dict(
    _DEVELOPER_AND_ADMINISTRATOR
)
"""Action to the kinds of flow that each guide names; an action that is not here goes anywhere."""


def allowed(action: str, kind: FlowKind) -> Allowed:
    """Answer who allows an action in a kind of flow."""
    by_developer, by_administrator = (kind in kinds for kinds in _GUIDES.get(action, (_ALL, _ALL)))
    if by_developer:
        return Allowed.BY_BOTH if by_administrator else Allowed.BY_DEVELOPER_GUIDE
    return Allowed.BY_ADMINISTRATOR_GUIDE if by_administrator else Allowed.BY_NEITHER
