"""A visitor's connection to the socket: commands and their replies, events, and reconnecting."""

import asyncio
import contextlib
import itertools
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import backoff
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from bridge.errors import Code
from bridge.infra.proofs import solve
from bridge.infra.tasks import cancel_and_wait
from bridge.protocol import CLOSE_FORBIDDEN, SUBPROTOCOL

UNREACHABLE = (OSError, WebSocketException, EOFError)
MAX_FRAME = 4 * 1024 * 1024
ANSWER_WITHIN = 15.0
PING_EVERY = 25.0
TEMPORARY = {Code.THROTTLED, Code.UNAVAILABLE}

Frame = dict[str, Any]


class NotConnected(Exception):
    """The socket broke before the reply, so it is unknown whether the command was performed."""


class Refused(Exception):
    """The server refused a command, with the error of its reply."""

    def __init__(self, code: str, message: str, details: Frame) -> None:
        super().__init__(message)
        self.code, self.details = code, details


class Client:
    """`begin` starts the session of each new socket, `event` gets each event, `warn` shows the visitor a warning."""

    def __init__(
        self,
        url: str,
        *,
        begin: Callable[[], Awaitable[None]],
        event: Callable[[Frame], None],
        warn: Callable[[str], None],
    ) -> None:
        self._url = url
        self._begin, self._event, self._warn = begin, event, warn
        self._socket: ClientConnection | None = None
        self._ids = itertools.count(1)
        self._replies: dict[str, asyncio.Future[Frame]] = {}
        self._ready = asyncio.Event()
        self._refusal = ""
        """Why the server has refused this visitor permanently."""

    async def ready(self, seconds: float | None = None) -> None:
        """Wait until the session has started or was refused permanently, at most this long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ready.wait()

    async def run(self) -> None:
        """Stay connected until cancelled or refused permanently."""
        async for socket in connect(
            self._url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            max_size=MAX_FRAME,
            reconnect_delays=partial(backoff, initial_delay=1.0, max_delay=15.0),
            process_exception=lambda error: None if isinstance(error, UNREACHABLE) else error,
        ):
            await self._use(socket)
            if self._refusal:
                self._warn(self._refusal)
                self._ready.set()
                return
            if self._ready.is_set():
                self._warn("Connection lost. Reconnecting… What you write is saved.")
            self._ready.clear()
            await asyncio.sleep(1.0)

    async def _use(self, socket: ClientConnection) -> None:
        """Use this socket until it breaks."""
        self._socket = socket
        session = asyncio.create_task(self._keep_session(socket))
        try:
            with contextlib.suppress(ConnectionClosed):
                async for text in socket:
                    self._receive(orjson.loads(text))
        finally:
            self._socket = None
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(NotConnected())
            await cancel_and_wait(session)
        if not session.cancelled():
            session.result()
        if socket.close_code == CLOSE_FORBIDDEN and not self._refusal:
            self._refusal = "This chat is not available to you."

    def _receive(self, frame: Frame) -> None:
        if "event" in frame:
            self._event(frame)
        elif (reply := self._replies.get(frame.get("reply") or "")) and not reply.done():
            reply.set_result(frame)

    async def _keep_session(self, socket: ClientConnection) -> None:
        try:
            await self._begin()
            self._ready.set()
            while True:
                await asyncio.sleep(PING_EVERY)
                await self.command("ping")
        except (NotConnected, Refused) as error:
            if isinstance(error, Refused) and error.code not in TEMPORARY:
                self._refusal = str(error)
        finally:
            await socket.close()

    async def command(self, name: str, **payload: Any) -> Any:
        """The payload of the reply. Raises Refused or NotConnected."""
        if self._socket is None:
            raise NotConnected
        number = str(next(self._ids))
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        try:
            frame = orjson.dumps({"command": name, "id": number, "payload": payload})
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._socket.send(frame, text=True)
                answer = await reply
        except (ConnectionClosed, TimeoutError) as error:
            raise NotConnected from error
        finally:
            del self._replies[number]
        if not answer["ok"]:
            refusal = answer["error"]
            raise Refused(refusal["code"], refusal["message"], refusal["details"])
        return answer["payload"]

    async def send(self, content: str, **target: str) -> Frame:
        """Send a message, and return it as stored: once, even if the socket breaks. Raises Refused."""
        payload: dict[str, Any] = {"content": content, "client_id": str(uuid.uuid4()), **target}
        while True:
            await self.ready()
            if self._refusal:
                raise Refused(Code.CLOSED, self._refusal, {})
            try:
                sent = await self.command("message.send", **payload)
            except NotConnected:
                await asyncio.sleep(1.0)
            except Refused as refusal:
                if refusal.code == Code.PROOF_REQUIRED:
                    self._warn("This chat checks new visitors: one moment…")
                    answers = await asyncio.to_thread(solve, **refusal.details)
                    payload["proof"] = {"challenge": refusal.details["challenge"], "answers": answers}
                elif refusal.code in TEMPORARY:
                    await asyncio.sleep(refusal.details.get("retry_after", 1.0))
                else:
                    raise
            else:
                message: Frame = sent["message"]
                return message
