"""Work beside the way of the messages, which it must never hold up: what fails is only noted."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import discord
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseProblem

from bridge.infra.redis import RedisError
from bridge.infra.tasks import cancel_and_wait
from bridge.services.discord.bot.database import db
from bridge.services.discord.reading import OddAnswer

logger = logging.getLogger(__name__)

PROBLEMS = (DatabaseProblem, RedisError, discord.HTTPException, aiohttp.ClientError, OSError, OddAnswer)
"""What may happen any day to what the bot talks to. Anything else is a mistake of ours."""


def passes(error: Exception) -> bool:
    """Whether it may go well another time. What the database does not take will never go in."""
    return isinstance(error, PROBLEMS) and not isinstance(error, DataError | IntegrityError)


class BackgroundTasks:
    """Holds its tasks, since the event loop would let them be collected."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_noted(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        await cancel_and_wait(*self._tasks)


class Display(ABC):
    """Something that Discord shows of each conversation: changed by one task at a time, with pauses."""

    behind: Callable[[], list[str]]
    """Asks the database for the conversations in which Discord shows something else than it should."""

    def __init__(self, client: discord.Client, background: BackgroundTasks) -> None:
        self._client = client
        self._background = background
        # Conversations whose task runs; True where another change came since it looked.
        self._busy: dict[str, bool] = {}

    def change(self, uid: str) -> None:
        """There may be something new to show of this conversation."""
        if uid in self._busy:
            self._busy[uid] = True
            return
        self._busy[uid] = False
        self._background.start(self._keep_current(uid))

    async def sweep(self) -> None:
        """Show what came while no bot heard of it."""
        for uid in await db(self.behind):
            self.change(uid)

    async def _keep_current(self, uid: str) -> None:
        try:
            while True:
                self._busy[uid] = False
                pause = await self.show(uid)
                if pause is None:
                    return
                await asyncio.sleep(pause)
                if not self._busy[uid]:
                    return
        finally:
            del self._busy[uid]

    @abstractmethod
    async def show(self, uid: str) -> float | None:
        """Returns the seconds until the next change, or None if there is nothing to show."""


async def _noted(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except RedisError as error:
        logger.debug("Could not send a notice: %s: %r", work, error)
    except PROBLEMS as error:
        logger.warning("Failed, and will not be retried: %s: %r", work, error)
    except Exception:
        logger.exception("%s failed", work)
