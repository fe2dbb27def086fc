"""Records with everything filled in: a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ivr.domain.agent import AVAILABLE, AgentActivity, AgentState, StatusKind
from ivr.domain.callback import LIFETIME, Callback
from ivr.domain.contact import Contact, ContactState, InitiationMethod
from ivr.domain.ids import E164, AgentId, ContactId, QueueId
from ivr.ports.store import CallbackLimits, DialLimits

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SUPPORT = QueueId("support")
SALES = QueueId("sales")
ANNA = AgentId("anna")
BEN = AgentId("ben")
CUSTOMER = E164("+4930123450001")
OTHER_CUSTOMER = E164("+4930123450002")
NO_LIMITS = CallbackLimits(
    max_contacts=None, one_per_number=True, per_number_daily=None, per_minute=None
)
NO_DIAL_LIMITS = DialLimits(concurrent=None, per_minute=None)


def seconds(number: float) -> timedelta:
    """So many seconds."""
    return timedelta(seconds=number)


def a_contact(name: str = "call", **fields: Any) -> Contact:
    """A call that hears its flow, begun ``NOW``."""
    contact = Contact(
        id=ContactId(name),
        initial_id=ContactId(name),
        initiation=InitiationMethod.INBOUND,
        state=ContactState.IN_FLOW,
        customer_number=CUSTOMER,
        place_at=NOW,
        initiated_at=NOW,
    )
    return replace(contact, **fields)


def a_callback_contact(name: str = "callback", **fields: Any) -> Contact:
    """The contact of a callback that is queued, with the place of a call begun ``NOW``."""
    queued = {
        "initiation": InitiationMethod.CALLBACK,
        "state": ContactState.QUEUED,
        "queue_id": SUPPORT,
        "enqueued_at": NOW,
    }
    return a_contact(name, **(queued | fields))


def a_callback(name: str = "callback", **fields: Any) -> Callback:
    """A callback to ``CUSTOMER`` that is due at once, with two retries five minutes apart."""
    callback = Callback(
        contact_id=ContactId(name),
        number=CUSTOMER,
        queue_id=SUPPORT,
        retries=2,
        retry_delay=timedelta(minutes=5),
        created_at=NOW,
        due_at=NOW,
        expires_at=NOW + LIFETIME,
    )
    return replace(callback, **fields)


def an_agent_state(agent_id: AgentId = ANNA, **fields: Any) -> AgentState:
    """An agent who is available, idle and reachable since ``NOW``."""
    agent = AgentState(
        agent_id=agent_id,
        status=AVAILABLE,
        status_kind=StatusKind.ROUTABLE,
        status_since=NOW,
        activity=AgentActivity.IDLE,
        activity_since=NOW,
        idle_since=NOW,
        reachable=True,
    )
    return replace(agent, **fields)
