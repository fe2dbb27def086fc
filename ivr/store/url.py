"""Which database a URL names."""

from __future__ import annotations

from sqlalchemy.engine import make_url

from ivr.domain.errors import StoreError
from ivr.store.database import Database, failures
from ivr.store.postgres import PostgresDatabase
from ivr.store.sqlite import FileDatabase, MemoryDatabase


def connect(url: str) -> Database:
    """Find the database; a file is made, nothing is connected yet.

    Args:
        url: ``sqlite:///PATH``, ``postgresql://USER:PASSWORD@HOST/NAME``, or ``sqlite://`` for one
            in memory. A driver (``sqlite+…``) may be named and makes no difference.

    Raises:
        StoreError: The URL cannot be used.
    """
    with failures("the URL cannot be used"):
        parsed = make_url(url)
        match parsed.get_backend_name():
            case "sqlite" if parsed.database in (None, "", ":memory:"):
                return MemoryDatabase()
            case "sqlite":
                return FileDatabase(parsed)
            case "postgresql":
                return PostgresDatabase(parsed)
            case _:
                raise StoreError("the URL must begin with sqlite: or postgresql:")


def describe(url: str) -> str:
    """Name the database in a message, without its password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or "in memory"
    return parsed.render_as_string(hide_password=True)
