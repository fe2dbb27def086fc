"""Supervisors: who listened to whom, and the leg of an agent who came without an offer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and a column that older contacts have empty."""
    op.add_column("contacts", sa.Column("adopted_leg", sa.Text))
    op.create_table(
        "monitors",
        sa.Column("leg_id", sa.Text, primary_key=True),
        sa.Column("contact_id", sa.Text, sa.ForeignKey("contacts.id"), nullable=False),
        sa.Column("supervisor_id", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_index(
        "monitors_one_per_supervisor",
        "monitors",
        ["supervisor_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("monitors_by_contact", "monitors", ["contact_id"])
