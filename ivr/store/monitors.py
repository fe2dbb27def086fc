"""Supervisors on contacts: a row for each, begun and ended together with the supervisor's state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update

from ivr.domain.agent import AgentActivity
from ivr.domain.contact import Contact, ContactState
from ivr.domain.ids import ContactId, LegId
from ivr.domain.monitor import Monitor, MonitorMode
from ivr.domain.transfer import Transfer
from ivr.ports.store import ContactChange, Note
from ivr.store import agents as agent_rows
from ivr.store import journal, transfers
from ivr.store.rows import columns_of, record, records, values
from ivr.store.schema import agents, contacts, monitors

_COLUMNS = columns_of(monitors, Monitor)
_OPEN = monitors.c.ended_at.is_(None)
_OF_CONTACT = monitors.c.contact_id == bindparam("contact")
_THIS = monitors.c.leg_id == bindparam("this")
_INSERT = insert(monitors)
_COUNT = select(func.count()).where(_OF_CONTACT)
_OPEN_ONE = select(*_COLUMNS).where(_THIS, _OPEN)
_OPEN_ONES = select(*_COLUMNS).where(_OPEN).order_by(monitors.c.began_at)
_CHANGE = update(monitors).where(_THIS, _OPEN)
_SERVES = select(contacts.c.id).where(
    contacts.c.id == bindparam("contact"), contacts.c.state == ContactState.CONNECTED
)
_RESERVE = (
    update(agents)
    .where(agents.c.agent_id == bindparam("this"), agents.c.activity == AgentActivity.IDLE)
    .values(activity=AgentActivity.SUPERVISING, activity_since=bindparam("now"))
)
_TAKE_OVER = (
    update(agents)
    .where(agents.c.agent_id == bindparam("this"), agents.c.activity == AgentActivity.SUPERVISING)
    .values(
        activity=AgentActivity.ON_CONTACT,
        activity_since=bindparam("now"),
        contact_id=bindparam("contact"),
    )
)


def count(connection: Connection, contact_id: ContactId) -> int:
    """How often a contact was supervised, open ones included."""
    return int(connection.scalar(_COUNT, {"contact": contact_id}) or 0)


def begin(connection: Connection, monitor: Monitor, notes: Sequence[Note]) -> bool:
    """Reserve an idle supervisor for a connected contact."""
    if connection.execute(_SERVES, {"contact": monitor.contact_id}).first() is None:
        return False
    reserved = connection.execute(
        _RESERVE, {"this": monitor.supervisor_id, "now": monitor.began_at}
    )
    if reserved.rowcount == 0:
        return False
    connection.execute(_INSERT, values(monitor))
    journal.append(connection, monitor.contact_id, notes, at=monitor.began_at)
    return True


def set_mode(
    connection: Connection,
    leg_id: LegId,
    mode: MonitorMode,
    notes: Sequence[Note],
    *,
    now: datetime,
) -> bool:
    """Change what a supervisor does, if they still do."""
    monitor = _open_one(connection, leg_id)
    if monitor is None:
        return False
    connection.execute(_CHANGE, {"this": leg_id, "mode": mode})
    journal.append(connection, monitor.contact_id, notes, at=now)
    return True


def end(connection: Connection, leg_id: LegId, notes: Sequence[Note], *, now: datetime) -> bool:
    """End a supervision and free the supervisor."""
    monitor = _open_one(connection, leg_id)
    if monitor is None:
        return False
    connection.execute(_CHANGE, {"this": leg_id, "ended_at": now})
    agent_rows.end_supervision(connection, monitor.supervisor_id, now=now)
    journal.append(connection, monitor.contact_id, notes, at=now)
    return True


def take_over(
    connection: Connection,
    leg_id: LegId,
    transfer: Transfer,
    contact: Contact,
    change: ContactChange,
    notes: Sequence[Note],
) -> bool:
    """End a supervision by making the supervisor the agent of a quick connect's destination."""
    now = transfer.began_at
    monitor = _open_one(connection, leg_id)
    if monitor is None or not transfers.begin(connection, transfer, contact, change, notes):
        return False
    connection.execute(_CHANGE, {"this": leg_id, "ended_at": now})
    of = {"this": monitor.supervisor_id, "contact": contact.id, "now": now}
    connection.execute(_TAKE_OVER, of)
    return True


def open_ones(connection: Connection) -> Sequence[Monitor]:
    """Every supervision under way, oldest first."""
    return records(Monitor, connection.execute(_OPEN_ONES))


def _open_one(connection: Connection, leg_id: LegId) -> Monitor | None:
    row = connection.execute(_OPEN_ONE, {"this": leg_id}).one_or_none()
    return None if row is None else record(Monitor, row)
