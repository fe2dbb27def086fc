"""Bring a database's schema up to date, in the transaction that finds it out of date."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from ivr.domain.errors import StoreError

_ADVISORY_LOCK = 7_165_343_927
"""Any number, the same in every version: two programs that start at once migrate in turn."""


def upgrade(connection: Connection) -> None:
    """Run the revisions that are missing; there is no way back down.

    Something is written even if none is, so that a read-only database is found out at once.

    Raises:
        StoreError: The database was written by a newer version of this program.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    config = Config()
    config.set_main_option("script_location", "ivr.store:migrations")
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_heads()
    if set(current) == set(scripts.get_heads()):
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        return
    try:
        scripts.get_revisions(current)
    except CommandError as error:
        raise StoreError(
            f"its schema ({', '.join(current)}) is newer than this version of the program"
        ) from error
    command.upgrade(config, "head")
