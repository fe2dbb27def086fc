"""Opening, migrating and losing a database: a clear message or nothing harmed."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from stat import S_IMODE

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from ivr.domain.errors import StoreError
from ivr.domain.ids import ContactId
from ivr.store import database, migration, url
from ivr.store.schema import metadata
from ivr.store.sql_store import SqlStore
from tests.builders import a_contact
from tests.postgres import execute
from tests.stores import in_charge

pytestmark = pytest.mark.integration

CALL = ContactId("call")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def mode(path: Path) -> int:
    return S_IMODE(path.stat().st_mode)


def damage(path: Path) -> None:
    """Overwrite all pages but the first and the last."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 8192))


@contextmanager
def sqlite_connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def made(path: Path) -> None:
    """Leave a database with one contact at this path."""
    store = await in_charge(f"sqlite:///{path}")
    await store.create_contact(a_contact())
    await store.close()


async def refusal(url: str) -> str:
    """What is said when the database cannot be opened."""
    store = SqlStore(url)
    with pytest.raises(StoreError) as refused:
        await store.open()
    await store.close()
    return str(refused.value)


# --- schema -------------------------------------------------------------------------------------


async def test_migrations_build_the_schema_that_the_program_uses(new_url: str) -> None:
    opened = url.connect(new_url)
    await opened.prepare()

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await opened.write(differences, durable=False) == []
    await opened.close()


async def test_database_is_migrated_once_by_two_programs_at_once(new_url: str) -> None:
    stores = [SqlStore(new_url) for _ in range(4)]

    await asyncio.gather(*(store.open() for store in stores))

    for store in stores:
        assert await store.open_contacts() == []
        await store.close()


async def test_new_file_that_another_program_writes_to_is_waited_for(path: Path) -> None:
    """SQLite refuses at once to switch the log on while somebody writes, whatever the timeout."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    store = SqlStore(f"sqlite:///{path}")
    let_go = threading.Timer(0.3, other.execute, ("COMMIT",))
    let_go.start()

    await store.open()

    let_go.join()
    other.close()
    assert await store.open_contacts() == []
    await store.close()


async def test_failed_migration_leaves_nothing_behind(
    new_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(connection: Connection) -> None:
        upgrade(connection)
        raise StoreError("power cut")

    upgrade = migration.upgrade
    monkeypatch.setattr(migration, "upgrade", fails)
    assert "power cut" in await refusal(new_url)
    monkeypatch.undo()

    store = await in_charge(new_url)
    await store.create_contact(a_contact())
    await store.close()


async def test_database_of_a_newer_version_is_refused(new_url: str) -> None:
    opened = url.connect(new_url)
    await opened.prepare()
    await opened.write(
        lambda connection: connection.exec_driver_sql(
            "UPDATE alembic_version SET version_num = '9999'"
        ),
        durable=False,
    )
    await opened.close()

    assert "9999) is newer than this version of the program" in await refusal(new_url)


# --- SQLite files -------------------------------------------------------------------------------


async def test_files_are_readable_by_their_owner_only(path: Path) -> None:
    store = await in_charge(f"sqlite:///{path}")
    await store.create_contact(a_contact())

    for suffix in ("", "-wal", "-shm"):
        assert mode(Path(f"{path}{suffix}")) == 0o600
    await store.close()


async def test_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    await made(path)
    os.chmod(path, 0o644)

    store = SqlStore(f"sqlite+aiosqlite:///{path}")
    await store.open()

    assert mode(path) == 0o600
    assert await store.contact(CALL) == a_contact()
    await store.close()


async def test_missing_folder_is_named(tmp_path: Path) -> None:
    said = await refusal(f"sqlite:///{tmp_path}/missing/store.db")

    assert said == f"database {tmp_path}/missing/store.db: No such file or directory"


@pytest.fixture
def minutes(path: Path) -> Iterator[Path]:
    """A file of somebody else's, which stays as it is."""
    text = "minutes of the meeting\n" * 100
    path.write_text(text)
    yield path
    assert path.read_text() == text


