"""Reliable cancellation of tasks."""

import asyncio
from typing import Any


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel these tasks repeatedly until they have ended, with any result.

    Once is not enough: channels_redis swallows a cancellation while it connects, and a cancellation can also get lost
    if what the task waits for finishes at the same moment. Waiting for such a task would never end.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=1.0)
    await asyncio.gather(*tasks, return_exceptions=True)
