"""Threads of their own for the database, since Django's connections belong to threads and block them.

Channels' `database_sync_to_async` has one thread for the whole process and closes its connection after each
call. These keep theirs: opening one costs more than what the fast path does with it.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection, connections

P = ParamSpec("P")
T = TypeVar("T")

RENEW_AFTER = 60.0
"""Seconds after which a connection is opened afresh, so that none lives on with what a server forgot."""


LONGEST_WAY = 0.02


class DatabaseThreads:
    """Run blocking functions, each with its thread's own database connection.

    `gives_way`: on SQLite a call waits for as long as the last one took, `LONGEST_WAY` seconds at most. Its lock is
    unfair, and who waits for it sleeps ever longer: with the bot at work on twenty lines without a pause an
    acknowledgement in the web took 0.7 s at the 99th percentile.
    """

    def __init__(self, name: str, *, threads: int, gives_way: bool = False) -> None:
        self._gives_way = gives_way and connection.vendor == "sqlite"
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"chatbridge-{name}")
        self._threads = threads
        self._opened = threading.local()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Its result. Cancelled, the function still runs to its end."""

        def call() -> T:
            self._renew()
            if self._gives_way:
                time.sleep(max(0.0, getattr(self._opened, "free_at", 0.0) - time.monotonic()))
            started = time.monotonic()
            try:
                return function(*args, **kwargs)
            except (InterfaceError, OperationalError):
                # Perhaps the server is back already; this connection is of no use to find out.
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
        """Wait for what runs, then close every connection."""
        together = threading.Barrier(self._threads)

        def leave() -> None:
            connections.close_all()
            # Each thread must take exactly one of these.
            together.wait(timeout=10)

        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._executor, leave) for _ in range(self._threads)))
        self._executor.shutdown()