async def test_file_that_is_no_database_is_refused_and_left_alone(minutes: Path) -> None:
    said = await refusal(f"sqlite:///{minutes}")

    assert said == f"database {minutes}: reading failed: file is not a database"


async def test_damaged_file_is_refused(path: Path) -> None:
    await made(path)
    damage(path)

    said = await refusal(f"sqlite:///{path}")

    assert said.startswith(f"database {path}: ")


async def test_read_only_file_is_refused(path: Path) -> None:
    await made(path)

    said = await refusal(f"sqlite:///file:{path}?mode=ro&uri=true")

    assert said.endswith("attempt to write a readonly database")


async def test_write_waits_for_another_program_and_gives_up_in_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.2)
    store = await in_charge(f"sqlite:///{path}")
    with sqlite_connection(path) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreError, match="writing failed: database is locked"):
            await store.create_contact(a_contact())
        assert await store.open_contacts() == []

        waiting = asyncio.create_task(store.create_contact(a_contact()))
        other.execute("ROLLBACK")
        await waiting

    assert await store.contact(CALL) == a_contact()
    await store.close()


async def test_durable_commits_sync_the_log_and_others_leave_it_to_checkpoints(
    path: Path,
) -> None:
    opened = url.connect(f"sqlite:///{path}")

    def synchronous(connection: Connection) -> object:
        return connection.exec_driver_sql("PRAGMA synchronous").scalar()

    full, normal = 2, 1
    assert await opened.write(synchronous, durable=True) == full
    assert await opened.write(synchronous, durable=False) == normal
    await opened.close()


# --- URLs and servers ---------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["mysql://x", "nonsense", "postgresql+psycopg3000"])
async def test_unknown_urls_are_refused(url: str) -> None:
    assert "URL" in await refusal(url)


async def test_unreachable_server_is_named_without_its_password(tmp_path: Path) -> None:
    said = await refusal(f"postgresql://ivr:secret@/ivr?host={tmp_path}")

    assert str(tmp_path).replace("/", "%2F") in said
    assert "reading failed: FileNotFoundError" in said
    assert "secret" not in said


async def test_connections_cut_by_the_server_are_made_again(
    postgres_url: str, postgres_server: Path
) -> None:
    store = await in_charge(postgres_url)

    await execute(
        postgres_server,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'queueback'",
    )

    await store.create_contact(a_contact())
    assert await store.contact(CALL) == a_contact()
    await store.close()


# --- cancellation -------------------------------------------------------------------------------


async def test_cancelled_writers_leave_whole_rows_and_a_free_database(served_url: str) -> None:
    store = await in_charge(served_url)
    loop = asyncio.get_running_loop()
    draw = random.Random(7)
    tasks = {
        f"c{number}": asyncio.create_task(store.create_contact(a_contact(f"c{number}")))
        for number in range(60)
    }
    for task in tasks.values():
        loop.call_later(draw.uniform(0, 0.3), task.cancel)
    outcomes = await asyncio.gather(*tasks.values(), return_exceptions=True)

    await store.create_contact(a_contact("after"))

    finished = {name for name, outcome in zip(tasks, outcomes, strict=True) if outcome is None}
    stored = {contact.id for contact in await store.open_contacts()}
    assert finished | {"after"} <= stored
    assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError}
    await store.close()


async def test_cancelled_reader_leaves_its_connection_usable(served_url: str) -> None:
    store = await in_charge(served_url)
    await store.create_contact(a_contact())
    for _ in range(10):
        reader = asyncio.create_task(store.contact(CALL))
        asyncio.get_running_loop().call_soon(reader.cancel)
        with pytest.raises(asyncio.CancelledError):
            await reader

    assert await store.contact(CALL) == a_contact()
    await store.close()
