"""What the service floor needs from the database.

Every method is one transaction. Changes are conditional: a method that moves something says from
which state, and reports whether it was still so. While the lease is held, every writing method
carries its fencing token; when another controller has taken over it raises ``LeaseLost``.
Failures of the database itself raise ``StoreError``; nothing has changed then.

It is one module because it is one port: most of it is what each transaction promises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol

from ivr.domain.agent import AgentActivity, AgentState, StatusKind
from ivr.domain.callback import Attempt, Callback, CallbackResult, FailureReason
from ivr.domain.contact import Contact, ContactState
from ivr.domain.ids import E164, AgentId, ContactId, LegId, QueueId
from ivr.domain.leg import LegOutcome
from ivr.domain.monitor import Monitor, MonitorMode
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Transfer


@dataclass(frozen=True, slots=True)
class Note:
    """A journal entry to be written with a change.

    Attributes:
        kind: Stable slug in the past tense, such as ``offer_missed``.
        detail: JSON values; numbers and digits only masked.
    """

    kind: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A journal entry as it was written; ``number`` counts up within the contact."""

    contact_id: ContactId
    number: int
    at: datetime
    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteObject:
    """A row of the site's configuration.

    Attributes:
        kind: ``site``, ``number``, ``queue``, ``hours``, ``profile``, ``agent``, ``status``,
            ``quick_connect``, ``caller``, ``trunk``, ``flow`` or ``prompt``.
        name: Unique within its kind.
        document: The object as JSON values, as its file said it.
    """

    kind: str
    id: str
    name: str
    document: Mapping[str, Any]


class TimerKind(Enum):
    """What becomes due."""

    CALLBACK_DUE = "callback_due"
    CALLBACK_EXPIRES = "callback_expires"
    ACW_ENDS = "acw_ends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Something that is due at a time; one per kind and subject (a contact's or agent's id)."""

    kind: TimerKind
    subject: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingContact:
    """A queued contact as routing sees it.

    Attributes:
        waiting_since: When it entered this queue; profile delays count from it.
        number: Whom a callback dials.
        busy_number: Its customer is in a live contact here now, so that it may not be dialled.
    """

    contact_id: ContactId
    queue_id: QueueId
    place_at: datetime
    waiting_since: datetime
    priority: int
    is_callback: bool
    number: E164 | None = None
    busy_number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one routing decision goes by, read in one transaction."""

    waiting: Sequence[WaitingContact]
    agents: Sequence[AgentState]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackLimits:
    """The rules a new callback is measured against, inside its own transaction.

    Attributes:
        max_contacts: The queue's limit; calls waiting and open callbacks both count.
        one_per_number: Whether an open callback of this number in this queue is kept instead.
        per_number_daily: Most callbacks of one number in 24 h; none = no limit.
        per_minute: Most callbacks created in a minute on the whole site; none = no limit.
    """

    max_contacts: int | None
    one_per_number: bool
    per_number_daily: int | None
    per_minute: int | None


@dataclass(frozen=True, slots=True)
class CallbackCreated:
    """The callback is committed."""

    contact_id: ContactId


@dataclass(frozen=True, slots=True)
class CallbackKept:
    """An open callback of this number in this queue exists; it and its place are kept."""

    contact_id: ContactId


class CallbackRefused(Enum):
    """Why no callback was created."""

    QUEUE_FULL = "queue_full"
    TOO_MANY_FOR_NUMBER = "too_many_for_number"
    TOO_MANY_PER_MINUTE = "too_many_per_minute"


class Enqueued(Enum):
    """What became of a call that wants to enter a queue."""

    ENTERED = "entered"
    FULL = "full"
    MOVED_ON = "moved_on"  # the contact is no longer in its flow


@dataclass(frozen=True, slots=True, kw_only=True)
class DialLimits:
    """Caps on dialling, checked when the intent is committed.

    Attributes:
        concurrent: Most customer legs being dialled or talking at once on the site.
        per_minute: Most attempts begun in a minute on the site.
    """

    concurrent: int | None
    per_minute: int | None


class DialRefused(Enum):
    """Why an attempt may not begin; nothing is dialled."""

    STOPPED = "stopped"  # the callback is no longer being served by this agent
    NUMBER_BUSY = "number_busy"  # that number is in a live contact here
    TOO_MANY = "too_many"  # a cap is reached


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What changes of a contact together with something else.

    Attributes:
        to_state: Its new state, unless it has ended; none = its state stays.
        fields: New values by field of ``Contact``.
    """

    contact_id: ContactId
    to_state: ContactState | None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """What waits in one queue now."""

    queue_id: QueueId
    calls: int
    callbacks: int
    scheduled: int
    oldest_at: datetime | None


