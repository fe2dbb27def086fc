"""What routing reads, and the claim that gives one agent one contact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, case, exists, func, select, update

from ivr.domain.agent import AgentActivity, StatusKind
from ivr.domain.contact import ContactState
from ivr.domain.ids import AgentId, ContactId
from ivr.ports.store import Note, QueueFigures, Snapshot, WaitingContact
from ivr.store import agents as agent_rows
from ivr.store import journal
from ivr.store.attempts import customer_present
from ivr.store.contacts import IS_CALLBACK, WAITING_STATES
from ivr.store.rows import records
from ivr.store.schema import agents, callbacks, contacts

_SCHEDULED_STATES = (ContactState.SCHEDULED, ContactState.WAITING_FOR_RETRY)


_other = contacts.alias("other")
_WAITING = (
    select(
        contacts.c.id.label("contact_id"),
        contacts.c.queue_id,
        contacts.c.place_at,
        func.coalesce(contacts.c.enqueued_at, contacts.c.initiated_at).label("waiting_since"),
        contacts.c.priority,
        IS_CALLBACK.label("is_callback"),
        select(callbacks.c.number)
        .where(callbacks.c.contact_id == contacts.c.id)
        .scalar_subquery()
        .label("number"),
        and_(
            IS_CALLBACK,
            exists().where(
                _other.c.customer_number == contacts.c.customer_number,
                _other.c.id != contacts.c.id,
                customer_present(_other),
            ),
        ).label("busy_number"),
    )
    .where(contacts.c.state == ContactState.QUEUED)
    .order_by(contacts.c.place_at, contacts.c.id)
)
_OFFER = (
    update(contacts)
    .where(contacts.c.id == bindparam("contact"), contacts.c.state == bindparam("from_state"))
    .values(
        state=ContactState.OFFERED,
        agent_id=bindparam("agent"),
        agent_attempts=contacts.c.agent_attempts + 1,
        adopted_leg=None,
    )
    .returning(contacts.c.agent_attempts)
)
_RESERVE = (
    update(agents)
    .where(
        agents.c.agent_id == bindparam("agent"),
        agents.c.status_kind == StatusKind.ROUTABLE,
        agents.c.activity == AgentActivity.IDLE,
        agents.c.reachable,
        agents.c.contact_id.is_(None),
    )
    .values(
        activity=AgentActivity.OFFERED,
        activity_since=bindparam("now"),
        contact_id=bindparam("contact"),
    )
)


def snapshot(connection: Connection) -> Snapshot:
    """Queued contacts in order of place, and all agents."""
    waiting = records(WaitingContact, connection.execute(_WAITING))
    return Snapshot(waiting=waiting, agents=agent_rows.everyone(connection))


def claim(
    connection: Connection,
    contact_id: ContactId,
    agent_id: AgentId,
    notes: Sequence[Note],
    *,
    from_state: ContactState,
    now: datetime,
) -> int | None:
    """Reserve one agent for one contact, or change nothing.

    Returns:
        The number of this offer for the contact, or none if either was taken.
    """
    pair = {"contact": contact_id, "agent": agent_id}
    with connection.begin_nested() as both:
        offer = connection.scalar(_OFFER, {**pair, "from_state": from_state})
        if offer is None:
            return None
        if connection.execute(_RESERVE, {**pair, "now": now}).rowcount == 0:
            both.rollback()
            return None
    journal.append(connection, contact_id, notes, at=now)
    return int(offer)


def queue_figures(connection: Connection) -> Sequence[QueueFigures]:
    """What waits, per queue that has something waiting."""
    in_queue = contacts.c.state.in_(WAITING_STATES)
    rows = connection.execute(
        select(
            contacts.c.queue_id,
            func.count(case((and_(in_queue, ~IS_CALLBACK), 1))).label("calls"),
            func.count(case((and_(in_queue, IS_CALLBACK), 1))).label("callbacks"),
            func.count(case((~in_queue, 1))).label("scheduled"),
            func.min(case((in_queue, contacts.c.place_at))).label("oldest_at"),
        )
        .where(
            contacts.c.state.in_((*WAITING_STATES, *_SCHEDULED_STATES)),
            contacts.c.queue_id.is_not(None),
        )
        .group_by(contacts.c.queue_id)
        .order_by(contacts.c.queue_id)
    )
    return records(QueueFigures, rows)
