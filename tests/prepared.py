"""A folder that all processes of a run share, in `PREPARED`: its workers inherit that. Whoever made it removes it."""

import atexit
import fcntl
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

if "PREPARED" not in os.environ:
    os.environ["PREPARED"] = tempfile.mkdtemp(prefix="chatbridge-prepared-")
    atexit.register(shutil.rmtree, os.environ["PREPARED"], ignore_errors=True)


class Once:
    """A file or folder of that name, made by whoever asks first; the others wait for it. One who fails, or dies, leaves
    it to the next."""

    def __init__(self, name: str) -> None:
        self.path = Path(os.environ["PREPARED"]) / name
        self._lock = self.path.with_name(f"{name}.lock")

    def __enter__(self) -> "Once":
        self._held = self._lock.open("w")
        fcntl.flock(self._held, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()


class Migrated(Once):
    """The tests' SQLite file, as migrating leaves it."""

    def __init__(self) -> None:
        super().__init__("tests.sqlite3")

    def copied(self, to: Path) -> bool:
        """Whether there is one yet."""
        if self.path.exists():
            shutil.copyfile(self.path, to)
        return self.path.exists()

    def keep(self, made: Path) -> None:
        unfinished = self.path.with_suffix(".unfinished")
        with closing(sqlite3.connect(made)) as database:
            database.execute("VACUUM INTO ?", (str(unfinished),))
        unfinished.rename(self.path)
