"""The bot's single database thread. Its connection stays open, because most of the bot's queries are short.

The lease has its own thread (`bot.runner`): behind a thousand queries after a restart, it was renewed too late.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from bridge.infra.database import DatabaseThreads

P = ParamSpec("P")
T = TypeVar("T")

_threads: WeakKeyDictionary[asyncio.AbstractEventLoop, DatabaseThreads] = WeakKeyDictionary()


def thread() -> DatabaseThreads:
    """Return the thread of this event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _threads:
        _threads[loop] = DatabaseThreads("bot", threads=1, gives_way=True)
    return _threads[loop]


async def db(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    return await thread().run(function, *args, **options)


async def close() -> None:
    """Wait for running queries, and close the connection."""
    threads = _threads.pop(asyncio.get_running_loop(), None)
    if threads is not None:
        await threads.close()
