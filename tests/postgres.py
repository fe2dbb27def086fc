"""A real PostgreSQL server for one test session, and a fresh database for each test.

Debian's binaries are used where they are installed, else the project's tools image where Docker
runs. The server listens on a socket in a temporary folder only and is stopped at the end. Every run
loads this module, also of tests that need no database: it imports the driver when used.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO

import pytest

TOOLS_IMAGE = "queueback-tools:dev"
_OWNER = "queueback"
_START_SECONDS = 60.0
_READY = b"ready to accept connections"
_SETTINGS = ("fsync=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")


class CannotStart(Exception):
    """There is no way to run PostgreSQL here; says why."""


@contextmanager
def running_server() -> Iterator[Path]:
    """Run a server; the folder of its socket, which is all one needs to reach it."""
    folder = Path(tempfile.mkdtemp(prefix="queueback-postgres-"))
    try:
        with _start(folder) as process:
            _await_ready(process)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def url_of(folder: Path, database: str) -> str:
    """The URL of one database of the server."""
    return f"postgresql+asyncpg://{_OWNER}@/{database}?host={folder}"


async def execute(folder: Path, statement: str, *, database: str = "postgres") -> None:
    """Run one statement as the server's owner."""
    import asyncpg

    connection = await asyncpg.connect(host=str(folder), user=_OWNER, database=database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def _start(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    binary = str(binaries[-1]) if binaries else shutil.which("postgres")
    if binary is not None:
        prefix, stop = _as_package_user(folder)
        bin_folder = str(Path(binary).parent)
    else:
        prefix, stop = _in_tools_image(folder)
        bin_folder = "$(dirname /usr/lib/postgresql/*/bin/postgres)"
    settings = " ".join(f"-c {setting}" for setting in _SETTINGS)
    script = (
        f"{bin_folder}/initdb -D {folder}/data -U {_OWNER} -A trust -E UTF8 --no-locale -N"
        f" && exec {bin_folder}/postgres -D {folder}/data -k {folder} {settings}"
    )
    process = subprocess.Popen(
        [*prefix, "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        stop(process)
        process.wait(timeout=_START_SECONDS)


_Stop = Callable[[subprocess.Popen[bytes]], None]


def _as_package_user(folder: Path) -> tuple[list[str], _Stop]:
    """The server refuses to run as root: use the package's own user then."""

    def stop(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)

    if os.geteuid() != 0:
        return [], stop
    shutil.chown(folder, "postgres", "postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"], stop


def _in_tools_image(folder: Path) -> tuple[list[str], _Stop]:
    if shutil.which("docker") is None:
        raise CannotStart("PostgreSQL is not installed, and neither is Docker")
    if subprocess.run(["docker", "image", "inspect", TOOLS_IMAGE], capture_output=True).returncode:
        raise CannotStart(f"PostgreSQL is not installed, and there is no image {TOOLS_IMAGE}")
    folder.chmod(0o777)
    identity = folder / "container"
    command = ["docker", "run", "--rm", "--network=none", f"--cidfile={identity}"]

    def stop(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            subprocess.run(["docker", "stop", identity.read_text()], capture_output=True)

    return [*command, "--user=postgres", f"--volume={folder}:{folder}", TOOLS_IMAGE], stop


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    """Read what the server says until it serves, and go on reading so that it can go on writing."""
    assert process.stdout is not None
    said: list[bytes] = []
    patience = threading.Timer(_START_SECONDS, process.kill)
    patience.start()
    try:
        for line in process.stdout:
            said.append(line)
            if _READY in line:
                threading.Thread(target=_read_on, args=(process.stdout,)).start()
                return
    finally:
        patience.cancel()
    log = b"".join(said).decode(errors="replace")
    raise CannotStart(f"PostgreSQL did not start: {log[-2000:]}")


def _read_on(output: IO[bytes]) -> None:
    with output:
        output.read()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    """A running server, or a skip that says why there is none."""
    try:
        server = running_server()
        folder = server.__enter__()
    except CannotStart as reason:
        pytest.skip(str(reason))
    try:
        yield folder
    finally:
        server.__exit__(None, None, None)


_numbers = count(1)


@pytest.fixture
def postgres_url(postgres_server: Path) -> Iterator[str]:
    """An empty database of its own."""
    name = f"test_{next(_numbers)}"
    asyncio.run(execute(postgres_server, f"CREATE DATABASE {name}"))
    yield url_of(postgres_server, name)
    asyncio.run(execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))
