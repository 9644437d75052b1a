"""The bot's database thread: one, whose connection stays open, since most of what the bot does is short.

The lease has its own (`bot.runner`): behind a thousand look-ups after a restart it was renewed too late.
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
    """This event loop's."""
    loop = asyncio.get_running_loop()
    if loop not in _threads:
        _threads[loop] = DatabaseThreads("bot", threads=1, gives_way=True)
    return _threads[loop]


async def db(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    return await thread().run(function, *args, **options)


async def close() -> None:
    """Wait for what runs, and give the connection back."""
    threads = _threads.pop(asyncio.get_running_loop(), None)
    if threads is not None:
        await threads.close()
