"""Dedicated threads for the database, because Django's connections belong to threads and block them.

Channels' `database_sync_to_async` has one thread for the whole process and closes its connection after each
call. These threads keep their connections, because opening one takes longer than the statements of the hot path.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection, connections, transaction

P = ParamSpec("P")
T = TypeVar("T")

RENEW_AFTER = 60.0
"""Seconds after which a connection is opened anew, in case the server has lost the state of the old one."""


LONGEST_WAY = 0.02


def after_commit(function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call the function once the transaction is committed, or now if there is none. What it raises is logged."""
    # Not a partial: Django 5.2 fails at logging what one raises, and drops all callbacks that follow.
    transaction.on_commit(lambda: function(*args, **kwargs), robust=True)


class DatabaseThreads:
    """Runs blocking functions in threads that have a database connection each.

    `gives_way`: on SQLite, a call first waits for as long as the last one took, at most `LONGEST_WAY` seconds.
    SQLite's lock is unfair, and a process that waits for it sleeps longer each time. While the bot worked on twenty
    lines without a pause, an acknowledgement in the web process took 0.7 s at the 99th percentile.
    """

    def __init__(self, name: str, *, threads: int, gives_way: bool = False) -> None:
        self._gives_way = gives_way and connection.vendor == "sqlite"
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"chatbridge-{name}")
        self._threads = threads
        self._opened = threading.local()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result. If this is cancelled, the function still runs to its end."""

        def call() -> T:
            self._renew()
            if self._gives_way:
                time.sleep(max(0.0, getattr(self._opened, "free_at", 0.0) - time.monotonic()))
            started = time.monotonic()
            try:
                return function(*args, **kwargs)
            except (InterfaceError, OperationalError):
                # The server may be back already, but this connection is broken.
                connections.close_all()
                raise
            finally:
                ended = time.monotonic()
                self._opened.free_at = ended + min(ended - started, LONGEST_WAY)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def _renew(self) -> None:
        now = time.monotonic()
        opened = getattr(self._opened, "at", None)
        if opened is None or now - opened > RENEW_AFTER:
            connections.close_all()
            self._opened.at = now

    async def close(self) -> None:
        """Wait for running functions, then close every connection."""
        together = threading.Barrier(self._threads)

        def leave() -> None:
            connections.close_all()
            # Each thread must take exactly one of these.
            together.wait(timeout=10)

        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._executor, leave) for _ in range(self._threads)))
        self._executor.shutdown()
