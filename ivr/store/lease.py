"""Which controller is in charge: one lease, and a fencing token that every write is checked by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from ivr.domain.errors import LeaseLost
from ivr.store.schema import EPOCH, lease

NOBODY = ""
_LOCK = select(lease).where(lease.c.id == 1).with_for_update()


def lock(connection: Connection) -> Row[Any]:
    """Read the lease and keep it as it is until this transaction ends."""
    return connection.execute(_LOCK).one()


def check(connection: Connection, token: int | None) -> None:
    """Refuse to go on unless this token is the one in charge.

    Raises:
        LeaseLost: It is not, or none was ever taken.
    """
    if token is None:
        raise LeaseLost("this program has not taken charge of the database")
    if lock(connection).token != token:
        raise LeaseLost("another controller is in charge of the database")


def take(
    connection: Connection, holder: str, token: int | None, *, now: datetime, ttl: timedelta
) -> int | None:
    """Take or renew the lease.

    Args:
        connection: In a writing transaction.
        holder: Who wants it; the same for every start on one state directory.
        token: What the caller holds; it may be out of date.
        now: Current time, UTC.
        ttl: How long the lease lasts unless it is renewed.

    Returns:
        The token in charge, or none if the lease is somebody else's. A new start of the same
        holder need not wait for its end; a controller that was superseded must, so that two never
        take it from each other in turn.
    """
    row = lock(connection)
    if token is not None and row.token == token:
        granted = token
    elif row.expires_at <= now or (row.holder == holder and token is None):
        granted = row.token + 1
    else:
        return None
    connection.execute(update(lease).values(holder=holder, token=granted, expires_at=now + ttl))
    return granted


def release(connection: Connection, token: int) -> None:
    """Let the next controller take over at once, if this token is still in charge."""
    connection.execute(
        update(lease).where(lease.c.token == token).values(holder=NOBODY, expires_at=EPOCH)
    )
