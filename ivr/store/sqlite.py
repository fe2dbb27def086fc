"""What SQLite must be told: how a file is made, how connections and transactions begin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, Engine

from ivr.domain.errors import StoreError

_CONNECT = ("PRAGMA journal_mode=WAL", "PRAGMA foreign_keys=ON")
WRITE = {"begin": ("PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE")}
"""The log is synced at checkpoints: a commit survives kill -9, not always a power cut."""
WRITE_DURABLY = {"begin": ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE")}
"""The log is synced by every commit, and so is all that was committed before."""
_READ = ("BEGIN",)


def prepare_file(url: URL) -> None:
    """Make the database's file with access for its owner only, or take others' access away."""
    if not url.database or url.database.startswith("file:"):
        return
    path = Path(url.database)
    descriptor = os.open(path, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600)
    try:
        mode = os.fstat(descriptor).st_mode & 0o777
        if mode & 0o077:
            os.fchmod(descriptor, mode & 0o700)
    finally:
        os.close(descriptor)


def listen(engine: Engine) -> None:
    """Make every connection and transaction of an engine begin as it must."""

    def on_connect(connection: Any, _record: Any) -> None:
        # None switches off the driver's own BEGIN, which would come too late and never immediate.
        connection.isolation_level = None
        cursor = connection.cursor()
        for statement in _CONNECT:
            cursor.execute(statement)
        cursor.close()

    def on_begin(connection: Connection) -> None:
        for statement in connection.get_execution_options().get("begin", _READ):
            connection.exec_driver_sql(statement)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def check(connection: Connection) -> None:
    """Look for damaged pages.

    Raises:
        StoreError: The file is damaged.
    """
    if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
        raise StoreError("the file is damaged")
