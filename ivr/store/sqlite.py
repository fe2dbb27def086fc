"""SQLite: a file that worker threads work on, or a database in memory.

A transaction is one visit to a thread. The async drivers visit one for every statement and fetch,
which takes three times the processor time (measured with aiosqlite 0.22).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.pool import NullPool, QueuePool

from ivr.domain.errors import StoreError
from ivr.store import database, migration
from ivr.store.database import Work, failures

T = TypeVar("T")

_READERS = 4
_WAL = "PRAGMA journal_mode=WAL"
_WAL_TRIES = 10
_READ = ("BEGIN",)
_WRITE = ("PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE")
"""The log is synced at checkpoints: a commit survives kill -9, not always a power cut."""
_WRITE_DURABLY = ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE")
"""The log is synced by every commit, and so is all that was committed before."""


class FileDatabase:
    """A database in a file; one thread writes, a few read."""

    def __init__(self, url: URL) -> None:
        _prepare_file(url)
        self._engine = create_engine(
            url.set(drivername="sqlite"),
            hide_parameters=True,
            poolclass=QueuePool,
            pool_size=_READERS + 1,
            connect_args={"timeout": database.LOCK_SECONDS, "check_same_thread": False},
        )
        _listen(self._engine)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="database reader")

    async def prepare(self) -> None:
        """See ``Database``."""
        await self.read(_check)
        await self.write(migration.upgrade, durable=True)

    async def read(self, work: Work[T]) -> T:
        """See ``Database``."""
        return await self._visit(self._readers, "reading failed", _READ, work)

    async def write(self, work: Work[T], *, durable: bool) -> T:
        """See ``Database``."""
        begin = _WRITE_DURABLY if durable else _WRITE
        return await self._visit(self._writer, "writing failed", begin, work)

    async def close(self) -> None:
        """See ``Database``."""
        await asyncio.to_thread(self._close)

    async def _visit(
        self, threads: ThreadPoolExecutor, what: str, begin: tuple[str, ...], work: Work[T]
    ) -> T:
        def transact() -> T:
            with failures(what), self._engine.connect() as connection:
                connection.execution_options(begin=begin)
                with connection.begin():
                    return work(connection)

        return await asyncio.get_running_loop().run_in_executor(threads, transact)

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()


class MemoryDatabase:
    """A database in memory that answers in the calling thread: for tests and for trying flows.

    It never waits, so that virtual time stands still while it works.
    """

    _blank: ClassVar[bytes | None] = None
    """An empty database with its schema, made once: tests open hundreds."""

    def __init__(self) -> None:
        self._connection = _memory_engine().connect()

    async def prepare(self) -> None:
        """See ``Database``."""
        driver: Any = self._connection.connection.driver_connection
        if MemoryDatabase._blank is None:
            await self.write(migration.upgrade, durable=False)
            MemoryDatabase._blank = driver.serialize()
        else:
            driver.deserialize(MemoryDatabase._blank)

    async def read(self, work: Work[T]) -> T:
        """See ``Database``."""
        with failures("reading failed"), self._connection.begin():
            return work(self._connection)

    async def write(self, work: Work[T], *, durable: bool) -> T:
        """See ``Database``."""
        with failures("writing failed"), self._connection.begin():
            return work(self._connection)

    async def close(self) -> None:
        """See ``Database``."""
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
    _listen(engine)
    return engine


def _prepare_file(url: URL) -> None:
    """Make the database's file with access for its owner only, or take others' access away.

    Raises:
        StoreError: There is no such folder, or no access to it.
    """
    if not url.database or url.database.startswith("file:"):
        return
    path = Path(url.database)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"database {path}: {error.strerror}") from error
    try:
        mode = os.fstat(descriptor).st_mode & 0o777
        if mode & 0o077:
            os.fchmod(descriptor, mode & 0o700)
    finally:
        os.close(descriptor)


def _listen(engine: Engine) -> None:
    """Make every connection and transaction of an engine begin as it must."""

    def on_connect(connection: Any, _record: Any) -> None:
        # None switches off the driver's own BEGIN, which would come too late and never immediate.
        connection.isolation_level = None
        _write_ahead(connection)
        connection.execute("PRAGMA foreign_keys=ON").close()

    def on_begin(connection: Connection) -> None:
        driver: Any = connection.connection
        for statement in connection.get_execution_options().get("begin", _READ):
            driver.execute(statement).close()

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the log on, which a new file does not have yet.

    Of two programs that do so at once one is refused, however long it would wait: it waits for the
    other's lock by asking for it, and tries again.
    """
    for _ in range(_WAL_TRIES - 1):
        try:
            connection.execute(_WAL).close()
        except sqlite3.OperationalError:
            connection.execute("BEGIN IMMEDIATE").close()
            connection.execute("COMMIT").close()
        else:
            return
    connection.execute(_WAL).close()


def _check(connection: Connection) -> None:
    """Look for damaged pages.

    Raises:
        StoreError: The file is damaged.
    """
    if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
        raise StoreError("the file is damaged")
