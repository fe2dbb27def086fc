"""Quick connects: transfers, the room a contact talks in, and how long its customer was held."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and columns that older contacts have empty."""
    op.add_column("contacts", sa.Column("room_id", sa.Text))
    for name, kind in (
        ("holds", sa.Integer),
        ("held", sa.BigInteger),
        ("longest_hold", sa.BigInteger),
    ):
        op.add_column("contacts", sa.Column(name, kind, nullable=False, server_default="0"))
    op.add_column("contacts", sa.Column("held_since", sa.BigInteger))
    op.create_table(
        "transfers",
        sa.Column("contact_id", sa.Text, sa.ForeignKey("contacts.id"), primary_key=True),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("quick_connect_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("handed_over", sa.Boolean, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_index(
        "transfers_one_open",
        "transfers",
        ["source_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("transfers_by_source", "transfers", ["source_id", "began_at"])
