"""Transactions on SQLite and PostgreSQL.

What happens inside a transaction is a plain function of a connection: nothing can be awaited
between its statements. Writing transactions run one at a time, here by a lock of this process, in
the database by ``BEGIN IMMEDIATE`` (SQLite) or the lock on the lease's row (PostgreSQL), so that
what one of them has read stays true until it commits.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from ivr.domain.errors import StoreError
from ivr.store import migration, sqlite

T = TypeVar("T")
Work = Callable[[Connection], T]

LOCK_SECONDS = 5
"""How long a transaction waits for another program's lock before it fails."""
_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 30
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class Database(Protocol):
    """Runs work in transactions; every failure of the database is a ``StoreError``."""

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


def connect(url: str) -> Database:
    """Prepare a database; a file is made, nothing is connected yet.

    Args:
        url: ``sqlite:///PATH``, ``postgresql://USER:PASSWORD@HOST/NAME``, or ``sqlite://`` for one
            in memory. The async drivers may be named.

    Raises:
        StoreError: The URL or its driver is unknown.
    """
    with failures("the URL cannot be used"):
        parsed = make_url(url)
        if parsed.get_backend_name() not in _DRIVERS:
            raise StoreError("the database URL must begin with sqlite: or postgresql:")
        if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
            return _MemoryDatabase()
        return _ServedDatabase(parsed.set(drivername=_DRIVERS[parsed.get_backend_name()]))


def describe(url: str) -> str:
    """Name the database in a message, without its password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or "memory"
    return parsed.render_as_string(hide_password=True)


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


def _answers(connection: Connection) -> None:
    connection.execute(select(1))


class _ServedDatabase:
    """A file or a server, behind an async driver and a pool of connections."""

    def __init__(self, url: URL) -> None:
        engine: AsyncEngine
        if url.get_backend_name() == "sqlite":
            sqlite.prepare_file(url)
            engine = create_async_engine(
                url, hide_parameters=True, connect_args={"timeout": LOCK_SECONDS}
            )
            sqlite.listen(engine.sync_engine)
            self._reader = engine
            self._writer = engine.execution_options(**sqlite.WRITE)
            self._durable_writer = engine.execution_options(**sqlite.WRITE_DURABLY)
            self._check: Work[None] = sqlite.check
        else:
            engine = create_async_engine(
                url,
                hide_parameters=True,
                pool_pre_ping=True,
                connect_args={
                    "timeout": _CONNECT_SECONDS,
                    "command_timeout": _STATEMENT_SECONDS,
                    "server_settings": {
                        "application_name": "queueback",
                        "lock_timeout": f"{LOCK_SECONDS}s",
                    },
                },
            )
            self._reader = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._writer = self._durable_writer = engine
            self._check = _answers
        self._engine = engine
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        await self.read(self._check)
        await self.write(migration.upgrade, durable=True)

    async def read(self, work: Work[T]) -> T:
        with failures("reading failed"):
            return await _finish(_transact(self._reader, work))

    async def write(self, work: Work[T], *, durable: bool) -> T:
        engine = self._durable_writer if durable else self._writer
        with failures("writing failed"):
            async with self._turn:
                return await _finish(_transact(engine, work))

    async def close(self) -> None:
        await self._engine.dispose()


async def _transact(engine: AsyncEngine, work: Work[T]) -> T:
    async with engine.begin() as connection:
        return await connection.run_sync(work)


async def _finish(transaction: Coroutine[Any, Any, T]) -> T:
    """Run a transaction to its end, even if the caller is cancelled meanwhile.

    Interrupted, it would cost its connection, and the next one would find the database locked.
    """
    task = asyncio.create_task(transaction, name="database transaction")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        raise


class _MemoryDatabase:
    """A database in memory that answers in the calling thread: for tests and for trying flows.

    It never waits, so that virtual time stands still while it works.
    """

    _blank: ClassVar[bytes | None] = None
    """An empty database with its schema, made once: tests open hundreds."""

    def __init__(self) -> None:
        self._connection = _memory_engine().connect()

    async def prepare(self) -> None:
        driver: Any = self._connection.connection.driver_connection
        if _MemoryDatabase._blank is None:
            await self.write(migration.upgrade, durable=False)
            _MemoryDatabase._blank = driver.serialize()
        else:
            driver.deserialize(_MemoryDatabase._blank)

    async def read(self, work: Work[T]) -> T:
        with failures("reading failed"), self._connection.begin():
            return work(self._connection)

    async def write(self, work: Work[T], *, durable: bool) -> T:
        with failures("writing failed"), self._connection.begin():
            return work(self._connection)

    async def close(self) -> None:
        self._connection.close()


@cache
def _memory_engine() -> Engine:
    """One engine, so that statements are compiled once; each of its connections is a database."""
    engine = create_engine(
        "sqlite://",
        hide_parameters=True,
        poolclass=NullPool,
        connect_args={"check_same_thread": False},
    )
    sqlite.listen(engine)
    return engine
