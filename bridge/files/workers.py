"""Threads for what takes long: one line for files that are looked at, other threads for those that are read."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from bridge.errors import BridgeError, Code

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 2
"""Files that one process has looked at at the same time: each may take the memory of `inspection.limits`."""
MOST_WAITING = 40
"""Beyond which who comes is sent away, to come again."""
PATIENCE = 60.0
"""Seconds that one waits before it is sent away, too."""
READERS = 8


class Line:
    """Work that waits for one of a few threads. Whoever brings much of it waits behind those who bring little."""

    def __init__(self, *, threads: int, most: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="chatbridge-inspection")
        self._most = most
        self._lock = threading.Lock()
        self._waiting = 0
        # In the order of their turns; who was served goes to the end.
        self._owners: dict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = {}

    def put(self, work: Callable[[], T], *, owner: str) -> Future[T]:
        """Raises BridgeError (`unavailable`) where too much waits already."""
        future: Future[T] = Future()
        with self._lock:
            if self._waiting >= self._most:
                raise _busy()
            self._waiting += 1
            self._owners.setdefault(owner, deque()).append((future, work))
        self._threads.submit(self._serve)
        return future

    def _serve(self) -> None:
        with self._lock:
            owner = next(iter(self._owners))
            theirs = self._owners.pop(owner)
            future, work = theirs.popleft()
            if theirs:
                self._owners[owner] = theirs
            self._waiting -= 1
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # it is whoever waits who hears of it
            future.set_exception(error)


def _busy() -> BridgeError:
    return BridgeError(Code.UNAVAILABLE, "Too many files at once. Please try again in a moment.")


_line = Line(threads=AT_ONCE, most=MOST_WAITING)
_readers = ThreadPoolExecutor(READERS, thread_name_prefix="chatbridge-files")


async def in_background(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Its result. For what only reads, opens or deletes. Cancelled, the function still runs to its end."""
    return await asyncio.get_running_loop().run_in_executor(_readers, partial(function, *args, **kwargs))


async def in_turn(work: Callable[[], T], *, owner: str) -> T:
    """Its result, when it was `owner`'s turn. Cancelled before that it is not done at all.

    Raises BridgeError (`unavailable`) where too many wait, or it did for too long.
    """
    future = _line.put(work, owner=owner)
    waiting = asyncio.wrap_future(future)
    try:
        done, _ = await asyncio.wait([waiting], timeout=PATIENCE)
        if not done and future.cancel():
            raise _busy()
        return await waiting
    finally:
        waiting.cancel()
