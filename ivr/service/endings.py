"""Why a contact ended, and a callback's one result, by what ended it and when."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.domain.callback import CallbackResult, FailureReason
from ivr.domain.contact import Contact, ContactState, DisconnectReason
from ivr.domain.serving import Event


@dataclass(frozen=True, slots=True)
class Ending:
    """How a contact is closed; calls have no result."""

    reason: DisconnectReason
    result: CallbackResult
    failure: FailureReason | None = None


_REASONS = {
    Event.CUSTOMER_HUNG_UP: DisconnectReason.CUSTOMER_DISCONNECT,
    Event.AGENT_HUNG_UP: DisconnectReason.AGENT_DISCONNECT,
    Event.FLOW_ENDED: DisconnectReason.CONTACT_FLOW_DISCONNECT,
    Event.CALL_LOST: DisconnectReason.TELECOM_PROBLEM,
    Event.STOPPED: DisconnectReason.API,
    Event.EXPIRED: DisconnectReason.EXPIRED,
}
_FAILURE_REASONS = {
    FailureReason.ATTEMPTS_USED: DisconnectReason.TELECOM_UNANSWERED,
    FailureReason.BUSY: DisconnectReason.TELECOM_BUSY,
    FailureReason.INVALID: DisconnectReason.TELECOM_NUMBER_INVALID,
    FailureReason.REJECTED: DisconnectReason.TELECOM_POTENTIAL_BLOCKING,
    FailureReason.FORBIDDEN: DisconnectReason.OTHER,
    FailureReason.NETWORK: DisconnectReason.TELECOM_PROBLEM,
}


def ending_of(contact: Contact, event: Event, failure: FailureReason | None) -> Ending:
    """Why a contact that meets this event in its present state ended.

    Args:
        contact: As it stood before the event.
        event: What ended it.
        failure: Why a callback's last attempt was its last.
    """
    if failure is not None:
        return Ending(_FAILURE_REASONS[failure], CallbackResult.FAILED, failure)
    reason = _REASONS.get(event, DisconnectReason.OTHER)
    if event is Event.AGENT_HUNG_UP and contact.agent_id is None:
        reason = DisconnectReason.THIRD_PARTY_DISCONNECT  # a phone number that was brought in
    if contact.state is ContactState.CONNECTED:
        return Ending(reason, CallbackResult.COMPLETED)
    match event:
        case Event.STOPPED:
            return Ending(reason, CallbackResult.STOPPED)
        case Event.EXPIRED:
            return Ending(reason, CallbackResult.EXPIRED)
        case Event.CALL_LOST:
            return Ending(reason, CallbackResult.FAILED, FailureReason.NETWORK)
        case _:
            return Ending(reason, CallbackResult.FAILED, FailureReason.CUSTOMER_HUNG_UP)
