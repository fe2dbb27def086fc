"""Parties of a conference: of a contact's open quick connects, one has the controls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index leave out parties."""
    has_controls = sa.text("ended_at IS NULL AND state <> 'party'")
    op.drop_index("transfers_one_open", "transfers")
    op.create_index(
        "transfers_one_open",
        "transfers",
        ["source_id"],
        unique=True,
        sqlite_where=has_controls,
        postgresql_where=has_controls,
    )
