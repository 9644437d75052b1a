"""The chat socket: gives each frame to its command, sends replies and events out. No rules in here."""

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
"""Seconds without any frame from a browser, which sends `ping` every 25, after which it is gone."""
STALLED_AFTER = 10.0
MOST_REFUSALS = 40
"""Refused commands, one a second forgiven, after which the socket is flooding."""
WENT = frozenset({1000, 1001, 1005})
"""Codes of a browser that closes its socket; any other end is a loss."""
LATER = "Please reconnect in a few seconds, with growing delays."
TOO_BIG = 1009
"""WebSocket's own code: a frame was larger than is taken here."""


class ChatConsumer(AsyncConsumer):
    """One browser tab.

    It has its own receive loop in place of Channels' dispatch, which hops to a thread for every frame, and no
    channel of its own: the hub hands events to `deliver`.
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
        """Who comes, and the code to close with where the handshake alone says that they may not stay."""
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
        """From the handshake until the other end leaves: None. Else the code to close with."""
        try:
            if handshake is not None and refusal is None:
                refusal = await self._refusal(handshake)
            # Accepted first in any case: a browser sees no code of a socket that was refused.
            await self._send({"type": "websocket.accept", "subprotocol": _subprotocol(scope)})
            if handshake is None or refusal is not None:
                return refusal
            process = self._process
            subscriptions = Subscriptions(process.hub, self)
            self.session = Session(handshake, process.presence, process.database, subscriptions)
            return await self._converse(self.session, receive)
        except asyncio.CancelledError:
            # Ours, from `end`; or the server's, which is stopping: what waits to be written still is.
            if self._close_code is None:
                await self._process.writer.drained(limit=3.0)
            return self._close_code or protocol.CLOSE_RESTARTING

    async def _converse(self, session: Session, receive: Any) -> int | None:
        """Until the other end leaves: None. Else the code to close with."""
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
        """One more refusal, counted against one a second since the socket was opened."""
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
        """Close it from outside of its own task, once."""
        if self._close_code is None and self._task is not None:
            self._close_code = code
            self._task.cancel()


def _subprotocol(scope: Any) -> str | None:
    """Ours; else the first that was offered, since a browser hears no close code without one."""
    offered = scope["subprotocols"]
    return protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in offered else next(iter(offered), None)


def _reason(code: int, handshake: Handshake | None) -> str:
    """What stands beside the code: for whoever looks into it, and for our page where a proxy is set up wrongly."""
    if code == protocol.CLOSE_FORBIDDEN and handshake and handshake.doubt:
        return f"proxy_{handshake.doubt}"
    return LATER if code == protocol.CLOSE_TRY_LATER else ""
