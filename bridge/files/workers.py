"""Threads for slow work: one queue for files that are inspected, and other threads for those that are read."""

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
"""Files that one process inspects at the same time. Each may need the memory in `inspection.limits`."""
MOST_WAITING = 40
"""The most files that may wait; more are refused, and can be sent again."""
PATIENCE = 60.0
"""Seconds that a file waits before it is refused, too."""
READERS = 8


class Line:
    """A queue for a few threads. Its owners take turns, so that one with many files does not delay the others."""

    def __init__(self, *, threads: int, most: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="chatbridge-inspection")
        self._most = most
        self._lock = threading.Lock()
        self._waiting = 0
        # In the order of their turns; an owner who was served goes to the end.
        self._owners: dict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = {}

    def put(self, work: Callable[[], T], *, owner: str) -> Future[T]:
        """Raises BridgeError (`unavailable`) if too much waits already."""
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
        except BaseException as error:  # noqa: BLE001  # the caller who waits gets it
            future.set_exception(error)


def _busy() -> BridgeError:
    return BridgeError(Code.UNAVAILABLE, "Too many files at once. Please try again in a moment.")


_line = Line(threads=AT_ONCE, most=MOST_WAITING)
_readers = ThreadPoolExecutor(READERS, thread_name_prefix="chatbridge-files")


async def in_background(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result, for work that only reads, opens or deletes. If cancelled, it still runs to its end."""
    return await asyncio.get_running_loop().run_in_executor(_readers, partial(function, *args, **kwargs))


async def in_turn(work: Callable[[], T], *, owner: str) -> T:
    """The result of the work, done when it is `owner`'s turn. If cancelled before that, it is not done at all.

    Raises BridgeError (`unavailable`) if too many wait, or if this has waited for too long.
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
