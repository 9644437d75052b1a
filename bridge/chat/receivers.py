"""The receivers of our signals, each on a thread of its own: one that is slow or hangs keeps nobody else waiting.

Async ones run on one event loop of theirs, in a thread of its own too, which is given up where one of them blocks it.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connections

logger = logging.getLogger("bridge.chat.hooks")

PATIENCE = 10.0
"""Seconds that a receiver may take."""
MOST_WAITING = 1_000
"""Calls that wait for one receiver. What comes on top is dropped: their rows are in memory."""
MOST_HUNG = 3
"""Threads of one receiver that may hang at a time: with so many, it is called again once one of them is back."""
IDLE = 30.0
"""Seconds after which a receiver's thread ends where nothing comes."""
ALIVE_WITHIN = 1.0


class Call:
    """One signal on its way to one receiver."""

    __slots__ = ("arguments", "is_over", "receiver", "what")

    def __init__(self, receiver: Callable[..., Any], what: str, arguments: dict[str, Any]) -> None:
        self.receiver = receiver
        self.what = what
        self.arguments = arguments
        self.is_over = False


class Lane:
    """The calls of one receiver: one at a time, in order. It keeps no reference to a receiver that is not called."""

    def __init__(self, name: str, over: Callable[[], None]) -> None:
        """`over` is told of each call once that is over, however it ended."""
        self.name = name
        self.dropped = 0
        self._over = over
        self._changed = threading.Condition()
        self._waiting: deque[Call] = deque()
        self._in_hand: Call | None = None
        self._since = 0.0
        self._thread: threading.Thread | None = None
        self._hung: set[threading.Thread] = set()

    @property
    def is_idle(self) -> bool:
        with self._changed:
            return self._thread is None and not self._hung

    def prepare(self) -> None:
        """Have a thread, for as long as one waits for calls, before there are any."""
        with self._changed:
            self._start(ahead=True)

    def put(self, call: Call) -> None:
        """Never waits."""
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                self.dropped += 1
                if self.dropped == 1:
                    logger.error("%s is too slow: from here on it misses signals", self.name)
                self._settle(call)
                return
            self._waiting.append(call)
            self._changed.notify()
            self._start()

    def check(self) -> None:
        """Give up a thread that hangs."""
        with self._changed:
            call, thread = self._in_hand, self._thread
            if call is None or thread is None or time.monotonic() - self._since < self._limit:
                return
            logger.error("%s hangs in %s: nobody waits for it any more", self.name, call.what)
            self._hung.add(thread)
            self._thread = self._in_hand = None
            self._settle(call)
            self._start()

    @property
    def _limit(self) -> float:
        return PATIENCE

    def _start(self, *, ahead: bool = False) -> None:
        if self._thread is None and (self._waiting or ahead) and len(self._hung) < MOST_HUNG:
            self._thread = threading.Thread(target=self._work, name=f"receiver {self.name}", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        try:
            while (call := self._next()) is not None:
                is_well = self._attempt(call)
                self._done(call)
                # The next one may be given away, but not this.
                del call
                if not is_well or not self._waiting:
                    connections.close_all()
        finally:
            connections.close_all()

    def _next(self) -> Call | None:
        """Wait for one; None where this thread is not needed any more."""
        me = threading.current_thread()
        with self._changed:
            if me in self._hung:
                # It is back.
                self._hung.discard(me)
                self._start()
                return None
            if not self._changed.wait_for(lambda: self._waiting, IDLE):
                self._thread = None
                return None
            self._in_hand = self._waiting.popleft()
            self._since = time.monotonic()
            if self.dropped and not self._waiting:
                logger.warning("%s caught up; it has missed %d signals", self.name, self.dropped)
                self.dropped = 0
            return self._in_hand

    def _done(self, call: Call) -> None:
        with self._changed:
            if threading.current_thread() is self._thread:
                self._in_hand = None
            self._settle(call)

    def _settle(self, call: Call) -> None:
        if not call.is_over:
            call.is_over = True
            self._over()

    def _attempt(self, call: Call) -> bool:
        """Whether it went well."""
        try:
            call.receiver(**call.arguments)
        except Exception:
            logger.exception("%s failed in %s", self.name, call.what)
            return False
        return True


class AsyncLane(Lane):
    """The same for an async receiver: its thread waits for what the receivers' event loop makes of the call."""

    def __init__(self, name: str, over: Callable[[], None]) -> None:
        super().__init__(name, over)
        # The ORM's thread in async code: who keeps it busy must not keep Channels' busy, nor another receiver's.
        self._context = ThreadSensitiveContext()

    def prepare(self) -> None:
        Loop.current()
        executors = SyncToAsync.context_to_thread_executor
        if self._context not in executors:
            # As asgiref makes it; its thread starts with the first work.
            executors[self._context] = ThreadPoolExecutor(max_workers=1)
            executors[self._context].submit(connections.close_all)
        super().prepare()

    @property
    def _limit(self) -> float:
        # It looks at the time itself.
        return PATIENCE + 5 * ALIVE_WITHIN

    def _attempt(self, call: Call) -> bool:
        loop = Loop.current()
        future = asyncio.run_coroutine_threadsafe(self._call(call), loop.loop)
        try:
            future.result(PATIENCE)
        except Exception as error:
            if not isinstance(error, TimeoutError) or future.done():
                logger.exception("%s failed in %s", self.name, call.what)
                return False
        else:
            return True
        future.cancel()
        logger.error("%s hangs in %s: it is cancelled", self.name, call.what)
        # Its queries may be what hangs.
        self._context = ThreadSensitiveContext()
        loop.give_up_if_blocked()
        return False

    async def _call(self, call: Call) -> None:
        # For this task alone, and never left: that would wait for its thread.
        await self._context.__aenter__()  # type: ignore[no-untyped-call]
        try:
            await call.receiver(**call.arguments)
        finally:
            if not self._waiting and self._context in SyncToAsync.context_to_thread_executor:
                await sync_to_async(connections.close_all)()


class Loop:
    """The event loop of the async receivers."""

    _current: "Loop | None" = None
    _given_up: "list[Loop]" = []
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop
        self.thread = threading.Thread(target=self._run, name="async receivers", daemon=True)
        self._ready = threading.Event()

    @classmethod
    def current(cls) -> "Loop":
        with cls._lock:
            if cls._current is None:
                cls._current = cls()
                cls._current.thread.start()
                cls._current._ready.wait()
            return cls._current

    def _run(self) -> None:
        asyncio.run(self._stay())

    async def _stay(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ready.set()
        await self._stop.wait()

    def give_up_if_blocked(self) -> None:
        """The next calls go to a new one, where a receiver blocks this one with something that is not async."""
        alive = threading.Event()
        self.loop.call_soon_threadsafe(alive.set)
        if alive.wait(ALIVE_WITHIN):
            return
        with self._lock:
            stuck = [each for each in self._given_up if each.thread.is_alive()]
            if self is not self._current or len(stuck) >= MOST_HUNG:
                return
            logger.error("A receiver blocks the event loop of all async receivers: the others get a new one")
            type(self)._given_up = [*stuck, self]
            type(self)._current = None
            self.loop.call_soon_threadsafe(self._stop.set)
