"""A SQLite back end that never loses what was acknowledged, and takes the lock as soon as it is free.

While another process has the lock, SQLite sleeps longer each time, up to 100 ms, and often wakes up when the next
process has it. With a busy bot, an acknowledgement in the web process took 0.3 to 0.7 s at the 99th percentile.
"""

import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.db.backends.sqlite3 import base, features
from django.utils.functional import cached_property

LOOK_AGAIN = 0.001
"""Seconds. A transaction here takes a few milliseconds."""


OPTIONS = {
    "timeout": 5,
    # A transaction that reads first and then writes would fail at once with "database is locked", in spite of
    # the time-out.
    "transaction_mode": "IMMEDIATE",
    # The writer has a prepared statement for each number of rows that it writes at once.
    "cached_statements": 512,
    # FULL: in WAL mode, NORMAL can lose an acknowledged message in a power cut. 8000 pages are 32 MB: with 1000 pages,
    # a busy writer spent a fifth of its time on copying the log into the database.
    # Each connection caches 16 MB of pages. The default of 2 MB is less than what is written to in one busy minute.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=8000;"
    " PRAGMA cache_size=-16000",
}
"""The defaults for the project's OPTIONS."""


class DatabaseFeatures(features.DatabaseFeatures):
    @cached_property
    def supports_json_field(self) -> bool:  # type: ignore[override]  # a plain attribute in its stubs
        """Django checks this in a transaction, which needs the lock, and regards a busy database as one without JSON.
        Since version 6, each command checks this, and the bot stopped at once instead of waiting.
        """
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM pragma_function_list WHERE name = 'json'")
            return bool(cursor.fetchone()[0])


class Cursor(base.SQLiteCursorWrapper):
    """Remembers the converted statements: each placeholder takes time, and 50 messages have 400 of them."""

    def convert_query(self, query: str, *, param_names: Iterable[str] | None = None) -> str:
        if param_names is None:
            return _in_qmark_style(query)
        return super().convert_query(query, param_names=param_names)


@lru_cache(maxsize=1000)
def _in_qmark_style(query: str) -> str:
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Only its owner can read a new database. SQLite gives the files beside it the same permissions."""
        name = str(conn_params["database"])
        if name and ":" not in name:
            with suppress(OSError):
                os.close(os.open(name, os.O_CREAT | os.O_EXCL, 0o600))
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: Any = None) -> Any:
        return self.connection.cursor(factory=Cursor)

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        settings_dict["OPTIONS"] = OPTIONS | settings_dict["OPTIONS"]
        super().__init__(settings_dict, alias)

    def _start_transaction_under_autocommit(self) -> None:
        """Raises OperationalError if another process has the lock for longer than the option `timeout`."""
        patience = float(self.settings_dict["OPTIONS"].get("timeout", 5.0))
        until = time.monotonic() + patience
        with self.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 0")
            try:
                while not self._begun(until):
                    time.sleep(LOOK_AGAIN)
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")

    def _begun(self, until: float) -> bool:
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # unknown to its stubs
        except OperationalError as error:
            busy = getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= until:
                raise
            return False
        return True
