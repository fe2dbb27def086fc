"""Dials of callbacks: the intent is a committed row before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
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
from ivr.domain.quick_connect import QuickConnectKind
from ivr.ports.store import DialLimits, DialRefused
from ivr.store import callbacks as callback_rows
from ivr.store.contacts import OPEN_STATES
from ivr.store.rows import columns_of, records, values
from ivr.store.schema import agents, attempts, callbacks, contacts, transfers

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
        contact.c.state.in_(
            (ContactState.DIALLING, ContactState.OUTBOUND_WHISPER, ContactState.CONNECTED)
        ),
        contact.c.initiation == InitiationMethod.CALLBACK,
        or_(contact.c.state != ContactState.DIALLING, reached),
    )


def customer_present(contact: FromClause = contacts) -> ColumnElement[bool]:
    """Whether a contact of any kind has its customer on the phone, or rings them."""
    calling = and_(
        contact.c.initiation != InitiationMethod.CALLBACK, contact.c.state.in_(OPEN_STATES)
    )
    return or_(calling, customer_called(contact))


_INSERT = insert(attempts)
_LEG = attempts.c.leg_id == bindparam("leg")
_UNFINISHED = attempts.c.outcome.is_(None)
_CONTACT_OF_LEG = select(attempts.c.contact_id).where(_LEG)
_CLOSE = update(attempts).where(_LEG, _UNFINISHED)
_COUNT = update(callbacks).where(callbacks.c.contact_id == bindparam("this"))
_SERVED = (
    select(func.count())
    .select_from(contacts)
    .join(callbacks, callbacks.c.contact_id == contacts.c.id)
    .join(agents, agents.c.contact_id == contacts.c.id)
    .where(
        contacts.c.id == bindparam("this"),
        contacts.c.state == ContactState.DIALLING,
        contacts.c.agent_id == bindparam("agent"),
        agents.c.agent_id == bindparam("agent"),
        callbacks.c.result.is_(None),
    )
)
"""Whether this agent holds a callback that is to be dialled and has no result."""
_OPEN_HERE = select(func.count()).where(attempts.c.contact_id == bindparam("this"), _UNFINISHED)
_OTHER = contacts.c.id != bindparam("this")
_OTHERS_WITH_NUMBER = select(func.count()).where(
    contacts.c.customer_number == bindparam("of_number"), _OTHER, customer_present()
)
_OTHERS_CALLED = select(func.count()).where(customer_called(), _OTHER)
_BEGUN_SINCE = select(func.count()).where(attempts.c.started_at > bindparam("since"))
_TO_NUMBERS = transfers.c.kind == QuickConnectKind.NUMBER
_NUMBERS_CALLED = (
    select(func.count())
    .select_from(transfers)
    .join(contacts, contacts.c.id == transfers.c.contact_id)
    .where(_TO_NUMBERS, contacts.c.state.in_(OPEN_STATES))
)
_NUMBERS_SINCE = select(func.count()).where(_TO_NUMBERS, transfers.c.began_at > bindparam("since"))


def is_too_much(
    connection: Connection, limits: DialLimits, *, this: ContactId, now: datetime
) -> bool:
    """Whether a cap forbids one more call out: of a callback, or to a quick connect's number.

    Args:
        connection: Of the transaction that is about to begin the call.
        limits: The caps.
        this: The contact it is for, which does not count.
        now: Current time, UTC.
    """

    def count(query: Select[Any], **parameters: object) -> int:
        return int(connection.scalar(query, parameters) or 0)

    if limits.concurrent is not None and (
        count(_OTHERS_CALLED, this=this) + count(_NUMBERS_CALLED) >= limits.concurrent
    ):
        return True
    since = now - _MINUTE
    return limits.per_minute is not None and (
        count(_BEGUN_SINCE, since=since) + count(_NUMBERS_SINCE, since=since) >= limits.per_minute
    )


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

    def count(query: Select[Any], **parameters: object) -> int:
        return int(connection.scalar(query, parameters) or 0)

    callback = callback_rows.get(connection, contact_id)
    if callback is None or not count(_SERVED, this=contact_id, agent=agent_id):
        return DialRefused.STOPPED
    if count(_OPEN_HERE, this=contact_id):
        raise DomainError(f"an attempt of callback {contact_id} is still open")
    if count(_OTHERS_WITH_NUMBER, this=contact_id, of_number=callback.number):
        return DialRefused.NUMBER_BUSY
    if is_too_much(connection, limits, this=contact_id, now=now):
        return DialRefused.TOO_MANY
    number = callback.dials + 1
    attempt = Attempt(
        contact_id=contact_id,
        number=number,
        leg_id=outbound_leg_id(contact_id, Role.CUSTOMER, number),
        started_at=now,
    )
    connection.execute(_INSERT, values(attempt))
    connection.execute(_COUNT, {"this": contact_id, "dials": number})
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
    contact_id = connection.scalar(_CONTACT_OF_LEG, {"leg": leg_id})
    if contact_id is None:
        raise NotFound(f"no attempt has the leg {leg_id}")
    callback = callback_rows.existing(connection, contact_id)
    closed = connection.execute(
        _CLOSE,
        {"leg": leg_id, "outcome": outcome, "rang": rang, "counted": counted, "ended_at": now},
    )
    if closed.rowcount == 0:
        return callback
    failures = callback.network_failures
    if outcome is LegOutcome.NETWORK_FAILURE:
        failures += 1
    elif outcome not in _NO_NEWS:
        failures = 0
    used = callback.attempts_used + counted
    connection.execute(
        _COUNT, {"this": contact_id, "attempts_used": used, "network_failures": failures}
    )
    return replace(callback, attempts_used=used, network_failures=failures)


def of_callback(connection: Connection, contact_id: ContactId) -> Sequence[Attempt]:
    """All attempts of a callback in order."""
    return _attempts(connection, select(*_COLUMNS).where(attempts.c.contact_id == contact_id))


def open_ones(connection: Connection) -> Sequence[Attempt]:
    """Attempts without an outcome."""
    return _attempts(connection, select(*_COLUMNS).where(_UNFINISHED))


def _attempts(connection: Connection, query: Select[Any]) -> list[Attempt]:
    rows = connection.execute(query.order_by(attempts.c.contact_id, attempts.c.number))
    return records(Attempt, rows)
