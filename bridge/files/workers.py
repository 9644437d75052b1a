"""Threads for what takes long: pictures and storages. Few, since a picture may take 300 MB while it is worked on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 2
_pictures = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="chatbridge-files")


async def in_background(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Its result. Cancelled, the function still runs to its end."""
    return await asyncio.get_running_loop().run_in_executor(_pictures, partial(function, *args, **kwargs))
