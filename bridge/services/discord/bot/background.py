"""Background tasks, which never delay messages. Their failures are only logged."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import aiohttp
import discord
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseProblem

from bridge.infra.redis import RedisError
from bridge.infra.tasks import cancel_and_wait
from bridge.services.discord.reading import OddAnswer

logger = logging.getLogger(__name__)

PROBLEMS = (DatabaseProblem, RedisError, discord.HTTPException, aiohttp.ClientError, OSError, OddAnswer)
"""Errors of other systems, which may happen at any time. Anything else is a bug of ours."""


def passes(error: Exception) -> bool:
    """Return whether a retry may succeed. Data that the database refused will never be accepted."""
    return isinstance(error, PROBLEMS) and not isinstance(error, DataError | IntegrityError)


class BackgroundTasks:
    """Holds references to its tasks, which could otherwise be garbage-collected."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, name: str = "") -> None:
        """Run it. The log calls it `name`, or as its coroutine."""
        task = asyncio.create_task(_noted(work, name or str(work)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        await cancel_and_wait(*self._tasks)


async def _noted(work: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await work
    except RedisError as error:
        logger.debug("Could not send a notice: %s: %r", name, error)
    except PROBLEMS as error:
        logger.warning("Failed, and will not be retried: %s: %r", name, error)
    except Exception:
        logger.exception("%s failed", name)
