"""Quick connects: a row for each, moved together with the contacts it links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, case, exists, insert, select, update

from ivr.domain.agent import AgentActivity
from ivr.domain.callback import CallbackResult
from ivr.domain.contact import Contact, ContactState
from ivr.domain.ids import ContactId
from ivr.domain.quick_connect import FINAL, QuickConnectKind, TransferState
from ivr.domain.transfer import Transfer
from ivr.ports.store import ContactChange, DialLimits, Note
from ivr.store import attempts, callbacks, journal
from ivr.store import contacts as contact_rows
from ivr.store.rows import columns_of, record, records, values
from ivr.store.schema import agents, contacts, transfers

_COLUMNS = columns_of(transfers, Transfer)
_THIS = transfers.c.contact_id == bindparam("this")
_OPEN = transfers.c.ended_at.is_(None)
_INSERT = insert(transfers)
_GET = select(*_COLUMNS).where(_THIS)
_PARTY = transfers.c.state == TransferState.PARTY
_OF_SOURCE = transfers.c.source_id == bindparam("source")
_AGE = (transfers.c.began_at, transfers.c.contact_id)
_OPEN_OF = select(*_COLUMNS).where(_OF_SOURCE, _OPEN).order_by(*_AGE)
_WITH_CONTROLS = select(transfers.c.contact_id).where(_OF_SOURCE, _OPEN, ~_PARTY)
_LATEST_OF = (
    select(*_COLUMNS)
    .where(_OF_SOURCE)
    .order_by(
        case((_OPEN & ~_PARTY, 0), (_OPEN, 1), else_=2),
        transfers.c.ended_at.desc(),
        transfers.c.handed_over.desc(),
        *(column.desc() for column in _AGE),
    )
    .limit(1)
)
_ALL_OPEN = select(*_COLUMNS).where(_OPEN).order_by(*_AGE)
_MOVE = update(transfers).where(_THIS, transfers.c.state == bindparam("from_state"))
_FOLLOW = update(transfers).where(transfers.c.source_id == bindparam("left"), _PARTY)
_TALKS = select(
    exists().where(
        contacts.c.id == bindparam("source"),
        contacts.c.state == ContactState.CONNECTED,
        agents.c.contact_id == contacts.c.id,
        agents.c.agent_id == contacts.c.agent_id,
        agents.c.activity == AgentActivity.ON_CONTACT,
    )
)


def begin(
    connection: Connection,
    transfer: Transfer,
    contact: Contact,
    change: ContactChange,
    notes: Sequence[Note],
    *,
    former: Transfer | None = None,
    limits: DialLimits | None = None,
) -> bool:
    """Create a quick connect and its destination's contact, if the source can have it."""
    source = {"source": transfer.source_id}
    if not connection.scalar(_TALKS, source):
        return False
    if limits is not None and transfer.kind is QuickConnectKind.NUMBER:
        now = transfer.began_at
        if attempts.is_too_much(connection, limits, this=contact.id, now=now):
            return False
    if former is not None and not _set(connection, former, TransferState.JOINED, ended_at=None):
        return False
    if connection.execute(_WITH_CONTROLS, source).first():
        return False
    contact_rows.create(connection, contact, ())
    connection.execute(_INSERT, values(transfer))
    _change(connection, change, now=transfer.began_at)
    journal.append(connection, transfer.source_id, notes, at=transfer.began_at)
    return True


def move(
    connection: Connection,
    transfer: Transfer,
    from_state: TransferState,
    changes: Sequence[ContactChange],
    notes: Sequence[Note],
    *,
    now: datetime,
) -> bool:
    """Set a quick connect's state and what changes with it, if it still is in ``from_state``."""
    ended_at = now if transfer.state in FINAL else None
    if not _set(connection, transfer, from_state, ended_at=ended_at):
        return False
    if transfer.handed_over:
        followed = {"left": transfer.source_id, "source_id": transfer.contact_id}
        connection.execute(_FOLLOW, followed)
    for change in changes:
        _change(connection, change, now=now)
    journal.append(connection, transfer.source_id, notes, at=now)
    return True


def get(connection: Connection, contact_id: ContactId) -> Transfer | None:
    """The quick connect whose destination's contact this is."""
    row = connection.execute(_GET, {"this": contact_id}).one_or_none()
    return None if row is None else record(Transfer, row)


def open_of(connection: Connection, source_id: ContactId) -> Sequence[Transfer]:
    """A contact's quick connects under way, oldest first."""
    return records(Transfer, connection.execute(_OPEN_OF, {"source": source_id}))


def latest_of(connection: Connection, source_id: ContactId) -> Transfer | None:
    """The quick connect that a contact's agent has the controls of, or had last."""
    row = connection.execute(_LATEST_OF, {"source": source_id}).one_or_none()
    return None if row is None else record(Transfer, row)


def open_ones(connection: Connection) -> Sequence[Transfer]:
    """Every quick connect under way, oldest first."""
    return records(Transfer, connection.execute(_ALL_OPEN))


def _set(
    connection: Connection,
    transfer: Transfer,
    from_state: TransferState,
    *,
    ended_at: datetime | None,
) -> bool:
    """Set a quick connect's state, if it still is in ``from_state``."""
    moved = connection.execute(
        _MOVE,
        {
            "this": transfer.contact_id,
            "from_state": from_state,
            "state": transfer.state,
            "handed_over": transfer.handed_over,
            "flow_legs": transfer.flow_legs,
            "ended_at": ended_at,
        },
    )
    return moved.rowcount > 0


def _change(connection: Connection, change: ContactChange, *, now: datetime) -> None:
    """Change a contact; a callback that ends here has reached its customer."""
    if change.to_state is None:
        contact_rows.change(connection, change.contact_id, change.fields, (), now=now)
        return
    if change.to_state is ContactState.ENDED and callbacks.get(connection, change.contact_id):
        callbacks.end(
            connection,
            change.contact_id,
            contact_rows.OPEN_STATES,
            CallbackResult.COMPLETED,
            None,
            change.fields,
            (),
            now=now,
        )
        return
    contact_rows.move(
        connection,
        change.contact_id,
        contact_rows.OPEN_STATES,
        change.to_state,
        change.fields,
        now=now,
    )
