"""The HTTP door: reads a request, notes it, lets faults have it, answers from the world."""

import asyncio
import logging
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import orjson
from aiohttp import web
from simcord.backend.errors import BackendError
from simcord.http.router import RouteNotImplemented, UnsupportedField

from . import defaults, routes_guild, routes_reactions, routes_threads, routes_webhooks  # noqa: F401 (importing registers)
from .faults import Rule
from .log import Entry
from .oddities import made_odd
from .routes import Answer, Request, answer
from .sandbox import Sandbox

PREFIX = "/api/v10"
_HELD_SECONDS = 300.0
_BANNED_PAGE = b"<!DOCTYPE html><title>Access denied | discord.com used Cloudflare to restrict access</title>"

log = logging.getLogger(__name__)


@dataclass
class Upload:
    """A file as simcord expects it, which is as discord.py holds it."""

    fp: BytesIO
    filename: str
    description: str | None


class Door:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def handle(self, http: web.Request) -> web.StreamResponse:
        path = http.path.removeprefix(PREFIX)
        entry = self._sandbox.log.add(http.method, path)
        request = await self._read(http, path)
        if isinstance(request.json, dict):
            content = request.json.get("content")
            entry.content = content if isinstance(content, str) else None
            entry.nonce = request.json.get("nonce")
        rule = self._sandbox.faults.for_request(http.method, path, entry.content)
        if rule is not None:
            entry.fault = rule.fault
            return await self._fail(rule, http, request, entry)
        return self._respond(http, request, entry)

    async def _read(self, http: web.Request, path: str) -> Request:
        request = Request(self._sandbox.world, http.method, path, params=dict(http.query))
        if http.content_type == "multipart/form-data":
            await self._read_form(http, request)
        elif http.body_exists:
            request.json = orjson.loads(await http.read() or b"null")
        return request

    async def _read_form(self, http: web.Request, request: Request) -> None:
        form = await http.post()
        payload = form.get("payload_json")
        request.json = orjson.loads(payload) if isinstance(payload, str) else {}
        attachments = request.json.get("attachments") or ()
        described = {str(each.get("id")): each.get("description") for each in attachments}
        for name, part in form.items():
            if isinstance(part, web.FileField):
                number = name.removeprefix("files[").removesuffix("]")
                upload = Upload(BytesIO(part.file.read()), part.filename, described.get(number))
                request.files.append(upload)

    # ---------------------------------------------------------------- answer

    def _respond(self, http: web.Request, request: Request, entry: Entry) -> web.Response:
        status, body, headers = self._answer(http, request)
        entry.status = status
        return _json(status, body, headers)

    def _answer(self, http: web.Request, request: Request) -> tuple[int, Any, dict[str, str]]:
        """Change the world and write the change down; nothing in here waits, so it is atomic."""
        by_token = request.path.startswith(("/webhooks/", "/interactions/")) and request.path.count("/") > 2
        if not by_token and http.headers.get("Authorization") != f"Bot {defaults.TOKEN}":
            return 401, {"message": "401: Unauthorized", "code": 0}, {}
        headers, wait = self._sandbox.limits.take(request.method, request.path)
        if wait is not None:
            return 429, _ratelimited(wait, everywhere=False), headers | _retry_headers(wait, everywhere=False)
        try:
            status, body = self._world_says(request)
        finally:
            self._sandbox.settle()
        return status, made_odd(body, self._sandbox.world.oddities), headers

    def _world_says(self, request: Request) -> Answer:
        try:
            return answer(request)
        except (RouteNotImplemented, UnsupportedField) as error:
            log.error("The sandbox does not support this request: %s", error)
            return 501, {"message": str(error), "code": 0}
        except BackendError as error:
            return error.status, error.to_json()

    # ---------------------------------------------------------------- faults

    async def _fail(self, rule: Rule, http: web.Request, request: Request, entry: Entry) -> web.Response:
        if rule.fault == "delay":
            return await self._late(rule, http, request, entry)
        if rule.when == "after":
            self._answer(http, request)
        if rule.fault == "timeout":
            await _hold(http)
        if rule.fault in ("timeout", "cut"):
            if http.transport is not None:
                http.transport.abort()
            return web.Response(status=499)
        entry.status = rule.status if rule.fault == "error" else 429
        if rule.fault == "error":
            return web.Response(status=rule.status, body=b"upstream error", content_type="text/plain")
        if rule.fault == "banned":
            headers = {"Retry-After": str(int(rule.seconds))}
            return web.Response(status=429, body=_BANNED_PAGE, content_type="text/html", headers=headers)
        headers = _retry_headers(rule.seconds, everywhere=rule.everywhere)
        return _json(429, _ratelimited(rule.seconds, everywhere=rule.everywhere), headers)

    async def _late(self, rule: Rule, http: web.Request, request: Request, entry: Entry) -> web.Response:
        """Before: it takes effect late, even if the client has left. After: only the answer is late."""
        if rule.when == "before":
            await late(rule.seconds)
            return self._respond(http, request, entry)
        response = self._respond(http, request, entry)
        await late(rule.seconds)
        return response


async def late(seconds: float) -> None:
    """What the fault `delay` waits for. A test may wait for something that happens, in place of a time."""
    await asyncio.sleep(seconds)


async def _hold(http: web.Request) -> None:
    """Say nothing until the client gives up."""
    for _ in range(int(_HELD_SECONDS / 0.1)):
        if http.transport is None or http.transport.is_closing():
            return
        await asyncio.sleep(0.1)


def _ratelimited(wait: float, *, everywhere: bool) -> dict[str, Any]:
    message = "You are being rate limited."
    return {"message": message, "code": 0, "retry_after": round(wait, 3), "global": everywhere}


def _retry_headers(wait: float, *, everywhere: bool) -> dict[str, str]:
    scope = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"} if everywhere else {}
    return {"Retry-After": str(int(wait) + 1), "Via": "1.1 google", "X-RateLimit-Scope": "user"} | scope


def _json(status: int, body: Any, headers: dict[str, str]) -> web.Response:
    if status == 204:
        return web.Response(status=204, headers=headers)
    # Exactly this content type, without a charset: discord.py takes anything else for text.
    text = orjson.dumps(body)
    return web.Response(status=status, body=text, content_type="application/json", headers=headers)
