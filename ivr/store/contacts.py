"""Contacts: their rows, their moves from state to state, and how full a queue is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, insert, select, update

from ivr.domain.contact import Contact, ContactState, InitiationMethod
from ivr.domain.errors import NotFound
from ivr.domain.ids import ContactId, QueueId
from ivr.ports.store import Enqueued, Note
from ivr.store import journal
from ivr.store.rows import checked, columns_of, record, records, values
from ivr.store.schema import callbacks, contacts

WAITING_STATES = (ContactState.QUEUED, ContactState.OFFERED, ContactState.AGENT_WHISPER)
"""States in which a contact is still in its queue: nobody has begun to serve the customer."""
OPEN_STATES = tuple(state for state in ContactState if state is not ContactState.ENDED)

IS_CALLBACK: ColumnElement[bool] = contacts.c.initiation == InitiationMethod.CALLBACK
COLUMNS = columns_of(contacts, Contact)

_THIS = contacts.c.id == bindparam("this")
_INSERT = insert(contacts)
_GET = select(*COLUMNS).where(_THIS)
_CHANGE = update(contacts).where(_THIS)
_MOVE = update(contacts).where(
    _THIS, contacts.c.state.in_(bindparam("from_states", expanding=True))
)
_CALLS = select(func.count()).where(
    contacts.c.queue_id == bindparam("queue"),
    contacts.c.state.in_(WAITING_STATES),
    ~IS_CALLBACK,
)
_CALLBACKS = select(func.count()).where(
    callbacks.c.queue_id == bindparam("queue"), callbacks.c.result.is_(None)
)


def create(connection: Connection, contact: Contact, notes: Sequence[Note]) -> None:
    """Insert a contact; its start dates the notes."""
    connection.execute(_INSERT, values(contact))
    journal.append(connection, contact.id, notes, at=contact.initiated_at)


def get(connection: Connection, contact_id: ContactId) -> Contact | None:
    """One contact, open or ended."""
    row = connection.execute(_GET, {"this": contact_id}).one_or_none()
    return None if row is None else record(Contact, row)


def existing(connection: Connection, contact_id: ContactId) -> Contact:
    """One contact.

    Raises:
        NotFound: There is none of this id.
    """
    contact = get(connection, contact_id)
    if contact is None:
        raise NotFound(f"no contact {contact_id}")
    return contact


def open_ones(connection: Connection) -> Sequence[Contact]:
    """Every contact that has not ended, in order of place."""
    return _contacts(
        connection,
        select(*COLUMNS)
        .where(contacts.c.state.in_(OPEN_STATES))
        .order_by(contacts.c.place_at, contacts.c.id),
    )


def recent(connection: Connection, limit: int) -> Sequence[Contact]:
    """The newest contacts, newest first."""
    return _contacts(
        connection,
        select(*COLUMNS)
        .order_by(contacts.c.initiated_at.desc(), contacts.c.id.desc())
        .limit(limit),
    )


def change(
    connection: Connection,
    contact_id: ContactId,
    changes: Mapping[str, Any],
    notes: Sequence[Note],
    *,
    now: datetime,
) -> None:
    """Set fields of a contact, open or ended; never ``state``.

    Raises:
        NotFound: There is no such contact.
        ValueError: A field cannot be set here.
    """
    fields = checked(changes, Contact, but=("id", "state"))
    if not fields:
        existing(connection, contact_id)
    elif connection.execute(_CHANGE, {"this": contact_id, **fields}).rowcount == 0:
        raise NotFound(f"no contact {contact_id}")
    journal.append(connection, contact_id, notes, at=now)


def move(
    connection: Connection,
    contact_id: ContactId,
    from_states: Collection[ContactState],
    to_state: ContactState,
    changes: Mapping[str, Any],
    notes: Sequence[Note] = (),
    *,
    now: datetime,
) -> bool:
    """Set the state and fields, if the state is still one of ``from_states``."""
    fields = checked(changes, Contact, but=("id", "state"))
    which = {"this": contact_id, "from_states": list(from_states)}
    if connection.execute(_MOVE, {**which, **fields, "state": to_state}).rowcount == 0:
        return False
    journal.append(connection, contact_id, notes, at=now)
    return True


def enqueue(
    connection: Connection,
    contact_id: ContactId,
    queue_id: QueueId,
    *,
    max_contacts: int | None,
    now: datetime,
) -> Enqueued:
    """Put a call that is in a flow into a queue, unless the queue is full.

    It waits from now on; a quick connect keeps its place.
    """
    contact = existing(connection, contact_id)
    if contact.state is not ContactState.IN_FLOW:
        return Enqueued.MOVED_ON
    if max_contacts is not None and occupancy(connection, queue_id) >= max_contacts:
        return Enqueued.FULL
    place_at = contact.place_at if contact.initiation is InitiationMethod.QUEUE_TRANSFER else now
    entry = {
        "queue_id": queue_id,
        "place_at": place_at,
        "enqueued_at": now,
        "dequeued_at": None,
    }
    move(connection, contact_id, (ContactState.IN_FLOW,), ContactState.QUEUED, entry, now=now)
    return Enqueued.ENTERED


def occupancy(connection: Connection, queue_id: QueueId) -> int:
    """How many places of a queue are taken: calls that wait, and callbacks without a result."""
    queue = {"queue": queue_id}
    return int(connection.scalar(_CALLS, queue) or 0) + int(
        connection.scalar(_CALLBACKS, queue) or 0
    )


def _contacts(connection: Connection, query: Select[Any]) -> list[Contact]:
    return records(Contact, connection.execute(query))
