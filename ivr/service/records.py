"""The contact record: what is written down about one contact, with Amazon Connect's field names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ivr.domain.callback import Attempt, Callback
from ivr.domain.contact import Contact
from ivr.domain.errors import NotFound
from ivr.domain.ids import AgentId, QueueId
from ivr.domain.phone_number import mask, mask_in
from ivr.domain.site import Site

OPEN_CALLBACK_ID = "ivr_open_callback_id"
"""The attribute that holds a contact's id, which may look like a number in places."""


def contact_record(
    contact: Contact, callback: Callback | None, attempts: tuple[Attempt, ...], site: Site
) -> Mapping[str, Any]:
    """One contact as a record; times are ISO 8601 UTC, durations whole seconds.

    What Connect does not have stands under ``ivr``: ``WaitDuration`` counts from the request of a
    callback to the agent's acceptance, ``Queue.Duration`` from entering the queue.
    """
    return {
        "ContactId": contact.id,
        "InitialContactId": contact.initial_id,
        "PreviousContactId": contact.previous_id,
        "NextContactId": contact.next_id,
        "Channel": "VOICE",
        "InitiationMethod": contact.initiation.value,
        "InitiationTimestamp": _time(contact.initiated_at),
        "ConnectedToSystemTimestamp": _time(contact.connected_to_system_at),
        "DisconnectTimestamp": _time(contact.disconnected_at),
        "DisconnectReason": contact.disconnect_reason.value if contact.disconnect_reason else None,
        "CustomerEndpoint": _endpoint(contact.customer_number),
        "SystemEndpoint": _endpoint(contact.system_number),
        "AgentConnectionAttempts": contact.agent_attempts,
        "Attributes": _attributes(contact),
        "Queue": _queue(contact, site),
        "Agent": _agent(contact, site),
        "ivr": {
            "State": contact.state.value,
            "PlaceTimestamp": _time(contact.place_at),
            "WaitDuration": _seconds(contact.initiated_at, contact.dequeued_at),
            "Callback": _callback(callback, attempts),
        },
    }


def _attributes(contact: Contact) -> Mapping[str, str]:
    """What flows have set, every number in it hidden; an id of ours is no number."""
    return {
        name: value if name == OPEN_CALLBACK_ID else mask_in(value)
        for name, value in contact.attributes.items()
    }


def _queue(contact: Contact, site: Site) -> Mapping[str, Any] | None:
    if contact.queue_id is None:
        return None
    return {
        "ARN": contact.queue_id,
        "Name": _queue_name(site, contact.queue_id),
        "EnqueueTimestamp": _time(contact.enqueued_at),
        "DequeueTimestamp": _time(contact.dequeued_at),
        "Duration": _seconds(contact.enqueued_at, contact.dequeued_at),
    }


def _queue_name(site: Site, queue_id: QueueId) -> str:
    queue = site.find_queue(queue_id)
    return queue.name if queue else queue_id


def _agent(contact: Contact, site: Site) -> Mapping[str, Any] | None:
    if contact.agent_id is None or contact.connected_to_agent_at is None:
        return None
    return {
        "ARN": contact.agent_id,
        "Username": _agent_name(site, contact.agent_id),
        "ConnectedToAgentTimestamp": _time(contact.connected_to_agent_at),
        "AgentInteractionDuration": _seconds(
            contact.connected_to_agent_at, contact.disconnected_at
        ),
        "NumberOfHolds": contact.holds,
        "CustomerHoldDuration": round(contact.held.total_seconds()),
        "LongestHoldDuration": round(contact.longest_hold.total_seconds()),
        "AfterContactWorkStartTimestamp": _time(contact.acw_started_at),
        "AfterContactWorkEndTimestamp": _time(contact.acw_ended_at),
        "AfterContactWorkDuration": _seconds(contact.acw_started_at, contact.acw_ended_at),
    }


def _agent_name(site: Site, agent_id: AgentId) -> str:
    try:
        return site.agent(agent_id).name
    except NotFound:
        return agent_id


def _callback(callback: Callback | None, attempts: tuple[Attempt, ...]) -> Mapping[str, Any] | None:
    if callback is None:
        return None
    return {
        "Number": mask(callback.number),
        "Result": callback.result.value if callback.result else None,
        "Failure": callback.failure.value if callback.failure else None,
        "AttemptsUsed": callback.attempts_used,
        "AttemptsAllowed": callback.retries + 1,
        "DueTimestamp": _time(callback.due_at),
        "ExpiryTimestamp": _time(callback.expires_at),
        "Attempts": [
            {
                "StartTimestamp": _time(attempt.started_at),
                "EndTimestamp": _time(attempt.ended_at),
                "Outcome": attempt.outcome.value if attempt.outcome else None,
                "Rang": attempt.rang,
                "Counted": attempt.counted,
            }
            for attempt in attempts
        ],
    }


def _endpoint(number: str | None) -> Mapping[str, str] | None:
    return {"Address": mask(number), "Type": "TELEPHONE_NUMBER"} if number else None


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    return round((end - start).total_seconds()) if start and end else None
