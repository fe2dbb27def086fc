"""Transfer flows that speak with the customer: one state for each whom they speak with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count the legs of flows; a flow that runs speaks with the source."""
    op.add_column(
        "transfers", sa.Column("flow_legs", sa.Integer, nullable=False, server_default="0")
    )
    op.execute(
        "UPDATE transfers SET state = 'source_flow' WHERE state IN ('agent_flow', 'queue_flow')"
    )
