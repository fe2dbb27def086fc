"""Callbacks: creation under the limits, their way between queue and waiting, their one result."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from ivr.domain.callback import Callback, CallbackResult, FailureReason
from ivr.domain.contact import SERVING_STATES, Contact, ContactState
from ivr.domain.errors import DomainError, NotFound
from ivr.domain.ids import E164, ContactId
from ivr.ports.store import (
    CallbackCreated,
    CallbackKept,
    CallbackLimits,
    CallbackRefused,
    Note,
    Timer,
    TimerKind,
)
from ivr.store import contacts as contact_rows
from ivr.store import timers
from ivr.store.rows import checked, columns_of, record, records, values
from ivr.store.schema import callbacks, contacts

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_COLUMNS = columns_of(callbacks, Callback)
_OPEN = callbacks.c.result.is_(None)
_FINAL = ("result", "failure")
_OUT_OF_QUEUE = (ContactState.SCHEDULED, ContactState.WAITING_FOR_RETRY)

_THIS = callbacks.c.contact_id == bindparam("this")
_NUMBER = callbacks.c.number == bindparam("of_number")
_SINCE = callbacks.c.created_at > bindparam("since")
_INSERT = insert(callbacks)
_GET = select(*_COLUMNS).where(_THIS)
_SET = update(callbacks).where(_THIS)
_OPEN_OF_NUMBER = (
    select(callbacks.c.contact_id)
    .where(_NUMBER, callbacks.c.queue_id == bindparam("queue"), _OPEN)
    .order_by(callbacks.c.created_at, callbacks.c.contact_id)
    .limit(1)
)
_OLDEST_OF_NUMBER = (
    select(callbacks.c.contact_id)
    .join(contacts, contacts.c.id == callbacks.c.contact_id)
    .where(_NUMBER, _OPEN)
    .order_by(contacts.c.place_at, contacts.c.id)
    .limit(1)
)
_OPEN_ONES = select(*_COLUMNS).where(_OPEN)
_CONTACTS_OF_OPEN_ONES = (
    select(*contact_rows.COLUMNS)
    .join(callbacks, callbacks.c.contact_id == contacts.c.id)
    .where(_OPEN)
    .order_by(contacts.c.place_at, contacts.c.id)
)
_CREATED_SINCE = select(func.count()).where(_SINCE)
_CREATED_FOR_NUMBER_SINCE = select(func.count()).where(_NUMBER, _SINCE)


def create(
    connection: Connection,
    contact: Contact,
    callback: Callback,
    *,
    asked_by: ContactId | None,
    limits: CallbackLimits,
    notes: Sequence[Note],
    now: datetime,
) -> CallbackCreated | CallbackKept | CallbackRefused:
    """Create a callback with its timers and links, keep an open one instead, or do nothing.

    A caller who waits in a queue leaves it, whether the callback is new or kept; the place they
    held there does not count against the limit of the queue.

    Raises:
        DomainError: The asking contact is being offered or served (product rule D4).
        NotFound: There is no asking contact.
    """
    asking = None if asked_by is None else contact_rows.existing(connection, asked_by)
    if asking is not None and asking.state in SERVING_STATES:
        raise DomainError(f"contact {asking.id} is being offered or served")
    if limits.one_per_number and (kept := _open_one(connection, callback)) is not None:
        _leave_queue(connection, asking, {}, now=now)
        return CallbackKept(kept)
    freed = asking is not None and (asking.state, asking.queue_id) == (
        ContactState.QUEUED,
        callback.queue_id,
    )
    if refused := _refusal(connection, callback, limits, freed=int(freed), now=now):
        return refused
    contact_rows.create(connection, contact, notes)
    connection.execute(_INSERT, {**values(callback), "one_per_number": limits.one_per_number})
    if contact.state is ContactState.SCHEDULED:
        timers.put(connection, _timer(TimerKind.CALLBACK_DUE, contact.id, callback.due_at))
    timers.put(connection, _timer(TimerKind.CALLBACK_EXPIRES, contact.id, callback.expires_at))
    _leave_queue(connection, asking, {"next_id": contact.id}, now=now)
    return CallbackCreated(contact.id)


def get(connection: Connection, contact_id: ContactId) -> Callback | None:
    """The callback's own row."""
    row = connection.execute(_GET, {"this": contact_id}).one_or_none()
    return None if row is None else record(Callback, row)


def existing(connection: Connection, contact_id: ContactId) -> Callback:
    """The callback's own row.

    Raises:
        NotFound: No callback has this contact.
    """
    callback = get(connection, contact_id)
    if callback is None:
        raise NotFound(f"no callback {contact_id}")
    return callback


def open_ones(connection: Connection) -> Sequence[tuple[Contact, Callback]]:
    """Every callback without a result, in order of place."""
    own = {row.contact_id: record(Callback, row) for row in connection.execute(_OPEN_ONES)}
    found = records(Contact, connection.execute(_CONTACTS_OF_OPEN_ONES))
    return [(contact, own[contact.id]) for contact in found]


