"""PostgreSQL, through asyncpg."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ivr.store import migration
from ivr.store.database import LOCK_SECONDS, Work, failures

T = TypeVar("T")

_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 30


class PostgresDatabase:
    """A database of a PostgreSQL server; every commit is durable."""

    def __init__(self, url: URL) -> None:
        self._writer = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
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
        self._reader = self._writer.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        """See ``Database``."""
        await self.read(_answers)
        await self.write(migration.upgrade, durable=True)

    async def read(self, work: Work[T]) -> T:
        """See ``Database``."""
        with failures("reading failed"):
            return await _finish(_transact(self._reader, work))

    async def write(self, work: Work[T], *, durable: bool) -> T:
        """See ``Database``."""
        with failures("writing failed"):
            async with self._turn:
                return await _finish(_transact(self._writer, work))

    async def close(self) -> None:
        """See ``Database``."""
        await self._writer.dispose()


def _answers(connection: Connection) -> None:
    connection.execute(select(1))


async def _transact(engine: AsyncEngine, work: Work[T]) -> T:
    async with engine.begin() as connection:
        return await connection.run_sync(work)


async def _finish(transaction: Coroutine[Any, Any, T]) -> T:
    """Run a transaction to its end; interrupted, it would cost its connection."""
    task = asyncio.create_task(transaction, name="database transaction")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        raise
