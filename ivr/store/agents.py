"""Agents: the status they chose, what they are doing, and the one contact they may hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from ivr.domain.agent import BUSY_ACTIVITIES, OFFLINE, AgentActivity, AgentState, StatusKind
from ivr.domain.errors import NotFound
from ivr.domain.ids import AgentId, ContactId
from ivr.ports.store import Timer, TimerKind
from ivr.store import timers
from ivr.store.rows import columns_of, record, records, values
from ivr.store.schema import agents, contacts

_COLUMNS = columns_of(agents, AgentState)
_OCCUPIED = BUSY_ACTIVITIES | {AgentActivity.SUPERVISING}
_ACW = AgentActivity.AFTER_CONTACT_WORK
_THIS = agents.c.agent_id == bindparam("this")
_GET = select(*_COLUMNS).where(_THIS)
_GET_ROW = select(agents).where(_THIS)
_EVERYONE = select(*_COLUMNS).order_by(agents.c.agent_id)
_SET = update(agents).where(_THIS)
_CONTACT_GIVEN_UP = frozenset({AgentActivity.IDLE, AgentActivity.MISSED, AgentActivity.ERROR})


def ensure(connection: Connection, agent_ids: Sequence[AgentId], *, now: datetime) -> None:
    """Give every agent a row; a new one is Offline, idle and unreachable."""
    known = set(connection.scalars(select(agents.c.agent_id)))
    for agent_id in agent_ids:
        if agent_id not in known:
            known.add(agent_id)
            new = AgentState(
                agent_id=agent_id,
                status=OFFLINE,
                status_kind=StatusKind.OFFLINE,
                status_since=now,
                activity_since=now,
                idle_since=now,
            )
            connection.execute(insert(agents).values(values(new)))


def everyone(connection: Connection) -> Sequence[AgentState]:
    """Every agent's state, by id."""
    rows = connection.execute(_EVERYONE)
    return records(AgentState, rows)


def get(connection: Connection, agent_id: AgentId) -> AgentState | None:
    """One agent's state."""
    row = connection.execute(_GET, {"this": agent_id}).one_or_none()
    return None if row is None else record(AgentState, row)


def choose_status(
    connection: Connection, agent_id: AgentId, status: str, kind: StatusKind, *, now: datetime
) -> AgentState:
    """Set a status, or the next status while the agent holds a contact.

    Raises:
        NotFound: There is no such agent.
    """
    agent = _row(connection, agent_id)
    ready = kind is StatusKind.ROUTABLE
    if agent.activity in _OCCUPIED or (agent.activity is _ACW and not ready):
        _set(connection, agent_id, {"next_status": status, "next_status_kind": kind})
        return _existing(connection, agent_id)
    if ready and agent.activity is not AgentActivity.IDLE:
        _become_idle(connection, agent, now=now, keep_idle_since=False)
    elif ready and agent.status_kind is not StatusKind.ROUTABLE:
        _set(connection, agent_id, {"idle_since": now})
    since = agent.status_since if agent.status == status else now
    _set(connection, agent_id, _status(status, kind, since))
    return _existing(connection, agent_id)


def set_reachable(connection: Connection, agent_id: AgentId, *, reachable: bool) -> None:
    """Record whether the agent's phone answers.

    Raises:
        NotFound: There is no such agent.
    """
    _row(connection, agent_id)
    _set(connection, agent_id, {"reachable": reachable})


def move(
    connection: Connection,
    agent_id: AgentId,
    contact_id: ContactId,
    activity: AgentActivity,
    *,
    now: datetime,
    acw_until: datetime | None,
    keep_idle_since: bool,
) -> bool:
    """Change the activity of an agent who holds this contact."""
    agent = _row_or_none(connection, agent_id)
    if agent is None or agent.contact_id != contact_id:
        return False
    if activity is AgentActivity.IDLE:
        _become_idle(connection, agent, now=now, keep_idle_since=keep_idle_since)
        _apply_next_status(connection, agent, now=now)
        return True
    changes: dict[str, Any] = {"activity": activity, "activity_since": now, "acw_until": None}
    timers.clear(connection, TimerKind.ACW_ENDS, agent_id)
    if activity in _CONTACT_GIVEN_UP:
        changes["contact_id"] = None
    if activity is _ACW:
        changes["acw_until"] = acw_until
        _date_contact(connection, contact_id, "acw_started_at", now)
        if acw_until is not None:
            timers.put(
                connection,
                Timer(kind=TimerKind.ACW_ENDS, subject=agent_id, due_at=acw_until),
            )
    _set(connection, agent_id, changes)
    return True


def end_supervision(connection: Connection, agent_id: AgentId, *, now: datetime) -> None:
    """Free a supervisor, applying the next status."""
    agent = _row_or_none(connection, agent_id)
    if agent is not None and agent.activity is AgentActivity.SUPERVISING:
        _become_idle(connection, agent, now=now, keep_idle_since=True)
        _apply_next_status(connection, agent, now=now)


def end_acw(connection: Connection, agent_id: AgentId, *, now: datetime) -> bool:
    """End after-contact work, applying the next status; whether the agent was in it."""
    timers.clear(connection, TimerKind.ACW_ENDS, agent_id)
    agent = _row_or_none(connection, agent_id)
    if agent is None or agent.activity is not _ACW:
        return False
    _become_idle(connection, agent, now=now, keep_idle_since=False)
    _apply_next_status(connection, agent, now=now)
    return True


def _become_idle(
    connection: Connection, agent: Row[Any], *, now: datetime, keep_idle_since: bool
) -> None:
    """Let go of the contact and be free for the next one."""
    changes: dict[str, Any] = {
        "activity": AgentActivity.IDLE,
        "activity_since": now,
        "contact_id": None,
        "acw_until": None,
    }
    if not keep_idle_since:
        changes["idle_since"] = now
    _set(connection, agent.agent_id, changes)
    if agent.activity is _ACW:
        timers.clear(connection, TimerKind.ACW_ENDS, agent.agent_id)
        _date_contact(connection, agent.contact_id, "acw_ended_at", now)


def _apply_next_status(connection: Connection, agent: Row[Any], *, now: datetime) -> None:
    if agent.next_status is not None:
        changes = _status(agent.next_status, agent.next_status_kind, now)
        _set(connection, agent.agent_id, changes)


def _status(status: str, kind: StatusKind, since: datetime) -> dict[str, Any]:
    return {
        "status": status,
        "status_kind": kind,
        "status_since": since,
        "next_status": None,
        "next_status_kind": None,
    }


def _date_contact(connection: Connection, contact_id: ContactId, field: str, now: datetime) -> None:
    connection.execute(update(contacts).where(contacts.c.id == contact_id).values({field: now}))


def _row(connection: Connection, agent_id: AgentId) -> Row[Any]:
    row = _row_or_none(connection, agent_id)
    if row is None:
        raise NotFound(f"no agent {agent_id}")
    return row


def _row_or_none(connection: Connection, agent_id: AgentId) -> Row[Any] | None:
    return connection.execute(_GET_ROW, {"this": agent_id}).one_or_none()


def _existing(connection: Connection, agent_id: AgentId) -> AgentState:
    return record(AgentState, connection.execute(_GET, {"this": agent_id}).one())


def _set(connection: Connection, agent_id: AgentId, changes: dict[str, Any]) -> None:
    connection.execute(_SET, {"this": agent_id, **changes})
