"""How Alembic reaches the database: on the connection and in the transaction it is given."""

from __future__ import annotations

from alembic import context

from ivr.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
