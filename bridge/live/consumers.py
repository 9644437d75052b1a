"""The consumer of the chat socket, which passes frames to commands and sends replies and events.

It contains no rules.
"""

import asyncio
import itertools
import logging
import time
import uuid
from functools import partial
from typing import Any

from channels.consumer import AsyncConsumer

from bridge import protocol
from bridge.identity.entrance import opens_any_inbox
from bridge.identity.handshake import Handshake, read_handshake
from bridge.identity.origins import OriginRefused
from bridge.live.registry import answer
from bridge.live.send_queue import MOST_WAITING, SendQueue
from bridge.live.server_quirks import backlog, close
from bridge.live.sessions import Session, Subscriptions
from bridge.live.worker import Worker

logger = logging.getLogger(__name__)

_PROCESS = uuid.uuid4().hex
_numbers = itertools.count()

START_WITHIN = 15.0
HEARTBEAT = 75.0
"""Seconds without any frame after which a browser is gone. It sends `ping` every 25."""
STALLED_AFTER = 10.0
MOST_REFUSALS = 40
"""Refused commands after which a socket is flooding. One is forgiven every second."""
WENT = frozenset({1000, 1001, 1005})
"""Close codes of a browser that leaves; with any other, the connection was lost."""
LATER = "Please reconnect in a few seconds, with growing delays."
TOO_BIG = 1009
"""WebSocket's standard code for a frame that is too large."""


class ChatConsumer(AsyncConsumer):
    """One browser tab.

    It has its own receive loop instead of Channels' dispatch, which uses a thread for every frame. It has no channel
    of its own: the hub passes events to `deliver`.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._process = Worker.current()
        self.name = f"{_PROCESS}.{next(_numbers)}"
        self._send = send
        self._send_queue = SendQueue(send, partial(self.end, protocol.CLOSE_TRY_LATER))
        self.deliver = self._send_queue.put
        self._task = asyncio.current_task()
        self._close_code: int | None = None
        self._refused = 0.0
        self._went = False
        self._opened_at = self._heard_at = time.monotonic()
        self.session: Session | None = None
        if (await receive())["type"] != "websocket.connect":
            return
        handshake, refusal = self._read(scope)
        if handshake is not None and refusal is None:
            refusal = self._process.enter(self, handshake.address)
        try:
            code = await self._serve(scope, handshake, refusal, receive)
        finally:
            self._send_queue.close()
            if handshake is not None:
                self._process.leave(self, handshake.address)
            if self.session is not None:
                self.session.end(clean=self._went)
        if code is not None:
            await close(send, code, reason=_reason(code, handshake))

    def _read(self, scope: Any) -> tuple[Handshake | None, int | None]:
        """The handshake, and the code to close with if the handshake alone is a reason to refuse the socket."""
        if protocol.SUBPROTOCOL not in scope["subprotocols"]:
            return None, protocol.CLOSE_PROTOCOL
        try:
            return read_handshake(scope), None
        except OriginRefused as error:
            logger.info("A socket was refused: %s", error)
            return None, protocol.CLOSE_FORBIDDEN

    async def _refusal(self, handshake: Handshake) -> int | None:
        if not await self._process.ready():
            return protocol.CLOSE_TRY_LATER
        if handshake.origin and not await self._process.database.run(opens_any_inbox, handshake.origin):
            return protocol.CLOSE_FORBIDDEN
        return None

    async def _serve(
        self, scope: Any, handshake: Handshake | None, refusal: int | None, receive: Any
    ) -> int | None:
        """Serve the socket from the handshake to its end. Returns the code to close with; None if the browser left."""
        try:
            if handshake is not None and refusal is None:
                refusal = await self._refusal(handshake)
            # Always accept first, because a browser sees no close code of a socket that was not accepted.
            await self._send({"type": "websocket.accept", "subprotocol": _subprotocol(scope)})
            if handshake is None or refusal is not None:
                return refusal
            process = self._process
            subscriptions = Subscriptions(process.hub, self)
            self.session = Session(handshake, process.presence, process.database, subscriptions)
            return await self._converse(self.session, receive)
        except asyncio.CancelledError:
            # From `end`, or from the server, which is stopping. Then posts that wait are still stored.
            if self._close_code is None:
                await self._process.writer.drained(limit=3.0)
            return self._close_code or protocol.CLOSE_RESTARTING

    async def _converse(self, session: Session, receive: Any) -> int | None:
        """Answer frames. Returns the code to close with; None if the browser left."""
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                self._went = message.get("code") in WENT
                return None
            self._heard_at = time.monotonic()
            text = message.get("text")
            if text is None:
                return protocol.CLOSE_PROTOCOL
            if len(text) > protocol.MAX_FRAME // 4 and len(text.encode()) > protocol.MAX_FRAME:
                return TOO_BIG
            reply, refusal = await answer(session, text, self._process.throttler)
            self._send_queue.put(reply.decode())
            if refusal is not None:
                if refusal.close:
                    return protocol.CLOSE_FORBIDDEN
                if self._is_flooding():
                    return protocol.CLOSE_FLOODING
            if self._send_queue.busy:
                await self._send_queue.flushed()

    def _is_flooding(self) -> bool:
        """Count one more refusal, less one for every second since the socket was opened."""
        now = time.monotonic()
        self._refused = max(self._refused, now - MOST_REFUSALS) + 1
        return self._refused > now

    def follow(self, connection: str) -> None:
        if self.session is not None:
            self.session.follow(connection)

    def check(self, now: float) -> None:
        is_started = self.session is not None and self.session.opening is not None
        if not is_started and now - self._opened_at > START_WITHIN:
            self.end(protocol.CLOSE_NO_SESSION)
        elif now - self._heard_at > HEARTBEAT:
            self.end(protocol.CLOSE_HEARTBEAT)
        elif self._send_queue.stalled_for(now) > STALLED_AFTER or backlog(self._send) > MOST_WAITING:
            self.end(protocol.CLOSE_TRY_LATER)

    def end(self, code: int) -> None:
        """Close the socket from outside its own task, once."""
        if self._close_code is None and self._task is not None:
            self._close_code = code
            self._task.cancel()


def _subprotocol(scope: Any) -> str | None:
    """Our subprotocol; otherwise the first one offered, because a browser gets no close code without one."""
    offered = scope["subprotocols"]
    return protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in offered else next(iter(offered), None)


def _reason(code: int, handshake: Handshake | None) -> str:
    """The reason beside the close code, for debugging, and for our page if a proxy is misconfigured."""
    if code == protocol.CLOSE_FORBIDDEN and handshake and handshake.doubt:
        return f"proxy_{handshake.doubt}"
    return LATER if code == protocol.CLOSE_TRY_LATER else ""
