"""A contact: one customer interaction from start to end, whatever way it began.

The stages of a contact are one enum for calls and callbacks alike, because both are queued,
offered and joined by the same machine (``domain/serving.py``). Field names and times follow
Amazon Connect's contact record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from ivr.domain.ids import E164, AgentId, ContactId, LegId, QueueId
from ivr.domain.leg import Role, outbound_leg_id


class InitiationMethod(Enum):
    """How a contact began (Amazon Connect's values)."""

    INBOUND = "INBOUND"
    CALLBACK = "CALLBACK"
    TRANSFER = "TRANSFER"
    QUEUE_TRANSFER = "QUEUE_TRANSFER"
    API = "API"


class ContactState(Enum):
    """Where a contact stands; the comment says who hears what."""

    IN_FLOW = "in_flow"  # customer hears a flow; nobody else is on the contact
    SCHEDULED = "scheduled"  # callback inside its initial delay; nobody is on a phone
    WAITING_FOR_RETRY = "waiting_for_retry"  # callback between two attempts; nobody is on a phone
    QUEUED = "queued"  # call: customer hears the queue flow; callback: nobody is on a phone
    OFFERED = "offered"  # the agent's phone rings; the customer as in QUEUED
    AGENT_WHISPER = "agent_whisper"  # agent hears the agent whisper; customer as in QUEUED
    CUSTOMER_WHISPER = "customer_whisper"  # call: customer hears a whisper; agent hears nothing
    DIALLING = "dialling"  # callback: agent hears ringing; the customer's phone may ring
    OUTBOUND_WHISPER = "outbound_whisper"  # callback: customer hears a whisper; agent: ringing
    CONNECTED = "connected"  # agent and customer hear each other
    ENDED = "ended"  # final


SERVING_STATES = frozenset(
    {
        ContactState.OFFERED,
        ContactState.AGENT_WHISPER,
        ContactState.CUSTOMER_WHISPER,
        ContactState.DIALLING,
        ContactState.OUTBOUND_WHISPER,
        ContactState.CONNECTED,
    }
)
"""States in which the contact holds an agent."""


class DisconnectReason(Enum):
    """Why a contact ended (Amazon Connect's values; API and EXPIRED for callbacks)."""

    CUSTOMER_DISCONNECT = "CUSTOMER_DISCONNECT"
    AGENT_DISCONNECT = "AGENT_DISCONNECT"
    CONTACT_FLOW_DISCONNECT = "CONTACT_FLOW_DISCONNECT"
    BARGED = "BARGED"
    TELECOM_PROBLEM = "TELECOM_PROBLEM"
    TELECOM_BUSY = "TELECOM_BUSY"
    TELECOM_NUMBER_INVALID = "TELECOM_NUMBER_INVALID"
    TELECOM_UNANSWERED = "TELECOM_UNANSWERED"
    TELECOM_POTENTIAL_BLOCKING = "TELECOM_POTENTIAL_BLOCKING"
    THIRD_PARTY_DISCONNECT = "THIRD_PARTY_DISCONNECT"
    API = "API"
    EXPIRED = "EXPIRED"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One row of truth about a contact.

    Attributes:
        place_at: What its order in a queue goes by: enqueueing for a call, the start of the
            initial contact for a callback and its retries.
        queue_id: The queue it waits in or was served from.
        target_queue_id: The working queue its flow has set.
        customer_leg: The inbound channel of a call; none for a callback.
        caller_account: The endpoint of the caller account the call came from, if any.
        priority: 1 (first) to 10, 5 by default, among equals of the routing profile.
        hooks: Event hook name to flow name; an empty text disables that whisper.
        callback_number: The number the flow has set for a callback.
        position: Resume point of the running flow, as the flow floor wrote it.
        agent_attempts: How many offers were made (AgentConnectionAttempts).
        adopted_leg: The leg of its agent where that is not the one of the latest offer.
        room_id: The contact in whose room its parties talk; none = its own. Who comes to a contact
            by a quick connect stays in the room where the talk is.
        holds: How often its agent put the customer on hold.
        held: How long the customer was on hold, holds that are over.
        longest_hold: The longest of them.
        held_since: When the hold began that is not over.
    """

    id: ContactId
    initial_id: ContactId
    previous_id: ContactId | None = None
    next_id: ContactId | None = None
    initiation: InitiationMethod
    state: ContactState
    customer_number: E164 | None = None
    customer_name: str | None = None
    system_number: E164 | None = None
    customer_leg: LegId | None = None
    caller_account: str | None = None
    queue_id: QueueId | None = None
    target_queue_id: QueueId | None = None
    place_at: datetime
    priority: int = 5
    initiated_at: datetime
    connected_to_system_at: datetime | None = None
    enqueued_at: datetime | None = None
    dequeued_at: datetime | None = None
    connected_to_agent_at: datetime | None = None
    disconnected_at: datetime | None = None
    acw_started_at: datetime | None = None
    acw_ended_at: datetime | None = None
    agent_id: AgentId | None = None
    agent_attempts: int = 0
    adopted_leg: LegId | None = None
    disconnect_reason: DisconnectReason | None = None
    language: str = "en-US"
    voice: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    hooks: Mapping[str, str] = field(default_factory=dict)
    callback_number: E164 | None = None
    position: Mapping[str, Any] | None = None
    room_id: ContactId | None = None
    holds: int = 0
    held: timedelta = timedelta(0)
    longest_hold: timedelta = timedelta(0)
    held_since: datetime | None = None

    @property
    def offered_leg(self) -> LegId:
        """The leg that its latest offer made."""
        return outbound_leg_id(self.id, Role.AGENT, self.agent_attempts)

    @property
    def agent_leg(self) -> LegId:
        """The leg on which its agent talks."""
        return self.adopted_leg or self.offered_leg

    @property
    def talks_in(self) -> ContactId:
        """The contact whose room is this one's."""
        return self.room_id or self.id

    @property
    def is_transfer(self) -> bool:
        """Whether it is the destination of a quick connect."""
        return self.initiation in (InitiationMethod.TRANSFER, InitiationMethod.QUEUE_TRANSFER)

    @property
    def is_callback(self) -> bool:
        """Whether the customer is reached by a call that we make."""
        return self.initiation is InitiationMethod.CALLBACK
