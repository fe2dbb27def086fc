"""Dials of callbacks: the intent is a committed row before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from ivr.domain.callback import Attempt, Callback
from ivr.domain.contact import ContactState, InitiationMethod
from ivr.domain.errors import DomainError, NotFound
from ivr.domain.ids import AgentId, ContactId, LegId
from ivr.domain.leg import LegOutcome, Role, outbound_leg_id
from ivr.ports.store import DialLimits, DialRefused
from ivr.store import callbacks as callback_rows
from ivr.store.contacts import OPEN_STATES
from ivr.store.rows import columns_of, record, values
from ivr.store.schema import agents, attempts, callbacks, contacts

_MINUTE = timedelta(minutes=1)
_COLUMNS = columns_of(attempts, Attempt)
_NO_NEWS = frozenset({LegOutcome.CANCELLED, LegOutcome.UNKNOWN})
"""Outcomes that do not tell whether our side works."""


def customer_called(contact: FromClause = contacts) -> ColumnElement[bool]:
    """Whether a callback has its customer on the phone, or rings them.

    In ``DIALLING`` it does so from the intent until an attempt ends without an answer.
    """
    reached = exists().where(
        attempts.c.contact_id == contact.c.id,
        or_(attempts.c.outcome.is_(None), attempts.c.outcome == LegOutcome.ANSWERED),
    )
    return and_(
        contact.c.initiation == InitiationMethod.CALLBACK,
        or_(
            contact.c.state.in_((ContactState.OUTBOUND_WHISPER, ContactState.CONNECTED)),
            and_(contact.c.state == ContactState.DIALLING, reached),
        ),
    )


def customer_present(contact: FromClause = contacts) -> ColumnElement[bool]:
    """Whether a contact of any kind has its customer on the phone, or rings them."""
    calling = and_(
        contact.c.initiation != InitiationMethod.CALLBACK, contact.c.state.in_(OPEN_STATES)
    )
    return or_(calling, customer_called(contact))


def begin(
    connection: Connection,
    contact_id: ContactId,
    agent_id: AgentId,
    *,
    limits: DialLimits,
    now: datetime,
) -> Attempt | DialRefused:
    """Write down the intent to dial a callback's customer.

    Raises:
        DomainError: An earlier attempt of this callback is still open.
    """
    callback = callback_rows.get(connection, contact_id)
    if callback is None or not _is_served(connection, contact_id, agent_id):
        return DialRefused.STOPPED
    if _count(connection, attempts.c.contact_id == contact_id, attempts.c.outcome.is_(None)):
        raise DomainError(f"an attempt of callback {contact_id} is still open")
    others = contacts.c.id != contact_id
    if _count(
        connection, others, contacts.c.customer_number == callback.number, customer_present()
    ):
        return DialRefused.NUMBER_BUSY
    if limits.concurrent is not None and (
        _count(connection, others, customer_called()) >= limits.concurrent
    ):
        return DialRefused.TOO_MANY
    if limits.per_minute is not None and (
        _count(connection, attempts.c.started_at > now - _MINUTE) >= limits.per_minute
    ):
        return DialRefused.TOO_MANY
    number = callback.dials + 1
    attempt = Attempt(
        contact_id=contact_id,
        number=number,
        leg_id=outbound_leg_id(contact_id, Role.CUSTOMER, number),
        started_at=now,
    )
    connection.execute(insert(attempts).values(values(attempt)))
    connection.execute(
        update(callbacks).where(callbacks.c.contact_id == contact_id).values(dials=number)
    )
    return attempt


def end(
    connection: Connection,
    leg_id: LegId,
    outcome: LegOutcome,
    *,
    rang: bool,
    counted: bool,
    now: datetime,
) -> Callback:
    """Close an attempt once, and count it on its callback, which is returned.

    Failures of our own side are counted in a row.

    Raises:
        NotFound: No attempt has this leg.
    """
    contact_id = connection.scalar(select(attempts.c.contact_id).where(attempts.c.leg_id == leg_id))
    if contact_id is None:
        raise NotFound(f"no attempt has the leg {leg_id}")
    closed = connection.execute(
        update(attempts)
        .where(attempts.c.leg_id == leg_id, attempts.c.outcome.is_(None))
        .values(outcome=outcome, rang=rang, counted=counted, ended_at=now)
    )
    if closed.rowcount == 1:
        counts: dict[str, Any] = {"attempts_used": callbacks.c.attempts_used + int(counted)}
        if outcome is LegOutcome.NETWORK_FAILURE:
            counts["network_failures"] = callbacks.c.network_failures + 1
        elif outcome not in _NO_NEWS:
            counts["network_failures"] = 0
        connection.execute(
            update(callbacks).where(callbacks.c.contact_id == contact_id).values(counts)
        )
    return callback_rows.existing(connection, contact_id)


def of_callback(connection: Connection, contact_id: ContactId) -> Sequence[Attempt]:
    """All attempts of a callback in order."""
    return _attempts(connection, select(*_COLUMNS).where(attempts.c.contact_id == contact_id))


def open_ones(connection: Connection) -> Sequence[Attempt]:
    """Attempts without an outcome."""
    return _attempts(connection, select(*_COLUMNS).where(attempts.c.outcome.is_(None)))


def _is_served(connection: Connection, contact_id: ContactId, agent_id: AgentId) -> bool:
    """Whether this agent holds a callback that is to be dialled and has no result."""
    return bool(
        connection.scalar(
            select(func.count())
            .select_from(contacts)
            .join(callbacks, callbacks.c.contact_id == contacts.c.id)
            .join(agents, agents.c.contact_id == contacts.c.id)
            .where(
                contacts.c.id == contact_id,
                contacts.c.state == ContactState.DIALLING,
                contacts.c.agent_id == agent_id,
                agents.c.agent_id == agent_id,
                callbacks.c.result.is_(None),
            )
        )
    )


def _count(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    return int(connection.scalar(select(func.count()).where(*conditions)) or 0)


def _attempts(connection: Connection, query: Select[Any]) -> list[Attempt]:
    rows = connection.execute(query.order_by(attempts.c.contact_id, attempts.c.number))
    return [record(Attempt, row) for row in rows]
