"""The tables, and how our values stand in them.

A column is named like the field of the record it holds. Times are microseconds since 1970 UTC and
durations are microseconds, so that both databases order and subtract them alike; enums stand by
value. A changed table needs a revision in ``migrations/versions``; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from ivr.domain.agent import AgentActivity, StatusKind
from ivr.domain.callback import CallbackResult, FailureReason
from ivr.domain.contact import ContactState, DisconnectReason, InitiationMethod
from ivr.domain.leg import LegOutcome
from ivr.domain.monitor import MonitorMode
from ivr.domain.quick_connect import QuickConnectKind, TransferState
from ivr.ports.store import TimerKind

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Count microseconds since the epoch; a naive time raises ``TypeError``."""
        return None if value is None else (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Give the time in UTC."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Duration(TypeDecorator[timedelta]):
    """A length of time."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        """Count microseconds."""
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> timedelta | None:
        """Give the length of time."""
        return None if value is None else timedelta(microseconds=value)


class ByValue(TypeDecorator[Enum]):
    """A member of an enum, by its value."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[Enum]) -> None:
        super().__init__()
        self.kind = kind
        self._members = {member.value: member for member in kind}

    def process_bind_param(self, value: Enum | None, dialect: Dialect) -> str | None:
        """Give the member's value."""
        return None if value is None else str(value.value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Enum | None:
        """Find the member."""
        return None if value is None else self._members[value]


class JsonObject(TypeDecorator[Mapping[str, Any]]):
    """A mapping of JSON values; none is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(
        self, value: Mapping[str, Any] | None, dialect: Dialect
    ) -> dict[str, Any] | None:
        """Give a plain dict, whatever mapping came."""
        return None if value is None else dict(value)


def _required(name: str, kind: Any, of_older_rows: str | None = None) -> Column[Any]:
    return Column(name, kind, nullable=False, server_default=of_older_rows)


metadata = MetaData()

contacts = Table(
    "contacts",
    metadata,
    Column("id", Text, primary_key=True),
    _required("initial_id", Text),
    Column("previous_id", Text),
    Column("next_id", Text),
    _required("initiation", ByValue(InitiationMethod)),
    _required("state", ByValue(ContactState)),
    Column("customer_number", Text),
    Column("customer_name", Text),
    Column("system_number", Text),
    Column("customer_leg", Text),
    Column("caller_account", Text),
    Column("queue_id", Text),
    Column("target_queue_id", Text),
    _required("place_at", UtcTime),
    _required("priority", Integer),
    _required("initiated_at", UtcTime),
    Column("connected_to_system_at", UtcTime),
    Column("enqueued_at", UtcTime),
    Column("dequeued_at", UtcTime),
    Column("connected_to_agent_at", UtcTime),
    Column("disconnected_at", UtcTime),
    Column("acw_started_at", UtcTime),
    Column("acw_ended_at", UtcTime),
    Column("agent_id", Text),
    _required("agent_attempts", Integer),
    Column("adopted_leg", Text),
    Column("disconnect_reason", ByValue(DisconnectReason)),
    _required("language", Text),
    Column("voice", Text),
    _required("attributes", JsonObject),
    _required("hooks", JsonObject),
    Column("callback_number", Text),
    Column("position", JsonObject),
    Column("room_id", Text),
    _required("holds", Integer, "0"),
    _required("held", Duration, "0"),
    _required("longest_hold", Duration, "0"),
    Column("held_since", UtcTime),
    Index("contacts_by_state", "state"),
    Index("contacts_by_queue", "queue_id", "state"),
    Index("contacts_by_number", "customer_number", "state"),
    Index("contacts_by_start", "initiated_at"),
)

_OPEN_CALLBACK = text("result IS NULL")
_SOLE_CALLBACK = text("result IS NULL AND one_per_number")

callbacks = Table(
    "callbacks",
    metadata,
    Column("contact_id", Text, ForeignKey("contacts.id"), primary_key=True),
    _required("number", Text),
    _required("queue_id", Text),
    Column("caller_id", Text),
    _required("retries", Integer),
    _required("retry_delay", Duration),
    _required("attempts_used", Integer),
    _required("dials", Integer),
    _required("network_failures", Integer),
    _required("created_at", UtcTime),
    _required("due_at", UtcTime),
    _required("expires_at", UtcTime),
    Column("result", ByValue(CallbackResult)),
    Column("failure", ByValue(FailureReason)),
    # Whether the rule "one open callback per number and queue" held when it was created.
    _required("one_per_number", Boolean),
    Index(
        "callbacks_one_open_per_number",
        "number",
        "queue_id",
        unique=True,
        sqlite_where=_SOLE_CALLBACK,
        postgresql_where=_SOLE_CALLBACK,
    ),
    Index(
        "callbacks_open", "queue_id", sqlite_where=_OPEN_CALLBACK, postgresql_where=_OPEN_CALLBACK
    ),
    Index("callbacks_by_number", "number", "created_at"),
    Index("callbacks_by_creation", "created_at"),
)

_OPEN_ATTEMPT = text("outcome IS NULL")

attempts = Table(
    "attempts",
    metadata,
    Column("contact_id", Text, ForeignKey("callbacks.contact_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _required("leg_id", Text),
    _required("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("outcome", ByValue(LegOutcome)),
    _required("rang", Boolean),
    Column("counted", Boolean),
    UniqueConstraint("leg_id", name="attempts_leg"),
    Index(
        "attempts_one_open",
        "contact_id",
        unique=True,
        sqlite_where=_OPEN_ATTEMPT,
        postgresql_where=_OPEN_ATTEMPT,
    ),
    Index("attempts_by_start", "started_at"),
)

agents = Table(
    "agents",
    metadata,
    Column("agent_id", Text, primary_key=True),
    _required("status", Text),
    _required("status_kind", ByValue(StatusKind)),
    _required("status_since", UtcTime),
    Column("next_status", Text),
    Column("next_status_kind", ByValue(StatusKind)),
    _required("activity", ByValue(AgentActivity)),
    _required("activity_since", UtcTime),
    Column("contact_id", Text, ForeignKey("contacts.id")),
    _required("idle_since", UtcTime),
    _required("reachable", Boolean),
    Column("acw_until", UtcTime),
    UniqueConstraint("contact_id", name="agents_one_per_contact"),
)

_HAS_CONTROLS = text("ended_at IS NULL AND state <> 'party'")

transfers = Table(
    "transfers",
    metadata,
    Column("contact_id", Text, ForeignKey("contacts.id"), primary_key=True),
    _required("source_id", Text),
    _required("quick_connect_id", Text),
    _required("kind", ByValue(QuickConnectKind)),
    _required("state", ByValue(TransferState)),
    _required("handed_over", Boolean),
    _required("flow_legs", Integer, "0"),
    _required("began_at", UtcTime),
    Column("ended_at", UtcTime),
    Index(
        "transfers_one_open",
        "source_id",
        unique=True,
        sqlite_where=_HAS_CONTROLS,
        postgresql_where=_HAS_CONTROLS,
    ),
    Index("transfers_by_source", "source_id", "began_at"),
)

_OPEN_MONITOR = text("ended_at IS NULL")

monitors = Table(
    "monitors",
    metadata,
    Column("leg_id", Text, primary_key=True),
    Column("contact_id", Text, ForeignKey("contacts.id"), nullable=False),
    _required("supervisor_id", Text),
    _required("mode", ByValue(MonitorMode)),
    _required("began_at", UtcTime),
    Column("ended_at", UtcTime),
    Index(
        "monitors_one_per_supervisor",
        "supervisor_id",
        unique=True,
        sqlite_where=_OPEN_MONITOR,
        postgresql_where=_OPEN_MONITOR,
    ),
    Index("monitors_by_contact", "contact_id"),
)

timers = Table(
    "timers",
    metadata,
    Column("kind", ByValue(TimerKind), primary_key=True),
    Column("subject", Text, primary_key=True),
    _required("due_at", UtcTime),
    Index("timers_by_due", "due_at"),
)

journal = Table(
    "journal",
    metadata,
    Column("contact_id", Text, ForeignKey("contacts.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _required("at", UtcTime),
    _required("kind", Text),
    _required("detail", JsonObject),
)

lease = Table(
    "lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _required("holder", Text),
    _required("token", BigInteger),
    _required("expires_at", UtcTime),
)
"""One row, id 1, for ever; every writing transaction locks it first."""

site_objects = Table(
    "site_objects",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    _required("name", Text),
    _required("document", JsonObject),
    UniqueConstraint("kind", "name", name="site_objects_name"),
)

flow_versions = Table(
    "flow_versions",
    metadata,
    Column("flow_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _required("name", Text),
    _required("kind", Text),
    _required("content", Text),
    _required("published_at", UtcTime),
)
