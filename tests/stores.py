"""Open stores for tests, on every database the product runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from ivr.store.sql_store import SqlStore
from tests.builders import NOW

HOLDER = "first controller"
LEASE = timedelta(seconds=10)


@pytest.fixture(params=["sqlite", "postgres"])
def served_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database that several programs can share."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    match request.param:
        case "memory":
            return "sqlite://"
        case "postgres":
            return str(request.getfixturevalue("postgres_url"))
        case _:
            return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[SqlStore]:
    """An open store that is in charge."""
    opened = await in_charge(database_url)
    yield opened
    await opened.close()


async def in_charge(url: str, holder: str = HOLDER) -> SqlStore:
    """Open a store and take the lease for ten seconds from ``NOW``."""
    opened = SqlStore(url)
    await opened.open()
    assert await opened.take_lease(holder, now=NOW, ttl=LEASE)
    return opened
