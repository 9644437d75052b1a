"""A browser tab as the server sees it: one socket to the real ASGI application, in this process."""

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

from channels.testing import WebsocketCommunicator
from django.conf import settings

from bridge.identity import tokens
from bridge.protocol import SUBPROTOCOL

PATIENCE = 60.0


class Closed(Exception):
    """The server closed the socket."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Browser:
    """Sends commands and keeps the events that come in between."""

    def __init__(
        self,
        *,
        token: str | None = None,
        cookie: str | None = None,
        login: str | None = None,
        origin: str | None = "http://testserver",
        host: str = "testserver",
        address: str = "192.0.2.1",
        subprotocols: tuple[str, ...] = (SUBPROTOCOL,),
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        from chatbridge_site.asgi import application

        sent = [(b"host", host.encode()), (b"user-agent", b"Firefox"), *headers]
        if origin is not None:
            sent.append((b"origin", origin.encode()))
        cookies = {tokens.COOKIE_NAME: cookie, settings.SESSION_COOKIE_NAME: login}
        if given := "; ".join(f"{name}={value}" for name, value in cookies.items() if value is not None):
            sent.append((b"cookie", given.encode()))
        self._socket = WebsocketCommunicator(
            application, "/ws/chat/", headers=sent, subprotocols=list(subprotocols)
        )
        self._socket.scope["client"] = [address, 50000]
        self.token = token
        self.events: list[dict[str, Any]] = []
        self.connection: str | None = None
        self._last = 0

    async def open(self) -> str | None:
        """The subprotocol. Raises Closed where the server closes at once."""
        _, subprotocol = await self._socket.connect(timeout=PATIENCE)
        return str(subprotocol) if subprotocol else None

    async def start(self, **payload: Any) -> dict[str, Any]:
        """Open, and start a session that must be granted."""
        await self.open()
        if self.token is not None:
            payload.setdefault("token", self.token)
        started = await self.ok("session.start", **payload)
        self.token = started["token"] or self.token
        if started["connection"]:
            self.connection = started["connection"]["uid"]
        return started

    async def ask(self, command: str, **payload: Any) -> dict[str, Any]:
        """The one reply to a command."""
        self._last += 1
        await self.send({"command": command, "id": str(self._last), "payload": payload})
        reply = await self.reply()
        assert reply["reply"] == str(self._last)
        return reply

    async def ok(self, command: str, **payload: Any) -> dict[str, Any]:
        reply = await self.ask(command, **payload)
        assert reply["ok"], reply
        return dict(reply["payload"])

    async def refused(self, command: str, **payload: Any) -> str:
        reply = await self.ask(command, **payload)
        assert not reply["ok"], reply
        return str(reply["error"]["code"])

    async def write(self, content: str, **payload: Any) -> dict[str, Any]:
        payload.setdefault("client_id", str(uuid.uuid4()))
        message = (await self.ok("message.send", content=content, **payload))["message"]
        self.connection = message["connection"]
        return dict(message)

    async def send(self, frame: Any) -> None:
        await self.send_text(frame if isinstance(frame, str) else json.dumps(frame))

    async def send_text(self, text: str) -> None:
        await self._socket.send_input({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        await self._socket.send_input({"type": "websocket.receive", "bytes": data})

    async def receive(self) -> dict[str, Any]:
        """The next frame. Raises Closed."""
        message = await self._socket.receive_output(PATIENCE)
        if message["type"] == "websocket.close":
            raise Closed(message["code"])
        assert message["type"] == "websocket.send", message
        return dict(json.loads(message["text"]))

    async def reply(self) -> dict[str, Any]:
        while True:
            frame = await self.receive()
            if "reply" in frame:
                return frame
            self.events.append(frame)

    async def event(self, name: str, where: Callable[[dict[str, Any]], bool] = bool) -> dict[str, Any]:
        """The next event of this name, heard already or still to come."""
        while True:
            for index, frame in enumerate(self.events):
                if frame["event"] == name and where(frame):
                    return self.events.pop(index)
            frame = await self.receive()
            assert "event" in frame, frame
            self.events.append(frame)

    async def closed(self) -> int:
        """The close code, with whatever came before it."""
        try:
            while True:
                await self.receive()
        except Closed as close:
            return close.code

    async def hears_nothing(self) -> bool:
        """After a command that passes behind everything that was on its way."""
        await self.ok("ping")
        return not self.events and await self._socket.receive_nothing(0.05)

    async def leave(self) -> None:
        if not self._socket.future.done():
            await self._socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait([self._socket.future], timeout=PATIENCE)
        assert self._socket.future.done()
        if not self._socket.future.cancelled():
            self._socket.future.result()
