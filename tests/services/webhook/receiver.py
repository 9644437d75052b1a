"""Somebody else's server that a webhook is sent to: it checks what it gets with a library of others, and keeps it.

Like a good receiver it takes no event twice. `trouble` is what goes wrong with it.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

from aiohttp import web
from standardwebhooks import Webhook as Verifier

Fault = Literal["cut", "cut after", "hang", "hang after", "huge"] | int
"""Cut before or after it was taken; hanging in the same places; an answer without end; this status in place of 200."""


@dataclass
class Received:
    headers: Mapping[str, str]
    event: dict[str, Any]

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """`asked`: each request; `taken`: each event, once, in order; `waiting`: how many wait in vain for an answer."""

    secret: str = ""
    trouble: Fault | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)
    asked: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    waiting: int = 0
    tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> "Receiver":
        application = web.Application()
        application.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._leave = asyncio.Event()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go()
        await self._runner.cleanup()

    def let_go(self) -> None:
        """Of everybody whom it lets wait."""
        self._leave.set()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/hook"

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        return [each.event for each in self.taken if kind in ("", each.event["type"])]

    def holds(self, connection: object) -> list[str]:
        """What a receiver that follows along has of a conversation, in order."""
        held: dict[str, str] = {}
        for event in self.events():
            message = event["data"].get("message")
            if message is None or message["connection"] != str(connection):
                continue
            if event["type"] == "message.deleted":
                held.pop(message["uid"], None)
            elif message["uid"] in held or event["type"] == "message.posted":
                held[message["uid"]] = message["content"]
        return list(held.values())

    async def _take(self, request: web.Request) -> web.StreamResponse:
        received = Received(dict(request.headers), await self._verified(request))
        self.asked.append(received)
        if self.trouble in ("cut", "cut after", "hang", "hang after"):
            if str(self.trouble).endswith("after"):
                self._keep(received)
            if str(self.trouble).startswith("hang"):
                self.waiting += 1
                await self._leave.wait()
            # Who waited in vain has gone by himself.
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if isinstance(self.trouble, int):
            return web.Response(status=self.trouble, headers=self.answer_headers)
        self._keep(received)
        if self.trouble == "huge":
            return await self._endless(request)
        return web.Response()

    async def _verified(self, request: web.Request) -> Any:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return Verifier(self.secret).verify(await request.read(), headers)

    def _keep(self, received: Received) -> None:
        if received.id not in {each.id for each in self.taken}:
            self.taken.append(received)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not self._leave.is_set():
            await response.write(b"x" * 65536)
        return response
