"""Ending tasks for certain."""

import asyncio
from typing import Any


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel these tasks until they have ended, whatever they end with.

    Once is not enough: channels_redis swallows a cancellation that comes while it connects, and so does whatever a task
    waits for where that comes in the same moment. Waiting for such a task would never end.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=1.0)
    await asyncio.gather(*tasks, return_exceptions=True)
