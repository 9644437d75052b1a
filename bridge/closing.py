"""Closing a socket with the code that was meant, on every server."""

import asyncio
import logging
from typing import Any

logger = logging.getLogger(__name__)

LIMIT = 1.0
"""Seconds. A stalled socket takes no close frame either."""


async def close(send: Any, code: int) -> None:
    """Send the close frame. Where the socket is gone already, that is what was wanted."""
    try:
        async with asyncio.timeout(LIMIT):
            if code < 3000 and (protocol := _daphne(send)):
                protocol.sendCloseFrame(code=code)
            else:
                await send({"type": "websocket.close", "code": code})
    except (OSError, RuntimeError, TimeoutError) as error:
        logger.debug("A socket was gone before it was closed: %r", error)


def _daphne(send: Any) -> Any:
    """daphne's protocol object behind an open socket, None on other servers.

    Its WebSocket library takes only codes from 3000 on from an application, so that 1012 and 1013 would end as
    1011, "internal error", and a traceback. The protocol object itself sends what it is told.
    """
    protocol = next(iter(getattr(send, "args", ())), None)
    is_open = hasattr(protocol, "sendCloseFrame") and protocol.state == protocol.STATE_OPEN
    return protocol if is_open else None
