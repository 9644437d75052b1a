"""A visitor's browser without the browser: a real socket to a real server, with the page's duties.

Keeps what he wrote until it is acknowledged, sends it again with the same `client_id` after a reconnect, and asks
`connection.sync` for what he missed. What he sees is kept by uid, as the page would show it.
"""

import asyncio
import contextlib
import itertools
import uuid
from typing import Any, Self

import aiohttp
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, WebSocketException

from bridge.protocol import SUBPROTOCOL

GONE = (OSError, WebSocketException, InvalidHandshake, InvalidMessage, TimeoutError)


class Visitor:
    """`address`: where he seems to come from, for a server behind one trusted proxy. Throttles count by address."""

    def __init__(self, url: str, *, inbox: str = "default", address: str | None = None) -> None:
        self.url = url.replace("http", "ws", 1) + "/ws/chat/"
        self.origin = url
        self.inbox = inbox
        self.headers = {"X-Forwarded-For": address} if address else {}
        self.token: str | None = None
        self.connection: str | None = None
        self.revision = 0
        self.seen: dict[str, dict[str, Any]] = {}
        self.unacknowledged: dict[str, str] = {}
        self.refused: list[dict[str, Any]] = []
        self.reconnects = -1
        self.throttled = 0
        self.resends = 0
        self._ids = itertools.count(1)
        self._socket: ClientConnection | None = None
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._tried: set[str] = set()
        # Something to send, and something that an event showed to be missing.
        self._waiting, self._hole = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._stay())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def write(self, content: str) -> str:
        """Put into the outbox: it is sent when that can be, in the order of writing. Returns its `client_id`."""
        client_id = str(uuid.uuid4())
        self.unacknowledged[client_id] = content
        self._waiting.set()
        return client_id

    async def say(self, content: str, *, seconds: float = 60) -> str:
        """Send, and return once it is acknowledged, however often the connection breaks until then."""
        client_id = self.write(content)
        await self.until(lambda: client_id not in self.unacknowledged, seconds=seconds)
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
        await self._tell()

    async def command(self, name: str, **payload: Any) -> dict[str, Any]:
        if self._socket is None:
            raise ConnectionError("not connected")
        command_id = str(next(self._ids))
        frame = {"command": name, "id": command_id, "payload": payload}
        future = self._replies[command_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(10):
                await self._socket.send(orjson.dumps(frame).decode())
                reply = await future
        finally:
            self._replies.pop(command_id, None)
        if not reply["ok"]:
            raise Refused(reply["error"])
        payload_out: dict[str, Any] = reply["payload"]
        return payload_out

    async def upload(self, name: str, data: bytes) -> str:
        """Send a file ahead of its message. Returns its uid."""
        headers = self.headers | {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.post(
                f"{self.origin}/files/",
                params={"inbox": self.inbox, "name": name},
                data=data,
                headers=headers,
            ) as response,
        ):
            answer = await response.json(content_type=None)
            if response.status != 201:
                raise Refused(answer["error"])
            return str(answer["uid"])

    async def _stay(self) -> None:
        while True:
            with contextlib.suppress(*GONE):
                async with connect(
                    self.url,
                    subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
                    origin=self.origin,  # type: ignore[arg-type]
                    additional_headers=self.headers,
                ) as socket:
                    await self._live(socket)
            self._socket = None
            for future in self._replies.values():
                if not future.done():
                    future.set_exception(ConnectionError("the socket closed"))
            self._replies.clear()
            await asyncio.sleep(0.2)

    async def _live(self, socket: ClientConnection) -> None:
        """Until the socket closes or the server does not answer any more: then he comes again."""
        tasks = {asyncio.create_task(self._read(socket))}
        self._socket = socket
        try:
            await self._begin()
            for duty in (self._ping, self._send_waiting, self._fill_holes):
                tasks.add(asyncio.create_task(duty()))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except (Refused, *GONE):
            pass  # not now: he comes again
        finally:
            for task in tasks:
                task.cancel()
            self._why(await asyncio.gather(*tasks, return_exceptions=True))

    def _why(self, ends: list[Any]) -> None:
        """A socket may break and a server may refuse; anything else is a fault of this class."""
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, (Refused, *GONE)):
                raise end

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

    async def _ping(self) -> None:
        """The page's heartbeat: it tells of events that were lost."""
        while True:
            await asyncio.sleep(2)
            heads = (await self.command("ping"))["heads"]
            if self.connection and heads.get(self.connection, 0) > self.revision:
                self._hole.set()

    async def _fill_holes(self) -> None:
        while True:
            await self._hole.wait()
            await asyncio.sleep(0.3)  # it may fill by itself
            self._hole.clear()
            await self.sync()

    async def _send_waiting(self) -> None:
        """One by one in the order of writing; what was refused for now is sent again before what follows."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            while self.unacknowledged:
                await self._send(*next(iter(self.unacknowledged.items())))

    async def _send(self, client_id: str, content: str) -> None:
        self.resends += client_id in self._tried
        self._tried.add(client_id)
        self._waiting.set()  # if the socket breaks now
        try:
            reply = await self.command("message.send", client_id=client_id, content=content)
        except Refused as refused:
            self.refused.append(refused.error)
            if refused.error["code"] in {"throttled", "unavailable"}:
                self.throttled += 1
                await asyncio.sleep(refused.error.get("details", {}).get("retry_after", 1))
                return
        else:
            message = reply["message"]
            self.connection = message["connection"]
            self._take([message])
        del self.unacknowledged[client_id]
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            frame = orjson.loads(text)
            if "reply" in frame:
                future = self._replies.get(frame["reply"])
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
            else:
                self._hole.set()
            self._take(frame["payload"].get("messages", []))
        await self._tell()

    def _take(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            known = self.seen.get(message["uid"])
            if known is None or known["revision"] <= message["revision"]:
                self.seen[message["uid"]] = message


class Refused(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["code"])
        self.error = error
