"""Stores posts from one queue for each process: posts that wait together are stored in one transaction.

A transaction costs more than the messages in it. The writer never waits for a batch to fill: while one is stored, the
next one gathers.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from django.db import InterfaceError, OperationalError, connections

from bridge.chat.actions import Post, Posted, post_messages
from bridge.chat.speaking import Busy, Result
from bridge.errors import BridgeError, Code
from bridge.infra.database import DatabaseThreads
from bridge.infra.tasks import cancel_and_wait

logger = logging.getLogger(__name__)

MOST_WAITING = 2_000
BATCH = 200
PATIENCE = 5.0
"""Seconds for which a post waits for a conversation that another transaction has locked."""
LEAST_PAUSE, MOST_PAUSE = 0.001, 0.005
"""Seconds between two transactions: half of what the last one took, within these limits.

SQLite's lock is unfair: without a pause, the bot waited for over a second. With it, visitors who write again as soon as
they are answered are still in the next batch: with 50 visitors, batches grew from 34 posts to 47.
"""
BUSY_PAUSE = 0.005


class Waiting(NamedTuple):
    post: Post
    answer: asyncio.Future[Posted]
    until: float


class Writer:
    """The queue of posts of one process, and the task that stores them."""

    def __init__(self) -> None:
        self._database = DatabaseThreads("writer", threads=1)
        self._queue: deque[Waiting] = deque()
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._in_hand = 0

    def __len__(self) -> int:
        """Posts that are not answered yet."""
        return len(self._queue) + self._in_hand

    async def post(self, post: Post) -> Posted:
        """Store a post, and return the message as stored. Raises BridgeError if it is not stored."""
        if self._stopping:
            raise _restarting()
        if len(self._queue) >= MOST_WAITING:
            raise BridgeError(Code.THROTTLED, "The server is busy. Please wait a moment.", retry_after=1)
        if self._task is None or self._task.done():
            # It starts to run when this method waits.
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._run())
        answer: asyncio.Future[Posted] = self._loop.create_future()
        self._queue.append(Waiting(post, answer, time.monotonic() + PATIENCE))
        return await answer

    async def stop(self, *, limit: float) -> None:
        """Store what waits, within `limit` seconds. Posts that are not stored by then are not acknowledged."""
        self._stopping = True
        await self.drained(limit=limit)
        if self._task is not None:
            await cancel_and_wait(self._task)
        for waiting in self._queue:
            _settle(waiting, _restarting())
        self._queue.clear()
        await self._database.close()

    async def drained(self, *, limit: float) -> None:
        """Wait until nothing waits, at most `limit` seconds."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=limit)

    async def _run(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._in_hand = len(batch)
            began = time.monotonic()
            try:
                results = await self._database.run(write, [waiting.post for waiting in batch])
            except asyncio.CancelledError:
                # Stopped. The batch may still be stored, but was not acknowledged.
                for waiting in batch:
                    _settle(waiting, _restarting())
                raise
            except Exception:
                logger.exception("A batch of %d posts could not be stored", len(batch))
                results = [BridgeError(Code.INTERNAL, "Something went wrong on the server.")] * len(batch)
            busy = self._settle(batch, results)
            self._in_hand = 0
            pause = max(LEAST_PAUSE, min((time.monotonic() - began) / 2, MOST_PAUSE))
            await asyncio.sleep(BUSY_PAUSE if busy else pause)

    def _settle(self, batch: Sequence[Waiting], results: Sequence[Result]) -> bool:
        """Answer each post. Those whose conversation is locked elsewhere go back to the front, in order."""
        now = time.monotonic()
        again: list[Waiting] = []
        for waiting, result in zip(batch, results, strict=True):
            if not isinstance(result, Busy):
                _settle(waiting, result)
            elif now < waiting.until:
                again.append(waiting)
            else:
                _settle(waiting, BridgeError(Code.UNAVAILABLE, "The conversation is busy. Please try again."))
        self._queue.extendleft(reversed(again))
        return bool(again)


def _restarting() -> BridgeError:
    return BridgeError(Code.UNAVAILABLE, "The server is restarting. Please try again.")


def _settle(waiting: Waiting, result: Posted | BridgeError) -> None:
    # If the socket is gone, the future is cancelled, and setting its result would raise an error.
    if waiting.answer.done():
        return
    if isinstance(result, BridgeError):
        waiting.answer.set_exception(result)
    else:
        waiting.answer.set_result(result)


def write(posts: Sequence[Post], *, again: bool = True) -> list[Result]:
    """Store all posts. If that fails, halve the batch until only the post that cannot be stored fails."""
    try:
        return post_messages(posts)
    except (InterfaceError, OperationalError) as error:
        # It may have been committed, and only the answer lost. The second run finds such posts.
        connections.close_all()
        if again:
            return write(posts, again=False)
        logger.warning("The database is unavailable: %r", error)
        return [BridgeError(Code.UNAVAILABLE, "The server cannot store this right now.")] * len(posts)
    except Exception:
        if len(posts) > 1:
            half = len(posts) // 2
            return write(posts[:half]) + write(posts[half:])
        if again:
            # Another process stored the same client_id at the same moment: now it is found.
            return write(posts, again=False)
        logger.exception("A message could not be stored")
        return [BridgeError(Code.INTERNAL, "The message could not be stored.")]
