"""How large and how slow a request's body may be, and how a refusal is answered over HTTP.

A view says so itself, `@takes(bytes)`; where it says nothing, a body is no larger than a frame of the socket.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson
from django.http import HttpResponse
from django.urls import Resolver404, resolve

from bridge.errors import HTTP_STATUS, BridgeError, Code

View = TypeVar("View", bound=Callable[..., Any])

USUAL = 64 * 1024
"""Bytes, as many as a frame of the socket (`protocol.MAX_FRAME`)."""
GRACE = 20.0
SLOWEST = 8 * 1024
"""A body may take GRACE seconds, and one more for each so many bytes of it that have come: a phone at the edge of its
network sends twice as fast."""
LONGEST_ADDRESS = 8 * 1024
"""Bytes of a request's path and query: what usual proxies take."""
LONGEST = 900.0
"""Seconds that any body may take."""
LINGER = 2.0
"""Seconds for which somebody who was refused in the middle of their body is still listened to: whoever closes at once
resets the connection, and a browser then shows an error of its own."""
_SAFE = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
JSON_HEADERS = [(b"content-type", b"application/json"), *_SAFE]
TEXT_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), *_SAFE]
LARGEST_UPLOAD = 100
"""Megabytes that an inbox may let a file have: what a server that reads a body before it asks us will keep of one."""


class Refused(BridgeError):
    """A refusal for which HTTP has a more precise `status` than that of its code."""

    def __init__(self, status: int, code: Code, message: str, **details: object) -> None:
        super().__init__(code, message, close=False, **details)
        self.status = status


class Budget:
    """So many bytes of bodies that this process takes apart in memory at the same time, however many came."""

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def of(self, size: int, *, patience: float) -> Iterator[None]:
        """Hold so many bytes, at most all. Blocks for up to `patience` seconds, then raises Refused (`throttled`)."""
        size = min(size, self._total)
        with self._changed:
            if not self._changed.wait_for(lambda: self._free >= size, patience):
                raise crowded(5)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()


def takes(largest: int) -> Callable[[View], View]:
    """A decorator: this view takes bodies of so many bytes."""

    def declare(view: View) -> View:
        view.largest_body = largest  # type: ignore[attr-defined]
        return view

    return declare


def largest_of(path: str, *, root: str = "") -> int | None:
    """Bytes that an address of ours takes; None where `path` is none of ours.

    Asks the project's URLs and not a list of beginnings: the app may be included anywhere, the root included.
    """
    inside = path.removeprefix(root.rstrip("/")) or "/"
    try:
        match = resolve(inside)
    except Resolver404:
        return None
    return getattr(match.func, "largest_body", USUAL) if "bridge" in match.app_names else None


def seconds_for(size: int) -> float:
    """Seconds that a body may have taken of which so many bytes have come."""
    return min(LONGEST, GRACE + size / SLOWEST)


def too_large(largest: int) -> Refused:
    return Refused(413, Code.TOO_LARGE, f"The body may have at most {largest:,} bytes here.", limit=largest)


def too_long() -> Refused:
    return Refused(414, Code.TOO_LARGE, "This address is too long.", limit=LONGEST_ADDRESS)


def too_slow() -> Refused:
    return Refused(408, Code.INVALID_PAYLOAD, "The body took too long.", reason="slow")


def crowded(retry_after: int) -> Refused:
    text = "Too many requests. Please try again in a moment."
    return Refused(HTTP_STATUS[Code.THROTTLED], Code.THROTTLED, text, retry_after=retry_after)


def answer_to(error: BridgeError, *, ours: bool) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of a refusal: the usual JSON for addresses of ours, a plain sentence for others."""
    body = orjson.dumps({"error": error.body()}) if ours else f"{error.message}\n".encode()
    headers = [*(JSON_HEADERS if ours else TEXT_HEADERS), (b"content-length", str(len(body)).encode())]
    if "retry_after" in error.details:
        headers.append((b"retry-after", str(error.details["retry_after"]).encode()))
    return error.status, headers, body


def response_to(error: BridgeError) -> HttpResponse:
    """The same answer, from a view."""
    status, headers, body = answer_to(error, ours=True)
    decoded = {name.decode(): value.decode() for name, value in headers}
    return HttpResponse(body, status=status, headers=decoded)
