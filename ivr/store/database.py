"""What the store needs of a database: transactions.

What happens inside a transaction is a plain function of a connection: nothing can be awaited
between its statements. Writing transactions run one at a time, here in order of their calls, in
the database by ``BEGIN IMMEDIATE`` (SQLite) or the lock on the lease's row (PostgreSQL), so that
what one of them has read stays true until it commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ivr.domain.errors import StoreError

T = TypeVar("T")
Work = Callable[[Connection], T]

LOCK_SECONDS = 5
"""How long a transaction waits for another program's lock before it fails."""


class Database(Protocol):
    """Runs work in transactions; every failure of the database is a ``StoreError``.

    A transaction that has begun runs to its end, even if its caller is cancelled meanwhile.
    """

    async def prepare(self) -> None:
        """Make sure that it answers and is whole, and bring its schema up to date."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Run work on one consistent state of the database."""
        ...

    async def write(self, work: Work[T], *, durable: bool) -> T:
        """Run work and commit; an exception rolls back.

        Args:
            work: Gets the connection.
            durable: Whether the commit must survive a power cut, not only the end of the process.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


@contextmanager
def failures(what: str) -> Iterator[None]:
    """Turn failures of the database into ``StoreError`` without any stored value in its text.

    SQLite's own messages hold none. PostgreSQL's may, so only the kind of failure is passed on.
    """
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise StoreError(f"{what}: {error.orig}") from error
        cause = error.orig and error.orig.__cause__
        raise StoreError(f"{what}: {type(cause or error.orig).__name__}") from None
    except sqlite3.Error as error:
        raise StoreError(f"{what}: {error}") from error
    except (SQLAlchemyError, OSError, ImportError, UnicodeError) as error:
        raise StoreError(f"{what}: {type(error).__name__}") from error