def open_one_of(connection: Connection, number: E164) -> tuple[Contact, Callback] | None:
    """The open callback to this number that has the oldest place."""
    contact_id = connection.scalar(_OLDEST_OF_NUMBER, {"of_number": number})
    if contact_id is None:
        return None
    return contact_rows.existing(connection, contact_id), existing(connection, contact_id)


def change(connection: Connection, contact_id: ContactId, changes: Mapping[str, Any]) -> None:
    """Set fields of a callback; never its result.

    Raises:
        NotFound: There is no such callback.
        ValueError: A field cannot be set here.
    """
    existing(connection, contact_id)
    _set(connection, contact_id, checked(changes, Callback, but=("contact_id", *_FINAL)))


def enter_queue(
    connection: Connection, contact_id: ContactId, notes: Sequence[Note] = (), *, now: datetime
) -> bool:
    """Put a scheduled or waiting callback into its queue; clears its due timer."""
    timers.clear(connection, TimerKind.CALLBACK_DUE, contact_id)
    entry = {"enqueued_at": now, "dequeued_at": None}
    return contact_rows.move(
        connection, contact_id, _OUT_OF_QUEUE, ContactState.QUEUED, entry, notes, now=now
    )


def reschedule(
    connection: Connection,
    contact_id: ContactId,
    from_state: ContactState,
    *,
    due_at: datetime,
    notes: Sequence[Note],
    now: datetime,
) -> bool:
    """Move a callback to ``WAITING_FOR_RETRY`` until ``due_at``; frees no agent."""
    moved = contact_rows.move(
        connection,
        contact_id,
        (from_state,),
        ContactState.WAITING_FOR_RETRY,
        {"agent_id": None},
        notes,
        now=now,
    )
    if moved:
        _set(connection, contact_id, {"due_at": due_at})
        timers.put(connection, _timer(TimerKind.CALLBACK_DUE, contact_id, due_at))
    return moved


def end(
    connection: Connection,
    contact_id: ContactId,
    from_states: Collection[ContactState],
    result: CallbackResult,
    failure: FailureReason | None,
    changes: Mapping[str, Any],
    notes: Sequence[Note],
    *,
    now: datetime,
) -> bool:
    """Give a callback its one result and end its contact, clearing its timers."""
    callback = get(connection, contact_id)
    if callback is None or callback.result is not None:
        return False
    ending = {"disconnected_at": now, **changes}
    if not contact_rows.move(
        connection, contact_id, from_states, ContactState.ENDED, ending, notes, now=now
    ):
        return False
    _set(connection, contact_id, {"result": result, "failure": failure})
    timers.clear(connection, TimerKind.CALLBACK_DUE, contact_id)
    timers.clear(connection, TimerKind.CALLBACK_EXPIRES, contact_id)
    return True


def _open_one(connection: Connection, callback: Callback) -> ContactId | None:
    wanted = {"of_number": callback.number, "queue": callback.queue_id}
    kept: ContactId | None = connection.scalar(_OPEN_OF_NUMBER, wanted)
    return kept


def _refusal(
    connection: Connection,
    callback: Callback,
    limits: CallbackLimits,
    *,
    freed: int,
    now: datetime,
) -> CallbackRefused | None:
    if limits.max_contacts is not None:
        taken = contact_rows.occupancy(connection, callback.queue_id) - freed
        if taken >= limits.max_contacts:
            return CallbackRefused.QUEUE_FULL
    if limits.per_number_daily is not None:
        today = {"of_number": callback.number, "since": now - _DAY}
        if (connection.scalar(_CREATED_FOR_NUMBER_SINCE, today) or 0) >= limits.per_number_daily:
            return CallbackRefused.TOO_MANY_FOR_NUMBER
    if limits.per_minute is not None:
        lately = {"since": now - _MINUTE}
        if (connection.scalar(_CREATED_SINCE, lately) or 0) >= limits.per_minute:
            return CallbackRefused.TOO_MANY_PER_MINUTE
    return None


def _leave_queue(
    connection: Connection, asking: Contact | None, links: Mapping[str, Any], *, now: datetime
) -> None:
    """Link the asking contact, and take it out of the queue it waits in."""
    if asking is None:
        return
    if asking.state is ContactState.QUEUED:
        left = {**links, "dequeued_at": now}
        contact_rows.move(
            connection, asking.id, (ContactState.QUEUED,), ContactState.IN_FLOW, left, now=now
        )
    else:
        contact_rows.change(connection, asking.id, links, (), now=now)


def _timer(kind: TimerKind, contact_id: ContactId, due_at: datetime) -> Timer:
    return Timer(kind=kind, subject=contact_id, due_at=due_at)


def _set(connection: Connection, contact_id: ContactId, changes: Mapping[str, Any]) -> None:
    if changes:
        connection.execute(_SET, {"this": contact_id, **changes})
