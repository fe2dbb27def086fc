"""The store port on SQLite or PostgreSQL: which transaction each method is.

What a transaction does is in the module of its noun; the port documents each method. The methods
on which a promise to a customer or a dial depends are durable: they survive a power cut.
"""

# ruff: noqa: D102  the port documents the methods

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from ivr.domain.agent import AgentActivity, AgentState, StatusKind
from ivr.domain.callback import Attempt, Callback, CallbackResult, FailureReason
from ivr.domain.contact import Contact, ContactState
from ivr.domain.errors import StoreError
from ivr.domain.ids import E164, AgentId, ContactId, LegId, QueueId
from ivr.domain.leg import LegOutcome
from ivr.domain.monitor import Monitor, MonitorMode
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Transfer
from ivr.ports.store import (
    CallbackCreated,
    CallbackKept,
    CallbackLimits,
    CallbackRefused,
    ContactChange,
    DialLimits,
    DialRefused,
    Enqueued,
    JournalEntry,
    Note,
    QueueFigures,
    SiteObject,
    Snapshot,
    Timer,
    TimerKind,
)
from ivr.store import (
    agents,
    attempts,
    callbacks,
    contacts,
    journal,
    lease,
    monitors,
    routing,
    site,
    timers,
    transfers,
)
from ivr.store.database import Database
from ivr.store.url import connect, describe

P = ParamSpec("P")
T = TypeVar("T")


