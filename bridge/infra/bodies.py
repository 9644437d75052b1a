"""Limits for the size and duration of a request's body, and HTTP answers to refused requests.

A view declares its limit with `@takes(bytes)`. Without it, a body may be as large as a frame of the socket.
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
"""A body may take GRACE seconds, and another second for each SLOWEST bytes received. Even a phone with bad reception
sends twice as fast."""
LONGEST_ADDRESS = 8 * 1024
"""Bytes of a request's path and query that common proxies accept."""
LONGEST = 900.0
"""Seconds that any body may take."""
LINGER = 2.0
"""Seconds for which a body is still received after it was refused. Closing at once resets the connection, and the
browser then shows an error of its own."""
# Tuples, because middleware may add to the list of a response.
_SAFE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
JSON_HEADERS = ((b"content-type", b"application/json"), *_SAFE)
TEXT_HEADERS = ((b"content-type", b"text/plain; charset=utf-8"), *_SAFE)
LARGEST_UPLOAD = 100
"""The highest limit of an inbox for one file, in megabytes. Servers that buffer whole bodies accept this much."""


class Refused(BridgeError):
    """A refusal with a more precise HTTP `status` than that of its code."""

    def __init__(self, status: int, code: Code, message: str, **details: object) -> None:
        super().__init__(code, message, close=False, **details)
        self.status = status


class Budget:
    """A limit for the total bytes of the bodies that this process parses in memory at the same time."""

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def of(self, size: int, *, patience: float) -> Iterator[None]:
        """Hold `size` bytes, at most all. Waits up to `patience` seconds, then raises Refused (`throttled`)."""
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
    """A decorator: the view accepts bodies of up to this many bytes."""

    def declare(view: View) -> View:
        view.largest_body = largest  # type: ignore[attr-defined]
        return view

    return declare


def largest_of(path: str, *, root: str = "") -> int | None:
    """How many bytes this address accepts, or None if it is not one of ours.

    Asks the project's URLs instead of a list of prefixes, because the app may be included anywhere, also at the root.
    """
    inside = path.removeprefix(root.rstrip("/")) or "/"
    try:
        match = resolve(inside)
    except Resolver404:
        return None
    return getattr(match.func, "largest_body", USUAL) if "bridge" in match.app_names else None


def seconds_for(size: int) -> float:
    """The seconds that a body may have taken when this many bytes have been received."""
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
    """Status, headers and body of a refusal: JSON for our own addresses, one sentence of text for others."""
    body = orjson.dumps({"error": error.body()}) if ours else f"{error.message}\n".encode()
    headers = [*(JSON_HEADERS if ours else TEXT_HEADERS), (b"content-length", str(len(body)).encode())]
    if "retry_after" in error.details:
        headers.append((b"retry-after", str(error.details["retry_after"]).encode()))
    return error.status, headers, body


def response_to(error: BridgeError) -> HttpResponse:
    """The same answer as a view's response."""
    status, headers, body = answer_to(error, ours=True)
    decoded = {name.decode(): value.decode() for name, value in headers}
    return HttpResponse(body, status=status, headers=decoded)
