"""What becomes due, and when: one timer per kind and subject."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from ivr.ports.store import Timer, TimerKind
from ivr.store.rows import columns_of, record, values
from ivr.store.schema import timers


def put(connection: Connection, timer: Timer) -> None:
    """Set or replace a timer."""
    clear(connection, timer.kind, timer.subject)
    connection.execute(insert(timers).values(values(timer)))


def clear(connection: Connection, kind: TimerKind, subject: str) -> None:
    """Remove a timer, if it is set."""
    connection.execute(delete(timers).where(timers.c.kind == kind, timers.c.subject == subject))


def due(connection: Connection, *, now: datetime) -> Sequence[Timer]:
    """Timers that are due, oldest first."""
    rows = connection.execute(
        select(*columns_of(timers, Timer))
        .where(timers.c.due_at <= now)
        .order_by(timers.c.due_at, timers.c.kind, timers.c.subject)
    )
    return [record(Timer, row) for row in rows]


def next_due(connection: Connection) -> datetime | None:
    """When the next timer is due."""
    due_at: datetime | None = connection.scalar(select(func.min(timers.c.due_at)))
    return due_at
