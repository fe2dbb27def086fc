"""What a step of a quick connect changes in the two contacts it links; committed with the step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ivr.domain.contact import Contact, ContactState, DisconnectReason
from ivr.domain.quick_connect import FLOWS, Event, QuickConnectKind, TransferState
from ivr.domain.transfer import Transfer, is_held, state_of_destination
from ivr.ports.store import ContactChange

S, E = TransferState, Event

_QUEUES = frozenset({S.IN_QUEUE, S.ADDING_IN_QUEUE})
_MISSES = frozenset({E.DESTINATION_FAILED, E.DESTINATION_HUNG_UP})
_REASONS = {
    E.CUSTOMER_HUNG_UP: DisconnectReason.CUSTOMER_DISCONNECT,
    E.DROP_ASKED: DisconnectReason.AGENT_DISCONNECT,
    E.LEAVE_ASKED: DisconnectReason.AGENT_DISCONNECT,
    E.SOURCE_LOST: DisconnectReason.AGENT_DISCONNECT,
    E.FLOW_ENDED: DisconnectReason.CONTACT_FLOW_DISCONNECT,
    E.STOPPED: DisconnectReason.API,
}


def changes_of(
    before: Transfer,
    after: Transfer,
    event: Event,
    source: Contact,
    destination: Contact,
    *,
    now: datetime,
) -> tuple[ContactChange, ContactChange]:
    """Changes of the source's contact and of the destination's."""
    return (
        _of_source(before, after, event, source, now),
        _of_destination(before, after, event, source, destination, now),
    )


def hold_begins(contact: Contact, now: datetime) -> Mapping[str, Any]:
    """Fields of a contact whose agent puts the customer on hold."""
    return {"holds": contact.holds + 1, "held_since": now}


def hold_ends(contact: Contact, now: datetime) -> Mapping[str, Any]:
    """Fields of a contact whose customer is taken off hold."""
    if contact.held_since is None:
        return {}
    length = now - contact.held_since
    return {
        "held_since": None,
        "held": contact.held + length,
        "longest_hold": max(contact.longest_hold, length),
    }


def _of_source(
    before: Transfer, after: Transfer, event: Event, contact: Contact, now: datetime
) -> ContactChange:
    if before.handed_over or before.is_party:
        return ContactChange(contact.id, None)
    fields: dict[str, Any] = {}
    if is_held(after.state) and not after.handed_over and contact.held_since is None:
        fields |= hold_begins(contact, now)
    elif contact.held_since is not None and (after.handed_over or not is_held(after.state)):
        fields |= hold_ends(contact, now)
    if after.handed_over:
        fields |= {
            "disconnected_at": now,
            "disconnect_reason": _end_of_source(event, contact),
            "next_id": after.contact_id,
        }
        return ContactChange(contact.id, ContactState.ENDED, fields)
    if after.state is S.QUEUED:
        fields |= {"agent_id": None, "dequeued_at": None}
        return ContactChange(contact.id, ContactState.QUEUED, fields)
    if after.state is S.ENDED:
        gone = before.state is S.CUSTOMER_GONE
        reason = DisconnectReason.CUSTOMER_DISCONNECT if gone else _REASONS.get(event)
        fields |= {"disconnected_at": now, "disconnect_reason": reason or DisconnectReason.OTHER}
        return ContactChange(contact.id, ContactState.ENDED, fields)
    return ContactChange(contact.id, None, fields)


def _of_destination(
    before: Transfer,
    after: Transfer,
    event: Event,
    source: Contact,
    contact: Contact,
    now: datetime,
) -> ContactChange:
    state = state_of_destination(after.state)
    fields: dict[str, Any] = {}
    if after.state in _QUEUES and event in _MISSES:
        state, fields = ContactState.QUEUED, {"agent_id": None, "dequeued_at": None}
    elif after.state is S.QUEUED:
        state, fields = _queued(before, after, contact, now)
    elif state is ContactState.ENDED:
        fields |= {"disconnected_at": now, "disconnect_reason": _reason(after, event)}
    elif state is ContactState.AGENT_WHISPER and contact.state is not state:
        fields["dequeued_at"] = now
    elif state is ContactState.CONNECTED and contact.connected_to_agent_at is None:
        fields["connected_to_agent_at"] = now
    if after.handed_over and not before.handed_over:
        fields["customer_leg"] = source.customer_leg
    if before.state in FLOWS and after.state not in FLOWS:
        fields["position"] = None  # it may hold what was keyed
    return ContactChange(contact.id, None if state is contact.state else state, fields)


def _queued(
    before: Transfer, after: Transfer, contact: Contact, now: datetime
) -> tuple[ContactState | None, dict[str, Any]]:
    """What becomes of the destination's contact when the customer waits in a queue."""
    if not after.handed_over:
        reason = DisconnectReason.AGENT_DISCONNECT
        return ContactState.ENDED, {"disconnected_at": now, "disconnect_reason": reason}
    if before.state in _QUEUES:
        return None, {}  # it waits there already, and may be offered
    back = {"agent_id": None, "dequeued_at": None, "enqueued_at": now}
    return ContactState.QUEUED, {**back, "queue_id": contact.queue_id or contact.target_queue_id}


def _reason(after: Transfer, event: Event) -> DisconnectReason:
    if event is E.DESTINATION_HUNG_UP:
        return _hang_up(is_number=after.kind is QuickConnectKind.NUMBER)
    return _REASONS.get(event, DisconnectReason.OTHER)


def _end_of_source(event: Event, contact: Contact) -> DisconnectReason:
    """Why the contact of a source who has left is over."""
    if event is E.TAKEN_OVER:
        return DisconnectReason.BARGED
    return _hang_up(is_number=contact.agent_id is None)


def _hang_up(*, is_number: bool) -> DisconnectReason:
    """Why the contact of a number or an agent who has gone is over."""
    return (
        DisconnectReason.THIRD_PARTY_DISCONNECT if is_number else DisconnectReason.AGENT_DISCONNECT
    )
