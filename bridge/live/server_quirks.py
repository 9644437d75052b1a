"""Closing a socket with the code that was meant, on every server."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)

LIMIT = 1.0
"""Seconds. A stalled socket takes no close frame either."""


async def close(send: Any, code: int, *, reason: str = "") -> None:
    """Send the close frame. Where the socket is gone already, that is what was wanted."""
    try:
        async with asyncio.timeout(LIMIT):
            if code < 3000 and (protocol := _daphne(send)):
                protocol.sendCloseFrame(code=code, reasonUtf8=reason.encode())
            else:
                await send({"type": "websocket.close", "code": code, "reason": reason})
    except (OSError, RuntimeError, TimeoutError) as error:
        logger.debug("A socket had gone before it was closed: %r", error)


def backlog(send: Any) -> int:
    """Bytes that wait in the server for a client that does not read, where the server takes whatever it is given.

    uvicorn makes a sender wait; daphne never does, and would keep everything in memory.
    """
    protocol = _daphne(send)
    if protocol is None:
        return 0
    transport = protocol.transport
    return len(getattr(transport, "dataBuffer", b"")) + int(getattr(transport, "_tempDataLen", 0))


def before_daphne_stops(act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Where this loop is daphne's, have this done before it stops.

    It means to cancel what runs, but fails over the HTTP half of each socket first (4.2: KeyError), and drops them.
    """
    reactor = sys.modules.get("twisted.internet.reactor")
    loop = asyncio.get_running_loop()
    if reactor is None or getattr(reactor, "_asyncioEventloop", None) is not loop:
        return
    from twisted.internet.defer import Deferred

    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromFuture(loop.create_task(act())))


def _daphne(send: Any) -> Any:
    """daphne's protocol object behind an open socket, None on other servers.

    Its WebSocket library takes only codes from 3000 on from an application, so that 1012 and 1013 would end as
    1011, "internal error", and a traceback. The protocol object itself sends what it is told.
    """
    protocol: Any = next(iter(getattr(send, "args", ())), None)
    if not hasattr(protocol, "sendCloseFrame") or protocol.state != protocol.STATE_OPEN:
        return None
    return protocol
