"""Quick connects: a row for each, moved together with the contacts it links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, insert, select, update

from ivr.domain.agent import AgentActivity
from ivr.domain.callback import CallbackResult
from ivr.domain.contact import Contact, ContactState
from ivr.domain.ids import ContactId
from ivr.domain.quick_connect import FINAL, TransferState
from ivr.domain.transfer import Transfer
from ivr.ports.store import ContactChange, Note
from ivr.store import callbacks, journal
from ivr.store import contacts as contact_rows
from ivr.store.rows import columns_of, record, records, values
from ivr.store.schema import agents, contacts, transfers

_COLUMNS = columns_of(transfers, Transfer)
_THIS = transfers.c.contact_id == bindparam("this")
_OPEN = transfers.c.ended_at.is_(None)
_INSERT = insert(transfers)
_GET = select(*_COLUMNS).where(_THIS)
_OPEN_OF = select(*_COLUMNS).where(transfers.c.source_id == bindparam("source"), _OPEN)
_LATEST_OF = (
    select(*_COLUMNS)
    .where(transfers.c.source_id == bindparam("source"))
    .order_by(transfers.c.began_at.desc(), transfers.c.contact_id.desc())
    .limit(1)
)
_ALL_OPEN = select(*_COLUMNS).where(_OPEN).order_by(transfers.c.began_at)
_MOVE = update(transfers).where(_THIS, transfers.c.state == bindparam("from_state"))
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
) -> bool:
    """Create a quick connect and its destination's contact, if the source talks and has none."""
    source = {"source": transfer.source_id}
    if not connection.scalar(_TALKS, source) or connection.execute(_OPEN_OF, source).first():
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
    moved = connection.execute(
        _MOVE,
        {
            "this": transfer.contact_id,
            "from_state": from_state,
            "state": transfer.state,
            "handed_over": transfer.handed_over,
            "ended_at": now if transfer.state in FINAL else None,
        },
    )
    if moved.rowcount == 0:
        return False
    for change in changes:
        _change(connection, change, now=now)
    journal.append(connection, transfer.source_id, notes, at=now)
    return True


def get(connection: Connection, contact_id: ContactId) -> Transfer | None:
    """The quick connect whose destination's contact this is."""
    row = connection.execute(_GET, {"this": contact_id}).one_or_none()
    return None if row is None else record(Transfer, row)


def latest_of(connection: Connection, source_id: ContactId) -> Transfer | None:
    """The quick connect that a contact's agent started last."""
    row = connection.execute(_LATEST_OF, {"source": source_id}).one_or_none()
    return None if row is None else record(Transfer, row)


def open_ones(connection: Connection) -> Sequence[Transfer]:
    """Every quick connect under way, oldest first."""
    return records(Transfer, connection.execute(_ALL_OPEN))


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
