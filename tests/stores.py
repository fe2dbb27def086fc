"""Open stores for tests, on every database the product runs on.

Every run loads this module, also of tests that open no store: it imports SQLAlchemy when used.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders import NOW
from tests.postgres import execute, url_of

if TYPE_CHECKING:
    from ivr.store.sql_store import SqlStore

HOLDER = "first controller"
LEASE = timedelta(seconds=10)


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is empty to its schema."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture(params=["sqlite", "postgres"])
def served_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without contents that several programs can share."""
    return str(request.getfixturevalue(f"{request.param}_without_contents"))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without contents."""
    if request.param == "memory":
        return "sqlite://"
    return str(request.getfixturevalue(f"{request.param}_without_contents"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file; a copy of it is ten times as fast as migrating."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    asyncio.run(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_without_contents(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a migrated file of the test's own."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path)}"


@pytest.fixture(scope="session")
def postgres_migrated(postgres_server: Path) -> str:
    """The URL of a migrated database."""
    asyncio.run(execute(postgres_server, "CREATE DATABASE contents"))
    url = url_of(postgres_server, "contents")
    asyncio.run(_migrate(url))
    return url


@pytest.fixture
def postgres_without_contents(postgres_server: Path, postgres_migrated: str) -> str:
    """The URL of the migrated database, emptied of what the last test left."""
    from ivr.store.schema import lease, metadata

    tables = [table.name for table in reversed(metadata.sorted_tables) if table is not lease]
    statements = [f"DELETE FROM {name}" for name in tables]  # noqa: S608  our own names
    statements.append("UPDATE lease SET holder = '', token = 0, expires_at = 0")
    asyncio.run(execute(postgres_server, ";".join(statements), database="contents"))
    return postgres_migrated


async def _migrate(url: str) -> None:
    from ivr.store.sql_store import SqlStore

    store = SqlStore(url)
    await store.open()
    await store.close()


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[SqlStore]:
    """An open store that is in charge."""
    opened = await in_charge(database_url)
    yield opened
    await opened.close()


async def in_charge(url: str, holder: str = HOLDER) -> SqlStore:
    """Open a store and take the lease for ten seconds from ``NOW``."""
    from ivr.store.sql_store import SqlStore

    opened = SqlStore(url)
    await opened.open()
    assert await opened.take_lease(holder, now=NOW, ttl=LEASE)
    return opened
