"""Refuses bodies that are too large, too slow or too many, in front of all pages.

uvicorn passes a body on while it arrives, and stops reading if the application does not ask for more. daphne reads the
whole body first: for it, `bridge.web.daphne_limits` has the same limits.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any

from bridge.errors import BridgeError
from bridge.identity.handshake import read_handshake
from bridge.identity.origins import OriginRefused
from bridge.infra import bodies
from bridge.protocol import MAX_FRAME

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGE_AT_ONCE = 60
LARGE_FROM_ONE_ADDRESS = 20
"""Requests at the same time in one process, at addresses that accept more than a frame: files and mails."""
READ_WITHIN = 60.0
"""Seconds in which a client must read a piece of a response: 256 KiB of a file."""


class Guard:
    """An ASGI application around another one.

    `elsewhere`: the most bytes of a body for an address that is not ours; None: no limit.
    """

    def __init__(self, pages: Application, *, elsewhere: int | None = None) -> None:
        self._pages = pages
        self._elsewhere = elsewhere
        self._large = Slots(LARGE_AT_ONCE, LARGE_FROM_ONE_ADDRESS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_long = len(scope.get("raw_path") or b"") + len(scope["query_string"]) > bodies.LONGEST_ADDRESS
        largest_here = cache(partial(bodies.largest_of, scope["path"], root=scope.get("root_path", "")))
        if not is_long and not _may_have_body(scope):
            await self._pages(scope, receive, _Reply(send, largest_here))
            return
        largest = largest_here()
        limit = self._elsewhere if largest is None else largest
        if limit is None:
            await self._pages(scope, receive, send)
            return
        body = _Body(receive, limit)
        reply = _Reply(send, largest_here, body)
        try:
            if is_long:
                raise bodies.too_long()
            if announced(scope) > limit:
                raise bodies.too_large(limit)
            with self._large.one_of(_address(scope) if limit > MAX_FRAME and largest is not None else None):
                await self._pages(scope, body, reply)
        except BridgeError as refusal:
            body.refusal = refusal
        if body.refusal is not None and not reply.started:
            await refuse(body.refusal, body, receive, send, ours=largest is not None)


class Slots:
    """A limited number of slots, in total and for each owner."""

    def __init__(self, together: int, share: int) -> None:
        self._together, self._each = together, share
        self._taken: Counter[object] = Counter()

    @contextmanager
    def one_of(self, who: object | None) -> Iterator[None]:
        """Hold a slot for `who`; None needs no slot. Raises Refused (`throttled`) if none is free."""
        if who is None:
            yield
            return
        if self._taken[who] >= self._each or self._taken.total() >= self._together:
            raise bodies.crowded(5)
        self._taken[who] += 1
        try:
            yield
        finally:
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]


class _Body:
    """`receive` with limits. If a body exceeds them, the pages see a client that has disconnected."""

    def __init__(self, receive: Receive, largest: int) -> None:
        self._receive, self._largest = receive, largest
        self._size, self._waited = 0, 0.0
        self.ended = False
        """Whether the whole body has arrived."""
        self.refusal: BridgeError | None = None

    async def __call__(self) -> Mapping[str, Any]:
        if self.ended:
            # Only a disconnect can follow. Long responses wait for it here.
            return await self._receive()
        message: Mapping[str, Any] = {"type": "http.disconnect"}
        if self.refusal is None:
            # Only the time that we wait for the client counts, not our own processing.
            since = time.monotonic()
            try:
                async with asyncio.timeout(bodies.seconds_for(self._size) - self._waited):
                    message = await self._receive()
            except TimeoutError:
                self.refusal = bodies.too_slow()
            self._waited += time.monotonic() - since
            self._size += len(message.get("body", b""))
            self.ended = self.refusal is None and not message.get("more_body", False)
            if self._size > self._largest:
                self.refusal = bodies.too_large(self._largest)
        return message if self.refusal is None else {"type": "http.disconnect"}


class _Reply:
    """`send`, which fails if the client does not read."""

    def __init__(self, send: Send, largest: Callable[[], int | None], body: _Body | None = None) -> None:
        self._send, self._largest, self._body = send, largest, body
        self.started = False

    async def __call__(self, message: Mapping[str, Any]) -> None:
        if self._body is not None and self._body.refusal is not None and not self.started:
            return  # the guard answers refused requests
        self.started = True
        if not message.get("more_body") or self._largest() is None:
            await self._send(message)
            return
        # A file stays open while a client reads it, so a client must not be too slow.
        try:
            async with asyncio.timeout(READ_WITHIN):
                await self._send(message)
        except TimeoutError:
            raise OSError("the client does not read the response") from None


async def refuse(error: BridgeError, body: _Body, receive: Receive, send: Send, *, ours: bool) -> None:
    """Answer a refused request, discard the rest of its body, and close the connection."""
    status, headers, content = bodies.answer_to(error, ours=ours)
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(bodies.LINGER):
            while not body.ended and (await receive()).get("more_body"):
                continue
    await send({"type": "http.response.body", "body": b""})


def _may_have_body(scope: Scope) -> bool:
    return scope["method"] not in {"GET", "HEAD", "OPTIONS"} or any(
        name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"]
    )


def announced(scope: Scope) -> int:
    """The Content-Length of the request; 0 if it has none."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _address(scope: Scope) -> str:
    try:
        return read_handshake(scope).address
    except OriginRefused:
        return "foreign"
