"""A visitor's socket to a chat: commands and their replies, events, and a new socket whenever one breaks."""

import asyncio
import itertools
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, WebSocketException
from websockets.typing import Subprotocol

from bridge.errors import BridgeError, Code
from bridge.infra.proofs import solve
from bridge.protocol import CLOSE_FORBIDDEN, SUBPROTOCOL

logger = logging.getLogger(__name__)

GONE = (OSError, WebSocketException, InvalidHandshake, InvalidMessage, TimeoutError, EOFError)
ANSWER_WITHIN = 15.0
PING_EVERY = 25.0
LONGEST_PAUSE = 15.0
FOR_NOW = {"throttled", "unavailable"}

Frame = dict[str, Any]


class NotConnected(Exception):
    """The socket broke before an answer came: nobody knows whether the command was done."""


class Client:
    """`begin` is called with each new socket, before what waits is sent; `event` with each event.

    `lost` is told once when a socket breaks; `checking` when a proof of work is asked for, which takes a moment.
    """

    def __init__(
        self,
        url: str,
        *,
        begin: Callable[[], Awaitable[None]],
        event: Callable[[Frame], None],
        lost: Callable[[str], None],
        checking: Callable[[], None],
    ) -> None:
        self._url = url
        self._begin, self._event, self._lost, self._checking = begin, event, lost, checking
        self._ids = itertools.count(1)
        self._socket: ClientConnection | None = None
        self._replies: dict[str, asyncio.Future[Frame]] = {}
        self._ready = asyncio.Event()
        self.ended = ""
        """Why it will not come back; empty while it may."""

    async def ready(self, seconds: float) -> bool:
        """Once the session has started; False where that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return False
        return not self.ended

    async def command(self, name: str, **payload: Any) -> Any:
        """What the reply carries. Raises BridgeError where it is refused, NotConnected where nobody knows."""
        socket = self._socket
        if socket is None:
            raise NotConnected
        number = str(next(self._ids))
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                frame = {"command": name, "id": number, "payload": payload}
                await socket.send(orjson.dumps(frame).decode())
                answer = await reply
        except GONE as error:
            raise NotConnected from error
        finally:
            self._replies.pop(number, None)
        if not answer["ok"]:
            refused = answer["error"]
            code = refused["code"] if refused["code"] in set(Code) else Code.INTERNAL
            raise BridgeError(Code(code), refused["message"], **refused.get("details", {}))
        return answer["payload"]

    async def send(self, content: str, *, connection: str | None) -> Any:
        """Say it, however often the socket breaks meanwhile: its `client_id` keeps it single.

        Raises BridgeError where it is refused for good.
        """
        client_id = str(uuid.uuid4())
        payload: dict[str, Any] = {"content": content, "client_id": client_id}
        if connection is not None:
            payload["connection"] = connection
        while True:
            await self._ready.wait()
            if self.ended:
                raise BridgeError(Code.CLOSED, self.ended)
            try:
                return await self.command("message.send", **payload)
            except NotConnected:
                continue
            except BridgeError as refusal:
                if refusal.code == Code.PROOF_REQUIRED:
                    payload["proof"] = await self._prove(refusal.details)
                elif refusal.code in FOR_NOW:
                    await asyncio.sleep(float(str(refusal.details.get("retry_after", 1))))
                else:
                    raise

    async def _prove(self, challenge: dict[str, Any]) -> dict[str, Any]:
        self._checking()
        answers = await asyncio.to_thread(solve, **challenge)
        return {"challenge": challenge["challenge"], "answers": answers}

    async def run(self) -> None:
        """Stay connected, until cancelled or refused for good."""
        pause = 0.5
        while not self.ended:
            try:
                async with connect(
                    self._url, subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=4 * 1024 * 1024
                ) as socket:
                    await self._live(socket)
                    pause = 0.5
            except GONE as error:
                logger.debug("No connection: %r", error)
            await self._left()
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _left(self) -> None:
        was, self._socket = self._socket, None
        if not self.ended:
            self._ready.clear()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(OSError("the socket closed"))
        if was is not None and not self.ended:
            self._lost("Connection lost. Reconnecting… What you write is saved.")

    async def _live(self, socket: ClientConnection) -> None:
        """Until it breaks."""
        self._socket = socket
        reading = asyncio.create_task(self._read(socket))
        keeping = asyncio.create_task(self._keep())
        try:
            await asyncio.wait({reading, keeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, keeping):
                task.cancel()
            ends = await asyncio.gather(reading, keeping, return_exceptions=True)
        for end in ends:
            if isinstance(end, ConnectionClosed) and end.rcvd and end.rcvd.code == CLOSE_FORBIDDEN:
                self._end("This chat is not available to you.")
            elif isinstance(end, BridgeError) and end.code not in FOR_NOW:
                self._end(end.message)
            elif isinstance(end, Exception) and not isinstance(end, (NotConnected, BridgeError, *GONE)):
                raise end

    def _end(self, why: str) -> None:
        if not self.ended:
            self.ended = why
            self._lost(why)
        self._ready.set()

    async def _keep(self) -> None:
        await self._begin()
        self._ready.set()
        while True:
            await asyncio.sleep(PING_EVERY)
            await self.command("ping")

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            frame = orjson.loads(await socket.recv())
            if "event" in frame:
                self._event(frame)
            elif (reply := self._replies.get(frame.get("reply") or "")) and not reply.done():
                reply.set_result(frame)
