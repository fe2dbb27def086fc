"""What becomes due, and when: one timer per kind and subject."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from ivr.ports.store import Timer, TimerKind
from ivr.store.rows import columns_of, records, values
from ivr.store.schema import timers

_INSERT = insert(timers)
_DELETE = delete(timers).where(
    timers.c.kind == bindparam("of_kind"), timers.c.subject == bindparam("of_subject")
)
_NEXT = select(func.min(timers.c.due_at))


def put(connection: Connection, timer: Timer) -> None:
    """Set or replace a timer."""
    clear(connection, timer.kind, timer.subject)
    connection.execute(_INSERT, values(timer))


def clear(connection: Connection, kind: TimerKind, subject: str) -> None:
    """Remove a timer, if it is set."""
    connection.execute(_DELETE, {"of_kind": kind, "of_subject": subject})


def due(connection: Connection, *, now: datetime) -> Sequence[Timer]:
    """Timers that are due, oldest first."""
    rows = connection.execute(
        select(*columns_of(timers, Timer))
        .where(timers.c.due_at <= now)
        .order_by(timers.c.due_at, timers.c.kind, timers.c.subject)
    )
    return records(Timer, rows)


def next_due(connection: Connection) -> datetime | None:
    """When the next timer is due."""
    due_at: datetime | None = connection.scalar(_NEXT)
    return due_at
