"""A visitor's browser without the browser: a real socket to a real server, with the page's duties.

Keeps what he wrote until it is acknowledged, sends it again with the same `client_id` after a reconnect, and asks
`connection.sync` for what he missed. What he sees is kept by uid, as the page would show it.
"""

import asyncio
import contextlib
import itertools
import uuid
from typing import Any, Self

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, WebSocketException

from bridge.protocol import SUBPROTOCOL

GONE = (OSError, WebSocketException, InvalidHandshake, InvalidMessage, TimeoutError)


class Visitor:
    def __init__(self, url: str, *, inbox: str = "default") -> None:
        self.url = url.replace("http", "ws", 1) + "/ws/chat/"
        self.origin = url
        self.inbox = inbox
        self.token: str | None = None
        self.connection: str | None = None
        self.revision = 0
        self.seen: dict[str, dict[str, Any]] = {}
        self.unacknowledged: dict[str, str] = {}
        self.refused: list[dict[str, Any]] = []
        self.reconnects = -1
        self._ids = itertools.count(1)
        self._socket: ClientConnection | None = None
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._stay())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def say(self, content: str) -> str:
        """Send, and return once it is acknowledged, however often the connection breaks until then."""
        client_id = str(uuid.uuid4())
        self.unacknowledged[client_id] = content
        if self._socket:
            await self._send_waiting()
        await self.until(lambda: client_id not in self.unacknowledged)
        return client_id

    async def until(self, condition: Any, *, seconds: float = 60) -> None:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)

    def messages(self) -> list[dict[str, Any]]:
        """What the page shows, in order."""
        return sorted(self.seen.values(), key=lambda message: message["seq"])

    async def sync(self) -> None:
        """Ask for everything after what is known, as the page does when it sees a hole."""
        more = True
        while more and self.connection:
            reply = await self.command("connection.sync", connection=self.connection, since=self.revision)
            self._take(reply["messages"])
            self.revision = max(self.revision, reply["revision"])
            more = reply["has_more"]

    async def command(self, name: str, **payload: Any) -> dict[str, Any]:
        if self._socket is None:
            raise ConnectionError("not connected")
        command_id = str(next(self._ids))
        future = self._replies[command_id] = asyncio.get_running_loop().create_future()
        await self._socket.send(
            orjson.dumps({"command": name, "id": command_id, "payload": payload}).decode()
        )
        async with asyncio.timeout(10):
            reply = await future
        if not reply["ok"]:
            raise Refused(reply["error"])
        payload_out: dict[str, Any] = reply["payload"]
        return payload_out

    async def _stay(self) -> None:
        while True:
            with contextlib.suppress(*GONE):
                async with connect(self.url, subprotocols=[SUBPROTOCOL], origin=self.origin) as socket:  # type: ignore[list-item, arg-type]
                    await self._live(socket)
            self._socket = None
            for future in self._replies.values():
                if not future.done():
                    future.set_exception(ConnectionError("the socket closed"))
            self._replies.clear()
            await asyncio.sleep(0.2)

    async def _live(self, socket: ClientConnection) -> None:
        reading = asyncio.create_task(self._read(socket))
        self._socket = socket
        pinging = asyncio.create_task(self._begin())
        try:
            await asyncio.wait({reading, pinging}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            pinging.cancel()
            await asyncio.gather(reading, pinging, return_exceptions=True)

    async def _begin(self) -> None:
        started = await self.command("session.start", inbox=self.inbox, token=self.token)
        self.token = started["token"]
        self.reconnects += 1
        if started["connection"]:
            self.connection = started["connection"]["uid"]
            if self.revision == 0:
                self._take(started["messages"])
                self.revision = started["connection"]["revision"]
            await self.sync()
        await self._send_waiting()
        while True:
            # The page's heartbeat: it tells of events that were lost.
            await asyncio.sleep(1)
            heads = (await self.command("ping"))["heads"]
            if self.connection and heads.get(self.connection, 0) > self.revision:
                await self.sync()

    async def _send_waiting(self) -> None:
        for client_id, content in list(self.unacknowledged.items()):
            try:
                reply = await self.command("message.send", client_id=client_id, content=content)
            except Refused as refused:
                self.refused.append(refused.error)
                if refused.error["code"] not in {"throttled", "unavailable"}:
                    self.unacknowledged.pop(client_id, None)
                continue
            except (ConnectionError, *GONE):
                return
            message = reply["message"]
            self.connection = message["connection"]
            self._take([message])
            async with self._changed:
                self.unacknowledged.pop(client_id, None)
                self._changed.notify_all()

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            frame = orjson.loads(text)
            if "reply" in frame:
                future = self._replies.pop(frame["reply"], None)
                if future and not future.done():
                    future.set_result(frame)
            else:
                await self._event(frame)

    async def _event(self, frame: dict[str, Any]) -> None:
        if "revision" in frame and self.connection in {None, frame["connection"]}:
            if self.connection is None:
                self.connection = frame["connection"]
            if frame["since"] <= self.revision:
                self.revision = max(self.revision, frame["revision"])
            self._take(frame["payload"].get("messages", []))
        async with self._changed:
            self._changed.notify_all()

    def _take(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            known = self.seen.get(message["uid"])
            if known is None or known["revision"] <= message["revision"]:
                self.seen[message["uid"]] = message


class Refused(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["code"])
        self.error = error
