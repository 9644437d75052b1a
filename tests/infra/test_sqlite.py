"""SQLite's lock: who waits for it has it as soon as it is free, and not before his patience ends without it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from bridge.infra.sqlite.base import DatabaseWrapper

FULL = 2
"""As SQLite answers to `PRAGMA synchronous`."""

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process, as it were, that holds the lock."""
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE said (words TEXT)")
        other.execute("BEGIN IMMEDIATE")
        yield other


def wrapper(folder: Path, **options: Any) -> DatabaseWrapper:
    defaults = {"TIME_ZONE": None, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "AUTOCOMMIT": True}
    return DatabaseWrapper({"NAME": folder / "db", "OPTIONS": options, **defaults}, "other")


def begin(database: DatabaseWrapper) -> None:
    database.ensure_connection()
    database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def test_every_commit_is_synced_and_readers_do_not_wait_for_writers(tmp_path: Path) -> None:
    database = wrapper(tmp_path)
    assert database.get_connection_params()["timeout"] == 5
    with database.cursor() as cursor:
        found = {
            name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        }
    assert found == {"journal_mode": "wal", "synchronous": FULL}
    assert database.transaction_mode == "IMMEDIATE"
    database.close()


def test_a_projects_own_options_stand() -> None:
    database = wrapper(Path("/nowhere"), timeout=60, transaction_mode="EXCLUSIVE")
    assert database.get_connection_params()["timeout"] == 60
    assert database.transaction_mode == "EXCLUSIVE"


def test_who_waits_gets_the_lock_once_it_is_free(tmp_path: Path, holder: sqlite3.Connection) -> None:
    database = wrapper(tmp_path, timeout=20)
    release = threading.Timer(0.2, lambda: holder.execute("COMMIT"))
    release.start()
    begin(database)
    with database.cursor() as cursor:
        cursor.execute("INSERT INTO said VALUES ('now')")
        # Single statements wait by SQLite's own time-out, as before.
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (20_000,)
    database.commit()
    release.join()
    assert holder.execute("SELECT words FROM said").fetchall() == [("now",)]
    database.close()


def test_who_waits_in_vain_is_told_so(tmp_path: Path, holder: sqlite3.Connection) -> None:
    database = wrapper(tmp_path, timeout=0.05)
    with pytest.raises(OperationalError, match="locked"):
        begin(database)
    database.close()


def test_any_other_error_is_not_waited_out(tmp_path: Path, holder: sqlite3.Connection) -> None:
    holder.execute("COMMIT")
    database = wrapper(tmp_path, timeout=20)
    begin(database)
    with pytest.raises(OperationalError, match="within a transaction"):
        database._start_transaction_under_autocommit()
    database.rollback()
    database.close()


def test_what_a_database_can_do_is_asked_without_its_lock(tmp_path: Path, holder: sqlite3.Connection) -> None:
    database = wrapper(tmp_path, timeout=0.05)
    database.ensure_connection()
    assert database.features.supports_json_field
    database.close()
