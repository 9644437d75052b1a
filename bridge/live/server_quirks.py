"""Works around differences between servers: closing sockets, their buffers, and daphne's shutdown."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)

LIMIT = 1.0
"""Seconds, because a stalled socket does not take a close frame either."""


async def close(send: Any, code: int, *, reason: str = "") -> None:
    """Send the close frame. It does not matter if the socket is already gone."""
    try:
        async with asyncio.timeout(LIMIT):
            if code < 3000 and (protocol := _daphne(send)):
                protocol.sendCloseFrame(code=code, reasonUtf8=reason.encode())
            else:
                await send({"type": "websocket.close", "code": code, "reason": reason})
    except (OSError, RuntimeError, TimeoutError) as error:
        logger.debug("A socket had gone before it was closed: %r", error)


def backlog(send: Any) -> int:
    """Bytes that wait in daphne for a client that does not read; 0 on other servers.

    uvicorn makes the sender wait; daphne does not, and would keep everything in memory.
    """
    protocol = _daphne(send)
    if protocol is None:
        return 0
    transport = protocol.transport
    return len(getattr(transport, "dataBuffer", b"")) + int(getattr(transport, "_tempDataLen", 0))


def before_daphne_stops(act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """If this loop is daphne's, perform this before it stops.

    daphne would cancel what runs, but first fails on the HTTP part of each socket (4.2: KeyError), and drops them all.
    """
    reactor = sys.modules.get("twisted.internet.reactor")
    loop = asyncio.get_running_loop()
    if reactor is None or getattr(reactor, "_asyncioEventloop", None) is not loop:
        return
    from twisted.internet.defer import Deferred

    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromFuture(loop.create_task(act())))


def _daphne(send: Any) -> Any:
    """daphne's protocol object for an open socket; None on other servers.

    Its WebSocket library accepts only codes from 3000 on from an application: 1012 and 1013 would become 1011,
    "internal error", with a traceback. The protocol object itself sends any code.
    """
    protocol: Any = next(iter(getattr(send, "args", ())), None)
    if not hasattr(protocol, "sendCloseFrame") or protocol.state != protocol.STATE_OPEN:
        return None
    return protocol
