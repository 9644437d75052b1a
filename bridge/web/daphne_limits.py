"""The limits of `guard` for daphne, which reads a whole body before it calls an application."""

import time
from functools import partial
from typing import Any, ClassVar
from urllib.parse import unquote

import daphne.server  # type: ignore[import-untyped]
from daphne.http_protocol import HTTPFactory, WebRequest  # type: ignore[import-untyped]
from twisted.internet import reactor

from bridge import files
from bridge.errors import BridgeError, Code
from bridge.infra import bodies

LOOK_EVERY = 2.0
"""Seconds between two checks of how much has arrived."""
BUFFERED = 100_000
"""Bytes above which Twisted stores a body in a file."""

clock: Any = reactor


def hold(*, elsewhere: int | None) -> None:
    """Replace daphne's factory, which it creates after it has loaded the application.

    `elsewhere`: as for `guard.Guard`.
    """
    Factory.elsewhere = elsewhere
    daphne.server.HTTPFactory = Factory


class Factory(HTTPFactory):  # type: ignore[misc]
    elsewhere: ClassVar[int | None] = None

    def buildProtocol(self, address: Any) -> Any:
        protocol = super().buildProtocol(address)
        protocol.requestFactory = partial(Request, elsewhere=self.elsewhere)
        return protocol


class Request(WebRequest):  # type: ignore[misc]
    """A request that checks its body while it arrives."""

    def __init__(self, *args: Any, elsewhere: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._elsewhere = elsewhere
        self._came, self._since, self._refused = 0, time.monotonic(), False
        self._largest: int | None = None
        self._ours = False
        self._look: Any = None

    def gotLength(self, announced: int | None) -> None:
        super().gotLength(announced)
        length = announced or 0
        if announced == 0:
            return
        # Twisted gives a request its URL only after its body.
        target = unquote(bytes(getattr(self.channel, "_path", b"")).partition(b"?")[0].decode("latin-1"))
        limit = bodies.largest_of(target, root=self.server.root_path)
        self._ours, self._largest = limit is not None, self._elsewhere if limit is None else limit
        if self._largest is None:
            return
        if length > self._largest:
            self._refuse(bodies.too_large(self._largest))
            return
        try:
            if length >= BUFFERED:
                files.check_room(length)
        except files.NoRoom:
            text = "The server is at its limit. Please try again in a moment."
            self._refuse(BridgeError(Code.UNAVAILABLE, text, reason="full"))
        else:
            self._look = clock.callLater(LOOK_EVERY, self._check)

    def handleContentChunk(self, data: bytes) -> None:
        if self._refused:
            return
        self._came += len(data)
        if self._largest is not None and self._came > self._largest:
            self._refuse(bodies.too_large(self._largest))
            return
        super().handleContentChunk(data)

    def requestReceived(self, *args: Any) -> None:
        self._forget()
        if self._refused:
            self.channel.loseConnection()
        else:
            super().requestReceived(*args)

    def connectionLost(self, reason: Any) -> None:
        self._forget()
        super().connectionLost(reason)

    def _check(self) -> None:
        self._look = None
        if time.monotonic() - self._since > bodies.seconds_for(self._came):
            self._refuse(bodies.too_slow())
        else:
            self._look = clock.callLater(LOOK_EVERY, self._check)

    def _refuse(self, error: BridgeError) -> None:
        self._forget()
        self._refused = True
        self.content.truncate(0)
        status, headers, body = bodies.answer_to(error, ours=self._ours)
        head = [b"HTTP/1.1 %d Refused" % status, b"connection: close"]
        head += [name + b": " + value for name, value in headers]
        self.channel.transport.write(b"\r\n".join([*head, b"", body]))
        clock.callLater(bodies.LINGER, self._part)

    def _part(self) -> None:
        if self.channel is not None:
            self.channel.loseConnection()

    def _forget(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
