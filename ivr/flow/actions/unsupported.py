"""Actions that the language has and that cannot run here, each with the reason.

A document that holds one loads with a warning; when a contact meets it, the error branch is taken.
Names are those of AWS's developer guide and of exported flows, both spellings where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ivr.flow.outcome import Unavailable
from ivr.flow.parameters import Parameters
from ivr.flow.registry import ActionFamily, Needs

NOT_YET: Final = "does not run here yet"
CLOUD: Final = "needs a service of Amazon's cloud"
LAMBDA: Final = "has no function bound to it here"
LEX: Final = "needs Amazon Lex"
CASES: Final = "needs Amazon Connect Cases"
PROFILES: Final = "needs Amazon Connect Customer Profiles"
CHAT: Final = "is for chat and tasks"
STREAMS: Final = "needs Amazon Kinesis"
VOICE_ID: Final = "needs Amazon Connect Voice ID"
TABLES: Final = "needs Amazon Connect data tables"

REASONS: Final[Mapping[Needs, Mapping[str, str]]] = {
    Needs.PARTICIPANT: {
        "AuthenticateParticipant": CHAT,
        "CheckVoiceId": VOICE_ID,
        "ConnectParticipantWithLexBot": LEX,
        "ShowView": "needs Amazon Connect's agent workspace",
        "StartVoiceIdStream": VOICE_ID,
        "TransferParticipantToThirdParty": NOT_YET,
    },
    Needs.CONTACT: {
        "CompleteOutboundCall": NOT_YET,
        "CreateWisdomSession": "needs Amazon Q in Connect",
        "DequeueContactAndTransferToQueue": NOT_YET,
        "EndFlowModuleExecution": NOT_YET,
        "InvokeFlowModule": NOT_YET,
        "LoadContactContent": CLOUD,
        "ResumeContact": CHAT,
        "TagContact": NOT_YET,
        "UnTagContact": NOT_YET,
        "UntagContact": NOT_YET,
        "UpdateContactData": NOT_YET,
        "UpdateContactMediaProcessing": CHAT,
        "UpdateContactMediaStreamingBehavior": STREAMS,
        "UpdateContactRecordingAndAnalyticsBehavior": NOT_YET,
        "UpdateContactRoutingBehavior": NOT_YET,
        "UpdateContactRoutingCriteria": NOT_YET,
        "UpdateContactTextToSpeechVoice": NOT_YET,
        "UpdateRoutingCriteria": NOT_YET,
    },
    Needs.NOTHING: {
        "CheckOutboundCallStatus": NOT_YET,
        "CheckSegmentMembershipForCustomerProfile": PROFILES,
        "DistributeByPercentage": NOT_YET,
        "GetMetricData": NOT_YET,
        "UpdateFlowAttributes": NOT_YET,
        "UpdateFlowLoggingBehavior": NOT_YET,
        "Wait": CHAT,
    },
    Needs.INTEGRATION: {
        "AssociateContactToCustomerProfile": PROFILES,
        "CreateCase": CASES,
        "CreateContact": CLOUD,
        "CreateCustomerProfile": PROFILES,
        "CreatePersistentContactAssociation": CHAT,
        "CreateTask": CHAT,
        "EvaluateDataTableValues": TABLES,
        "GetCalculatedAttributesForCustomerProfile": PROFILES,
        "GetCase": CASES,
        "GetCustomerProfile": PROFILES,
        "GetCustomerProfileObject": PROFILES,
        "InvokeLambdaFunction": LAMBDA,
        "ListDataTableValues": TABLES,
        "RenderMessageTemplate": CLOUD,
        "StartOutboundChatContact": CHAT,
        "StartOutboundEmailContact": CLOUD,
        "UpdateCase": CASES,
        "UpdateCustomerProfile": PROFILES,
        "UpsertDataTableValues": TABLES,
    },
}
"""Action to reason, by what it needs."""


class Anything(Parameters):
    """Parameters that are not looked into."""

    def branches(self) -> None:
        """Any branch is as good as another."""
        return


def _refusal(reason: str) -> Callable[[Anything], Unavailable]:
    outcome = Unavailable(reason)
    return lambda _params: outcome


def _family(needs: Needs, reasons: Mapping[str, str]) -> ActionFamily:
    family = ActionFamily(needs)
    for name, reason in reasons.items():
        family.action(name, Anything, unavailable=reason)(_refusal(f"{name} {reason}"))
    return family


FAMILIES: Final = tuple(_family(needs, reasons) for needs, reasons in REASONS.items())
