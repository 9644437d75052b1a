"""A bot on the gateway: its session, which outlives its connection, and the connection that it has now."""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
from typing import Any

import discord
import orjson
from aiohttp import web

_REPLAYED = 20_000  # events kept for a RESUME

DISPATCH = 0


class Session:
    """One identified bot: what it asked for, what it was sent, and the socket that it has now, if any."""

    def __init__(self, wanted: discord.Intents) -> None:
        self.id = secrets.token_hex(16)
        self.intents = wanted
        self.sequence = 0
        self.sent: deque[tuple[int, str]] = deque(maxlen=_REPLAYED)
        self.socket: Socket | None = None

    def dispatch(self, event: str, payload: Mapping[str, Any]) -> None:
        self.sequence += 1
        frame = {"op": DISPATCH, "t": event, "s": self.sequence, "d": payload}
        text = orjson.dumps(frame).decode()
        self.sent.append((self.sequence, text))
        if self.socket is not None:
            self.socket.send(text)

    def missed_since(self, sequence: int) -> list[str] | None:
        """Return the frames after this one, or None where they are no longer kept."""
        if sequence > self.sequence or (self.sent and sequence + 1 < self.sent[0][0]):
            return None
        return [text for number, text in self.sent if number > sequence]


class Socket:
    """A connected websocket and the one task that writes to it."""

    def __init__(self, websocket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._websocket = websocket
        self._transport = transport
        self.closing = False
        self.session: Session | None = None
        self._queue: asyncio.Queue[str | int] = asyncio.Queue()

    def send(self, text: str) -> None:
        self._queue.put_nowait(text)

    def send_op(self, op: int, data: Any = None) -> None:
        self.send(orjson.dumps({"op": op, "d": data, "s": None, "t": None}).decode())

    def close(self, code: int) -> None:
        """Close after what is already on its way; code 0 tears the connection down without a word."""
        self._queue.put_nowait(code)

    async def write(self) -> None:
        while True:
            item = await self._queue.get()
            if isinstance(item, str):
                await self._websocket.send_str(item)
                continue
            self.closing = True
            if item != 0:
                await self._websocket.close(code=item)
            elif self._transport is not None:
                self._transport.abort()
            return
