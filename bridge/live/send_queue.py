"""Sends the frames of one socket in order: without a task if the server takes them, otherwise from a bounded queue."""

import asyncio
import time
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

MOST_WAITING = 1024 * 1024
"""The most characters that may wait for a socket."""

Send = Callable[[Any], Awaitable[None]]


class SendQueue:
    """Sends text frames. `stalled` is called once if too much waits."""

    __slots__ = ("_closed", "_held", "_send", "_since", "_size", "_stalled", "_task")

    def __init__(self, send: Send, stalled: Callable[[], None]) -> None:
        self._send = send
        self._stalled = stalled
        self._held: deque[str] | None = None
        self._size = 0
        self._since = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, text: str) -> None:
        """Send a frame. Never waits and never raises: if the socket is gone, the frame is dropped."""
        if self._closed:
            return
        if self._task is not None:
            self._hold(text)
            return
        sending = self._sending(text)
        try:
            # A server takes a frame without waiting while its own buffer has room. Then this coroutine ends at its
            # first step, and needs no task, which would take several times as long.
            waits_for = sending.send(None)
        except StopIteration:
            return
        self._since = time.monotonic()
        self._task = asyncio.create_task(self._drain(sending, waits_for))

    async def _sending(self, text: str) -> None:
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError):
            # The browser left. The receive loop notices this and ends.
            self._closed = True

    def _hold(self, text: str) -> None:
        if self._held is None:
            self._held = deque()
        self._held.append(text)
        self._size += len(text)
        if self._size > MOST_WAITING:
            self.close()
            self._stalled()

    async def _drain(self, sending: Coroutine[Any, None, None], waits_for: Any) -> None:
        try:
            await _go_on(sending, waits_for)
            while self._held and not self._closed:
                text = self._held.popleft()
                self._size -= len(text)
                self._since = time.monotonic()
                await self._sending(text)
        finally:
            self._task = None
            self._held = None
            self._size = 0

    def stalled_for(self, now: float) -> float:
        """Seconds for which the first frame has been waiting."""
        return now - self._since if self._task is not None else 0.0

    @property
    def busy(self) -> bool:
        return self._task is not None

    async def flushed(self) -> None:
        """Wait until the queue is empty: no frame is read from a client that does not read."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()


@types.coroutine
def _go_on(started: Coroutine[Any, None, None], waits_for: Any) -> Generator[Any, None, None]:
    """Await a coroutine that has done its first step and waits for this future."""
    try:
        yield waits_for
    except BaseException:
        started.close()
        raise
    yield from started
