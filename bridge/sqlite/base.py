"""SQLite with a lock that is taken as soon as it is free. Django's way of naming an engine wants this module's name.

SQLite itself sleeps ever longer while another process holds the lock, 100 ms in the end, and wakes up when the next
one has it: with the bot at work an acknowledgement in the web took 0.3 to 0.7 s at the 99th percentile.
"""

import sqlite3
import time

from django.db import OperationalError
from django.db.backends.sqlite3 import base, features
from django.utils.functional import cached_property

LOOK_AGAIN = 0.001
"""Seconds. A transaction here takes a few milliseconds."""


class DatabaseFeatures(features.DatabaseFeatures):
    @cached_property
    def supports_json_field(self) -> bool:  # type: ignore[override]  # a plain attribute in its stubs
        """Django asks within a transaction, so for the lock, and takes a database that is busy for one without JSON:
        since version 6 each command asks, and the bot ended at once where it should wait.
        """
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM pragma_function_list WHERE name = 'json'")
            return bool(cursor.fetchone()[0])


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures

    def _start_transaction_under_autocommit(self) -> None:
        """Raises OperationalError where another process keeps the lock for longer than the option `timeout`."""
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
