"""A clock that can be turned, and how a test waits for what others do."""

import asyncio
import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from channels.db import database_sync_to_async
from django.db.models.functions import Now

from bridge.infra.clock import Clock

PATIENCE = 60.0


class TimeMachine(Clock):
    """Both clocks, as far in the future as it was turned."""

    def __init__(self) -> None:
        self.offset = 0.0

    def advance(self, seconds: float) -> None:
        self.offset += seconds

    def now(self) -> Any:
        return Now() + timedelta(seconds=self.offset)

    def uptime(self) -> float:
        return super().uptime() + self.offset


async def eventually(condition: Callable[[], Any], what: str = "", *, seconds: float = PATIENCE) -> Any:
    """Ask until it is true, and return what it gave. It may be a coroutine function."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        if loop.time() > end:
            raise AssertionError(
                f"not within {seconds:.0f} s: {what or inspect.getsource(condition).strip()}"
            )
        await asyncio.sleep(0.02)


async def db(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return await database_sync_to_async(function)(*args, **options)
