"""In front of all pages: bodies that are too large, too slow or too many are refused before anything reads them.

uvicorn hands a body on as it comes in, and stops reading where nobody asks for more. daphne reads all of it first:
there `bridge.web.daphne_limits` holds the same limits.
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
"""Requests that one process takes at the same time at addresses that take more than a frame: files and mails."""
READ_WITHIN = 60.0
"""Seconds within which a client reads a piece of what it is sent: 256 KiB of a file."""


class Guard:
    """An ASGI application around another one.

    `elsewhere`: bytes that a body may have which is for no address of ours; None: it is not looked at.
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
    """So many at once, so many of them for one."""

    def __init__(self, together: int, each: int) -> None:
        self._together, self._each = together, each
        self._taken: Counter[object] = Counter()

    @contextmanager
    def one_of(self, who: object | None) -> Iterator[None]:
        """Hold one; None needs none. Raises Refused (`throttled`) where none is free."""
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
    """`receive`, as far as the limits go. What is over them is, for the pages, a client that has left."""

    def __init__(self, receive: Receive, largest: int) -> None:
        self._receive, self._largest = receive, largest
        self._size, self._waited = 0, 0.0
        self.ended = False
        """Whether all of it has come."""
        self.refusal: BridgeError | None = None

    async def __call__(self) -> Mapping[str, Any]:
        if self.ended:
            # Nothing but its end can come now: a long reply is waited for here.
            return await self._receive()
        message: Mapping[str, Any] = {"type": "http.disconnect"}
        if self.refusal is None:
            # Only what the client lets us wait counts, not what we do with what came.
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
    """`send`, for clients that read."""

    def __init__(self, send: Send, largest: Callable[[], int | None], body: _Body | None = None) -> None:
        self._send, self._largest, self._body = send, largest, body
        self.started = False

    async def __call__(self, message: Mapping[str, Any]) -> None:
        if self._body is not None and self._body.refusal is not None and not self.started:
            return  # what was refused is answered by the guard
        self.started = True
        if not message.get("more_body") or self._largest() is None:
            await self._send(message)
            return
        # A file stays open for as long as somebody reads it: not for whoever takes a byte a minute.
        try:
            async with asyncio.timeout(READ_WITHIN):
                await self._send(message)
        except TimeoutError:
            raise OSError("the client does not read the response") from None


async def refuse(error: BridgeError, body: _Body, receive: Receive, send: Send, *, ours: bool) -> None:
    """Answer a refused request, let go of what is still on its way, and close the connection."""
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
    """Bytes; 0 where it does not say."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _address(scope: Scope) -> str:
    try:
        return read_handshake(scope).address
    except OriginRefused:
        return "foreign"