class Store(Protocol):
    """The database."""

    # --- life ---------------------------------------------------------------------------------
    async def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            StoreError: It cannot be reached, read or migrated; says which and where.
        """
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    async def take_lease(self, holder: str, *, now: datetime, ttl: timedelta) -> bool:
        """Become the controller in charge, or stay it.

        The same holder (a restart on the same state directory) takes over at once with a new
        fencing token; another holder only when the lease has run out.

        Returns:
            Whether this controller is in charge now.
        """
        ...

    async def release_lease(self) -> None:
        """Give the lease back, if it is still ours."""
        ...

    # --- site ---------------------------------------------------------------------------------
    async def site_objects(self) -> Sequence[SiteObject]:
        """The whole configuration."""
        ...

    async def put_site_objects(
        self, objects: Sequence[SiteObject], *, remove: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Insert or replace by (kind, name), keeping the id of what exists; remove (kind, name)."""
        ...

    async def publish_flow(
        self, flow_id: str, *, name: str, kind: str, content: str, now: datetime
    ) -> int:
        """Store a flow's content as its next version unless it is that of the last; its number."""
        ...

    async def flow_content(
        self, flow_id: str, version: int | None = None
    ) -> tuple[int, str] | None:
        """A version of a flow (the last by default) with its number."""
        ...

    # --- contacts -----------------------------------------------------------------------------
    async def create_contact(self, contact: Contact, *notes: Note) -> None:
        """Insert a contact; ``contact.initiated_at`` dates the notes."""
        ...

    async def contact(self, contact_id: ContactId) -> Contact | None:
        """One contact, open or ended."""
        ...

    async def open_contacts(self) -> Sequence[Contact]:
        """Every contact that has not ended."""
        ...

    async def recent_contacts(self, limit: int) -> Sequence[Contact]:
        """The newest contacts, newest first."""
        ...

    async def change_contact(
        self, contact_id: ContactId, changes: Mapping[str, Any], *notes: Note, now: datetime
    ) -> None:
        """Set fields of a contact by their names in ``Contact``; never ``state``."""
        ...

    async def move_contact(
        self,
        contact_id: ContactId,
        from_state: ContactState,
        to_state: ContactState,
        changes: Mapping[str, Any],
        *notes: Note,
        now: datetime,
    ) -> bool:
        """Set the state and fields, if the state is still ``from_state``."""
        ...

    async def enqueue_call(
        self, contact_id: ContactId, queue_id: QueueId, *, max_contacts: int | None, now: datetime
    ) -> Enqueued:
        """Put a call that is in a flow into a queue, unless the queue is full.

        The place is the time of enqueueing. Full = calls waiting (queued, offered, in the agent
        whisper) plus open callbacks (not ended, whatever their state) reach ``max_contacts``.
        """
        ...

    async def note(self, contact_id: ContactId, *notes: Note, now: datetime) -> None:
        """Append to a contact's journal."""
        ...

    async def journal(self, contact_id: ContactId) -> Sequence[JournalEntry]:
        """A contact's journal in order."""
        ...

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
        """Create a callback contact, its row, its timers and both contacts' links, or nothing.

        ``asked_by`` gets ``next_id`` and, if it was waiting in a queue, leaves it for ``IN_FLOW``
        (it is then no abandoned call); if it is offered or being served, the callback is refused
        by raising ``DomainError`` (product rule D4). ``notes`` open the callback's journal.
        """
        ...

    async def callback(self, contact_id: ContactId) -> Callback | None:
        """The callback's own row."""
        ...

    async def open_callbacks(self) -> Sequence[tuple[Contact, Callback]]:
        """Every callback without a result, in order of place."""
        ...

    async def open_callback_of(self, number: E164) -> tuple[Contact, Callback] | None:
        """The open callback to this number that has the oldest place."""
        ...

    async def change_callback(self, contact_id: ContactId, changes: Mapping[str, Any]) -> None:
        """Set fields of a callback by their names in ``Callback``."""
        ...

    async def callback_due(self, contact_id: ContactId, *notes: Note, now: datetime) -> bool:
        """Put a scheduled or waiting callback into its queue; clears its due timer."""
        ...

    async def reschedule_callback(
        self,
        contact_id: ContactId,
        from_state: ContactState,
        *,
        due_at: datetime,
        notes: Sequence[Note],
        now: datetime,
    ) -> bool:
        """Move a callback to ``WAITING_FOR_RETRY`` until ``due_at``; frees no agent."""
        ...

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
        """Give a callback its one result and end its contact, clearing its timers.

        Returns:
            Whether it was in one of ``from_states`` and had no result yet.
        """
        ...

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
        """Create a quick connect and its destination's contact, and change the source's.

        Args:
            transfer: The new one.
            contact: Of its destination.
            change: Of the source's contact.
            notes: For the source's journal.
            former: One that is joined, as the party that it becomes.
            limits: Caps that a call to a phone number keeps, together with those of callbacks.

        Returns:
            Whether the source's contact is connected, its agent on it, no other one that is not a
            party open, and no cap reached.
        """
        ...

    async def move_transfer(
        self,
        transfer: Transfer,
        from_state: TransferState,
        changes: Sequence[ContactChange],
        *notes: Note,
        now: datetime,
    ) -> bool:
        """Set a quick connect's state and the contacts it links; notes go to the source's journal.

        A callback that a change ends has the result COMPLETED. Parties follow a customer who is
        handed over: their source is the destination's contact from now on.

        Returns:
            Whether it was in ``from_state``.
        """
        ...

    async def transfer(self, contact_id: ContactId) -> Transfer | None:
        """The quick connect whose destination's contact this is."""
        ...

    async def latest_transfer_of(self, source_id: ContactId) -> Transfer | None:
        """The quick connect that a contact's agent has the controls of, or had last."""
        ...

    async def open_transfers_of(self, source_id: ContactId) -> Sequence[Transfer]:
        """A contact's quick connects under way, parties too, oldest first."""
        ...

    async def open_transfers(self) -> Sequence[Transfer]:
        """Every quick connect under way, oldest first."""
        ...

    # --- supervisors --------------------------------------------------------------------------
    async def monitor_count(self, contact_id: ContactId) -> int:
        """How often a contact was supervised, open ones included."""
        ...

    async def begin_monitor(self, monitor: Monitor, *notes: Note) -> bool:
        """Reserve a supervisor for a contact.

        Returns:
            Whether the supervisor was idle and the contact is connected.
        """
        ...

    async def set_monitor_mode(
        self, leg_id: LegId, mode: MonitorMode, *notes: Note, now: datetime
    ) -> bool:
        """Change what a supervisor does; whether they still supervise."""
        ...

    async def end_monitor(self, leg_id: LegId, *notes: Note, now: datetime) -> bool:
        """End a supervision and free the supervisor; whether it was open."""
        ...

    async def take_over(
        self,
        leg_id: LegId,
        transfer: Transfer,
        contact: Contact,
        change: ContactChange,
        *notes: Note,
    ) -> bool:
        """End a supervision with the supervisor on the destination's contact of a quick connect.

        Returns:
            Whether it was open, and the quick connect could begin (``begin_transfer``).
        """
        ...

    async def open_monitors(self) -> Sequence[Monitor]:
        """Every supervision under way, oldest first."""
        ...

    # --- attempts -----------------------------------------------------------------------------
    async def begin_attempt(
        self, contact_id: ContactId, agent_id: AgentId, *, limits: DialLimits, now: datetime
    ) -> Attempt | DialRefused:
        """Commit the intent to dial; only after this may anything be sent.

        Refused unless the contact is in ``DIALLING``, held by this agent, without a result, and
        no other live contact here has that number.
        """
        ...

    async def end_attempt(
        self,
        leg_id: LegId,
        outcome: LegOutcome,
        *,
        rang: bool,
        counted: bool,
        now: datetime,
    ) -> Callback:
        """Close an attempt once; adds to ``attempts_used`` if counted. Returns the callback.

        Closing a closed attempt changes nothing.
        """
        ...

    async def attempts(self, contact_id: ContactId) -> Sequence[Attempt]:
        """All attempts of a callback in order."""
        ...

    async def open_attempts(self) -> Sequence[Attempt]:
        """Attempts without an outcome."""
        ...

    # --- agents -------------------------------------------------------------------------------
    async def ensure_agents(self, agent_ids: Sequence[AgentId], *, now: datetime) -> None:
        """Give every agent a row; a new one is Offline, idle and unreachable."""
        ...

    async def agents(self) -> Sequence[AgentState]:
        """Every agent's state."""
        ...

    async def agent(self, agent_id: AgentId) -> AgentState | None:
        """One agent's state."""
        ...

    async def set_agent_status(
        self, agent_id: AgentId, status: str, kind: StatusKind, *, now: datetime
    ) -> AgentState:
        """Choose a status; while the agent holds a contact it becomes the next status.

        Choosing Available clears MISSED and ERROR, and ends after-contact work; an agent who
        becomes ready is idle from now on.
        """
        ...

    async def set_agent_reachable(
        self, agent_id: AgentId, *, reachable: bool, now: datetime
    ) -> None:
        """Record whether the agent's phone answers; becoming reachable starts no new idle time."""
        ...

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
        """Change the activity of an agent who holds this contact.

        IDLE, MISSED and ERROR let go of the contact; IDLE applies the next status and starts a
        new idle time unless ``keep_idle_since``; AFTER_CONTACT_WORK keeps the contact and sets the
        timer if ``acw_until`` is given.

        Returns:
            Whether the agent held this contact.
        """
        ...

    async def end_acw(self, agent_id: AgentId, *, now: datetime) -> bool:
        """End after-contact work, applying the next status; whether the agent was in it."""
        ...

    # --- routing ------------------------------------------------------------------------------
    async def snapshot(self) -> Snapshot:
        """Queued contacts and all agents."""
        ...

    async def claim(
        self,
        contact_id: ContactId,
        agent_id: AgentId,
        *notes: Note,
        from_state: ContactState = ContactState.QUEUED,
        now: datetime,
    ) -> int | None:
        """Reserve one agent for one contact: contact→OFFERED, agent idle and ready→OFFERED.

        Args:
            contact_id: The contact.
            agent_id: The agent.
            notes: For the contact's journal.
            from_state: Where the contact must be; a quick connect to an agent is in no queue.
            now: Current time.

        Returns:
            The number of this offer for the contact (1, 2, …), or none if either was taken.
        """
        ...

    async def queue_figures(self) -> Sequence[QueueFigures]:
        """What waits, per queue that has something waiting."""
        ...

    # --- timers -------------------------------------------------------------------------------
    async def due_timers(self, *, now: datetime) -> Sequence[Timer]:
        """Timers that are due, oldest first."""
        ...

    async def next_due(self) -> datetime | None:
        """When the next timer is due."""
        ...

    async def set_timer(self, timer: Timer) -> None:
        """Set or replace a timer."""
        ...

    async def clear_timer(self, kind: TimerKind, subject: str) -> None:
        """Remove a timer."""
        ...
