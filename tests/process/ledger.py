"""What a site's database says, read from outside of its processes and of Django."""

import sqlite3
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg

from tests.processes import Site


class Stored(NamedTuple):
    seq: int
    kind: str
    service: str
    content: str
    state: str


MESSAGES = """
    SELECT m.seq, m.kind, m.service, m.content, m.state FROM bridge_message m
    JOIN bridge_connection c ON c.id = m.connection_id WHERE {uid} ORDER BY m.seq
"""
THREADS = """
    SELECT e.remote_id, e.predecessor_id FROM bridge_endpoint e
    JOIN bridge_connection c ON c.id = e.connection_id WHERE {uid}
"""
TROUBLES = "SELECT trouble FROM bridge_endpoint WHERE trouble <> ''"
WAITING = "SELECT COUNT(*) FROM bridge_endpoint WHERE due IS NOT NULL"
HANGING = """
    SELECT COUNT(*) FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
    AND a.state = 'idle in transaction' AND a.state_change < now() - interval '0.2 s' AND EXISTS (
        SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.relation = 'bridge_endpoint'::regclass
        AND l.mode = 'RowExclusiveLock'
    )
"""
CONNECTIONS = "SELECT COUNT(*) FROM bridge_connection"


class Ledger:
    def __init__(self, site: Site) -> None:
        self._url = site.env["DATABASE_URL"]
        self._file = site.folder / "db.sqlite3"

    def messages(self, connection: str) -> list[Stored]:
        """What was said in a conversation, in order."""
        return [Stored(*row) for row in self._of(connection, MESSAGES)]

    def thread(self, connection: str) -> str | None:
        """Where it is carried to just now."""
        return next((row[0] for row in self._of(connection, THREADS)), None)

    def troubles(self) -> list[str]:
        return [row[0] for row in self._rows(TROUBLES)]

    def waiting(self) -> int:
        """How many lines have something to do."""
        return int(self._rows(WAITING)[0][0])

    def connections(self) -> int:
        return int(self._rows(CONNECTIONS)[0][0])

    def hangs(self) -> bool:
        """Whether somebody hangs in a transaction, with a lock that others wait for."""
        if self._is_postgres():
            return bool(self._rows(HANGING)[0][0])
        with closing(sqlite3.connect(self._file, timeout=0.5, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            return False

    def _of(self, connection: str, sql: str) -> list[Any]:
        # SQLite keeps a UUID as 32 digits, PostgreSQL as a type of its own.
        if self._is_postgres():
            return self._rows(sql.format(uid="c.uid = %s::uuid"), connection)
        return self._rows(sql.format(uid="c.uid = ?"), connection.replace("-", ""))

    def _rows(self, sql: str, *parameters: str) -> list[Any]:
        if self._is_postgres():
            with psycopg.connect(self._url) as database:
                return database.execute(sql, parameters).fetchall()  # type: ignore[call-overload,no-any-return]
        with closing(sqlite3.connect(self._file, timeout=20)) as database:
            return database.execute(sql, parameters).fetchall()

    def _is_postgres(self) -> bool:
        return urlsplit(self._url).scheme.startswith("postgres")
