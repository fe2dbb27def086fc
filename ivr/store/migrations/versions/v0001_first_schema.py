"""First schema: contacts, callbacks, attempts, agents, timers, journal, lease, site and flows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table, and the one row of the lease."""
    op.create_table(
        "contacts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("initial_id", sa.Text, nullable=False),
        sa.Column("previous_id", sa.Text),
        sa.Column("next_id", sa.Text),
        sa.Column("initiation", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("customer_number", sa.Text),
        sa.Column("customer_name", sa.Text),
        sa.Column("system_number", sa.Text),
        sa.Column("customer_leg", sa.Text),
        sa.Column("caller_account", sa.Text),
        sa.Column("queue_id", sa.Text),
        sa.Column("target_queue_id", sa.Text),
        sa.Column("place_at", sa.BigInteger, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("initiated_at", sa.BigInteger, nullable=False),
        sa.Column("connected_to_system_at", sa.BigInteger),
        sa.Column("enqueued_at", sa.BigInteger),
        sa.Column("dequeued_at", sa.BigInteger),
        sa.Column("connected_to_agent_at", sa.BigInteger),
        sa.Column("disconnected_at", sa.BigInteger),
        sa.Column("acw_started_at", sa.BigInteger),
        sa.Column("acw_ended_at", sa.BigInteger),
        sa.Column("agent_id", sa.Text),
        sa.Column("agent_attempts", sa.Integer, nullable=False),
        sa.Column("disconnect_reason", sa.Text),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("voice", sa.Text),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("hooks", sa.JSON, nullable=False),
        sa.Column("callback_number", sa.Text),
        sa.Column("position", sa.JSON),
    )
    op.create_index("contacts_by_state", "contacts", ["state"])
    op.create_index("contacts_by_queue", "contacts", ["queue_id", "state"])
    op.create_index("contacts_by_number", "contacts", ["customer_number", "state"])
    op.create_index("contacts_by_start", "contacts", ["initiated_at"])
    op.create_table(
        "callbacks",
        sa.Column("contact_id", sa.Text, sa.ForeignKey("contacts.id"), primary_key=True),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("queue_id", sa.Text, nullable=False),
        sa.Column("caller_id", sa.Text),
        sa.Column("retries", sa.Integer, nullable=False),
        sa.Column("retry_delay", sa.BigInteger, nullable=False),
        sa.Column("attempts_used", sa.Integer, nullable=False),
        sa.Column("dials", sa.Integer, nullable=False),
        sa.Column("network_failures", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("failure", sa.Text),
        sa.Column("one_per_number", sa.Boolean, nullable=False),
    )
    _create_partial_index(
        "callbacks_one_open_per_number",
        "callbacks",
        ["number", "queue_id"],
        "result IS NULL AND one_per_number",
        unique=True,
    )
    _create_partial_index(
        "callbacks_open", "callbacks", ["queue_id"], "result IS NULL", unique=False
    )
    op.create_index("callbacks_by_number", "callbacks", ["number", "created_at"])
    op.create_index("callbacks_by_creation", "callbacks", ["created_at"])
    op.create_table(
        "attempts",
        sa.Column("contact_id", sa.Text, sa.ForeignKey("callbacks.contact_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("leg_id", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("rang", sa.Boolean, nullable=False),
        sa.Column("counted", sa.Boolean),
        sa.UniqueConstraint("leg_id", name="attempts_leg"),
    )
    _create_partial_index(
        "attempts_one_open", "attempts", ["contact_id"], "outcome IS NULL", unique=True
    )
    op.create_index("attempts_by_start", "attempts", ["started_at"])
    op.create_table(
        "agents",
        sa.Column("agent_id", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("status_kind", sa.Text, nullable=False),
        sa.Column("status_since", sa.BigInteger, nullable=False),
        sa.Column("next_status", sa.Text),
        sa.Column("next_status_kind", sa.Text),
        sa.Column("activity", sa.Text, nullable=False),
        sa.Column("activity_since", sa.BigInteger, nullable=False),
        sa.Column("contact_id", sa.Text, sa.ForeignKey("contacts.id")),
        sa.Column("idle_since", sa.BigInteger, nullable=False),
        sa.Column("reachable", sa.Boolean, nullable=False),
        sa.Column("acw_until", sa.BigInteger),
        sa.UniqueConstraint("contact_id", name="agents_one_per_contact"),
    )
    op.create_table(
        "timers",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("due_at", sa.BigInteger, nullable=False),
    )
    op.create_index("timers_by_due", "timers", ["due_at"])
    op.create_table(
        "journal",
        sa.Column("contact_id", sa.Text, sa.ForeignKey("contacts.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    lease = op.create_table(
        "lease",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(lease, [{"id": 1, "holder": "", "token": 0, "expires_at": 0}])
    op.create_table(
        "site_objects",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.UniqueConstraint("kind", "name", name="site_objects_name"),
    )
    op.create_table(
        "flow_versions",
        sa.Column("flow_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("published_at", sa.BigInteger, nullable=False),
    )


def _create_partial_index(
    name: str, table: str, columns: list[str], condition: str, *, unique: bool
) -> None:
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )
