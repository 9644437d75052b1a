"""The page at `/`: a Discord server in the browser, to read along and to write as staff."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from . import view
from .threads import ThreadWorld

_FOLDER = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_KEEPALIVE_SECONDS = 15.0
_BEHIND = 1000  # events that a reader may be behind before it has to start again


class Page:
    def __init__(self, world: ThreadWorld) -> None:
        self._world = world
        self._readers: set[asyncio.Queue[bytes | None]] = set()
        self._files = {
            path.name: (path.read_bytes(), _TYPES[path.suffix])
            for path in _FOLDER.iterdir()
            if path.suffix in _TYPES
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.index),
            web.get("/page/{name}", self.file),
            web.get("/sandbox/events", self.events),
        ]

    async def index(self, request: web.Request) -> web.Response:
        return self._serve("index.html")

    async def file(self, request: web.Request) -> web.Response:
        return self._serve(request.match_info["name"])

    def _serve(self, name: str) -> web.Response:
        if name not in self._files:
            raise web.HTTPNotFound
        body, kind = self._files[name]
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=_HEADERS)

    # ---------------------------------------------------------------- events

    def feed(self, event: str, payload: Mapping[str, Any]) -> None:
        """Tell every open page what an event of the world left behind."""
        if not self._readers:
            return
        news = self._news(event, payload)
        if news is None:
            return
        frame = b"data: " + orjson.dumps(news) + b"\n\n"
        for reader in self._readers:
            # A page that stopped reading must not fill the memory; it loads anew when it comes back.
            reader.put_nowait(frame if reader.qsize() < _BEHIND else None)

    def _news(self, event: str, payload: Mapping[str, Any]) -> dict[str, Any] | None:
        world = self._world
        if event == "TYPING_START":
            who = view.person(world, int(payload["user_id"]))
            return {"typing": {"channel_id": payload["channel_id"], "who": who}}
        if event.startswith("MESSAGE_"):
            message_id = payload.get("message_id") or payload.get("id")
            if message_id is None:
                return None
            said, deleted = world.find(int(payload["channel_id"]), int(message_id))
            return {"message": view.message(world, said, deleted=deleted)}
        if event.startswith(("CHANNEL_", "THREAD_")) and "id" in payload:
            place = world.channels.get(int(payload["id"])) or world.gone[int(payload["id"])][0]
            return {"channel": view.channel(world, place, deleted=place.id in world.gone)}
        return None

    async def events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        reader: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._readers.add(reader)
        try:
            await self._copy(reader, response)
        except ConnectionResetError:
            return response
        finally:
            self._readers.discard(reader)
        return response

    async def _copy(self, reader: "asyncio.Queue[bytes | None]", response: web.StreamResponse) -> None:
        while True:
            try:
                frame = await asyncio.wait_for(reader.get(), _KEEPALIVE_SECONDS)
            except TimeoutError:
                frame = b": still here\n\n"
            if frame is None:
                return
            await response.write(frame)

    def close(self) -> None:
        for reader in self._readers:
            reader.put_nowait(None)