class SqlStore:
    """The database of one controller, or of a command that reads it or changes the site.

    Without the lease a store may read and change the site; every other change needs it.

    Args:
        url: See ``url.connect``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: Database | None = None
        self._token: int | None = None

    # --- life ---------------------------------------------------------------------------------
    async def open(self) -> None:
        database = connect(self._url)
        try:
            await database.prepare()
        except StoreError as error:
            await database.close()
            raise StoreError(f"database {describe(self._url)}: {error}") from error
        self._opened = database

    async def close(self) -> None:
        database, self._opened = self._opened, None
        if database is not None:
            await database.close()

    async def take_lease(self, holder: str, *, now: datetime, ttl: timedelta) -> bool:
        held = self._token
        granted = await self._database.write(
            lambda connection: lease.take(connection, holder, held, now=now, ttl=ttl), durable=True
        )
        if granted is not None:
            self._token = granted
        return granted is not None

    async def release_lease(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            await self._database.write(
                lambda connection: lease.release(connection, token), durable=True
            )

    # --- site ---------------------------------------------------------------------------------
    async def site_objects(self) -> Sequence[SiteObject]:
        return await self._read(site.objects)

    async def put_site_objects(
        self, objects: Sequence[SiteObject], *, remove: Sequence[tuple[str, str]] = ()
    ) -> None:
        await self._write_site(site.put_objects, objects, remove)

    async def publish_flow(
        self, flow_id: str, *, name: str, kind: str, content: str, now: datetime
    ) -> int:
        return await self._write_site(
            site.publish_flow, flow_id, name=name, kind=kind, content=content, now=now
        )

    async def flow_content(
        self, flow_id: str, version: int | None = None
    ) -> tuple[int, str] | None:
        return await self._read(site.flow_content, flow_id, version)

    # --- contacts -----------------------------------------------------------------------------
    async def create_contact(self, contact: Contact, *notes: Note) -> None:
        await self._write(contacts.create, contact, notes)

    async def contact(self, contact_id: ContactId) -> Contact | None:
        return await self._read(contacts.get, contact_id)

    async def open_contacts(self) -> Sequence[Contact]:
        return await self._read(contacts.open_ones)

    async def recent_contacts(self, limit: int) -> Sequence[Contact]:
        return await self._read(contacts.recent, limit)

    async def change_contact(
        self, contact_id: ContactId, changes: Mapping[str, Any], *notes: Note, now: datetime
    ) -> None:
        await self._write(contacts.change, contact_id, changes, notes, now=now)

    async def move_contact(
        self,
        contact_id: ContactId,
        from_state: ContactState,
        to_state: ContactState,
        changes: Mapping[str, Any],
        *notes: Note,
        now: datetime,
    ) -> bool:
        return await self._write(
            contacts.move, contact_id, (from_state,), to_state, changes, notes, now=now
        )

    async def enqueue_call(
        self, contact_id: ContactId, queue_id: QueueId, *, max_contacts: int | None, now: datetime
    ) -> Enqueued:
        return await self._write(
            contacts.enqueue, contact_id, queue_id, max_contacts=max_contacts, now=now
        )

    async def note(self, contact_id: ContactId, *notes: Note, now: datetime) -> None:
        await self._write(contacts.change, contact_id, {}, notes, now=now)

    async def journal(self, contact_id: ContactId) -> Sequence[JournalEntry]:
        return await self._read(journal.entries, contact_id)

    # --- callbacks ----------------------------------------------------------------------------
    async def create_callback(
        self,
        contact: Contact,
        callback: Callback,
        *,
        asked_by: ContactId | None,
        limits: CallbackLimits,
        notes: Sequence[Note] = (),
        now: datetime,
    ) -> CallbackCreated | CallbackKept | CallbackRefused:
        return await self._write_durably(
            callbacks.create,
            contact,
            callback,
            asked_by=asked_by,
            limits=limits,
            notes=notes,
            now=now,
        )

    async def callback(self, contact_id: ContactId) -> Callback | None:
        return await self._read(callbacks.get, contact_id)

    async def open_callbacks(self) -> Sequence[tuple[Contact, Callback]]:
        return await self._read(callbacks.open_ones)

    async def open_callback_of(self, number: E164) -> tuple[Contact, Callback] | None:
        return await self._read(callbacks.open_one_of, number)

    async def change_callback(self, contact_id: ContactId, changes: Mapping[str, Any]) -> None:
        await self._write_durably(callbacks.change, contact_id, changes)

    async def callback_due(self, contact_id: ContactId, *notes: Note, now: datetime) -> bool:
        return await self._write(callbacks.enter_queue, contact_id, notes, now=now)

    async def reschedule_callback(
        self,
        contact_id: ContactId,
        from_state: ContactState,
        *,
        due_at: datetime,
        notes: Sequence[Note],
        now: datetime,
    ) -> bool:
        return await self._write_durably(
            callbacks.reschedule, contact_id, from_state, due_at=due_at, notes=notes, now=now
        )

    async def end_callback(
        self,
        contact_id: ContactId,
        from_states: Sequence[ContactState],
        result: CallbackResult,
        failure: FailureReason | None,
        changes: Mapping[str, Any],
        *notes: Note,
        now: datetime,
    ) -> bool:
        return await self._write_durably(
            callbacks.end, contact_id, from_states, result, failure, changes, notes, now=now
        )

    # --- quick connects -----------------------------------------------------------------------
    async def begin_transfer(
        self,
        transfer: Transfer,
        contact: Contact,
        change: ContactChange,
        *notes: Note,
        former: Transfer | None = None,
        limits: DialLimits | None = None,
    ) -> bool:
        return await self._write(
            transfers.begin, transfer, contact, change, notes, former=former, limits=limits
        )

    async def move_transfer(
        self,
        transfer: Transfer,
        from_state: TransferState,
        changes: Sequence[ContactChange],
        *notes: Note,
        now: datetime,
    ) -> bool:
        return await self._write(transfers.move, transfer, from_state, changes, notes, now=now)

    async def transfer(self, contact_id: ContactId) -> Transfer | None:
        return await self._read(transfers.get, contact_id)

    async def latest_transfer_of(self, source_id: ContactId) -> Transfer | None:
        return await self._read(transfers.latest_of, source_id)

    async def open_transfers_of(self, source_id: ContactId) -> Sequence[Transfer]:
        return await self._read(transfers.open_of, source_id)

    async def open_transfers(self) -> Sequence[Transfer]:
        return await self._read(transfers.open_ones)

    # --- supervisors --------------------------------------------------------------------------
    async def monitor_count(self, contact_id: ContactId) -> int:
        return await self._read(monitors.count, contact_id)

    async def begin_monitor(self, monitor: Monitor, *notes: Note) -> bool:
        return await self._write(monitors.begin, monitor, notes)

    async def set_monitor_mode(
        self, leg_id: LegId, mode: MonitorMode, *notes: Note, now: datetime
    ) -> bool:
        return await self._write(monitors.set_mode, leg_id, mode, notes, now=now)

    async def end_monitor(self, leg_id: LegId, *notes: Note, now: datetime) -> bool:
        return await self._write(monitors.end, leg_id, notes, now=now)

    async def take_over(
        self,
        leg_id: LegId,
        transfer: Transfer,
        contact: Contact,
        change: ContactChange,
        *notes: Note,
    ) -> bool:
        return await self._write(monitors.take_over, leg_id, transfer, contact, change, notes)

    async def open_monitors(self) -> Sequence[Monitor]:
        return await self._read(monitors.open_ones)

    # --- attempts -----------------------------------------------------------------------------
    async def begin_attempt(
        self, contact_id: ContactId, agent_id: AgentId, *, limits: DialLimits, now: datetime
    ) -> Attempt | DialRefused:
        return await self._write_durably(
            attempts.begin, contact_id, agent_id, limits=limits, now=now
        )

    async def end_attempt(
        self,
        leg_id: LegId,
        outcome: LegOutcome,
        *,
        rang: bool,
        counted: bool,
        now: datetime,
    ) -> Callback:
        return await self._write_durably(
            attempts.end, leg_id, outcome, rang=rang, counted=counted, now=now
        )

    async def attempts(self, contact_id: ContactId) -> Sequence[Attempt]:
        return await self._read(attempts.of_callback, contact_id)

    async def open_attempts(self) -> Sequence[Attempt]:
        return await self._read(attempts.open_ones)

    # --- agents -------------------------------------------------------------------------------
    async def ensure_agents(self, agent_ids: Sequence[AgentId], *, now: datetime) -> None:
        await self._write(agents.ensure, agent_ids, now=now)

    async def agents(self) -> Sequence[AgentState]:
        return await self._read(agents.everyone)

    async def agent(self, agent_id: AgentId) -> AgentState | None:
        return await self._read(agents.get, agent_id)

    async def set_agent_status(
        self, agent_id: AgentId, status: str, kind: StatusKind, *, now: datetime
    ) -> AgentState:
        return await self._write(agents.choose_status, agent_id, status, kind, now=now)

    async def set_agent_reachable(
        self, agent_id: AgentId, *, reachable: bool, now: datetime
    ) -> None:
        await self._write(agents.set_reachable, agent_id, reachable=reachable)

    async def move_agent(
        self,
        agent_id: AgentId,
        contact_id: ContactId,
        activity: AgentActivity,
        *,
        now: datetime,
        acw_until: datetime | None = None,
        keep_idle_since: bool = False,
    ) -> bool:
        return await self._write(
            agents.move,
            agent_id,
            contact_id,
            activity,
            now=now,
            acw_until=acw_until,
            keep_idle_since=keep_idle_since,
        )

    async def end_acw(self, agent_id: AgentId, *, now: datetime) -> bool:
        return await self._write(agents.end_acw, agent_id, now=now)

    # --- routing ------------------------------------------------------------------------------
    async def snapshot(self) -> Snapshot:
        return await self._read(routing.snapshot)

    async def claim(
        self,
        contact_id: ContactId,
        agent_id: AgentId,
        *notes: Note,
        from_state: ContactState = ContactState.QUEUED,
        now: datetime,
    ) -> int | None:
        return await self._write(
            routing.claim, contact_id, agent_id, notes, from_state=from_state, now=now
        )

    async def queue_figures(self) -> Sequence[QueueFigures]:
        return await self._read(routing.queue_figures)

    # --- timers -------------------------------------------------------------------------------
    async def due_timers(self, *, now: datetime) -> Sequence[Timer]:
        return await self._read(timers.due, now=now)

    async def next_due(self) -> datetime | None:
        return await self._read(timers.next_due)

    async def set_timer(self, timer: Timer) -> None:
        await self._write(timers.put, timer)

    async def clear_timer(self, kind: TimerKind, subject: str) -> None:
        await self._write(timers.clear, kind, subject)

    # --- transactions -------------------------------------------------------------------------
    @property
    def _database(self) -> Database:
        if self._opened is None:
            raise StoreError("the database is not open")
        return self._opened

    async def _read(
        self,
        work: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        return await self._database.read(lambda connection: work(connection, *args, **kwargs))

    async def _write(
        self,
        work: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Change something as the controller in charge."""
        return await self._database.write(
            self._fenced(lambda connection: work(connection, *args, **kwargs)), durable=False
        )

    async def _write_durably(
        self,
        work: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Change something as the controller in charge, so that it survives a power cut."""
        return await self._database.write(
            self._fenced(lambda connection: work(connection, *args, **kwargs)), durable=True
        )

    async def _write_site(
        self,
        work: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Change the site, which a command may do beside the controller in charge."""

        def alone(connection: Connection) -> T:
            if self._token is None:
                lease.lock(connection)
            else:
                lease.check(connection, self._token)
            return work(connection, *args, **kwargs)

        return await self._database.write(alone, durable=True)

    def _fenced(self, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        def fenced(connection: Connection) -> T:
            lease.check(connection, self._token)
            return work(connection)

        return fenced
