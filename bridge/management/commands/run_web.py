"""`manage.py run_web`: serves the site with uvicorn and our own limits, until SIGTERM or Ctrl-C."""

import asyncio
import logging
import resource
from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.conf import settings as project
from django.core.management.base import BaseCommand, CommandError
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from bridge.conf import settings
from bridge.protocol import MAX_FRAME

REQUESTS = 1000
"""Requests that are served at the same time, in addition to the sockets."""
HEAD_WITHIN = 15.0
"""Seconds in which a client must send the head of a request, and read the end of a reply. It can take twice as long."""
MOST_FILES = 65_536


class PromptH11(H11Protocol):
    """uvicorn's HTTP without slow clients: those that send no request, or do not read the end of the reply."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._check_later(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._check_handle.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """If the body is not HTTP, end the request as if the client had left. uvicorn would also send its answer."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        super().send_400_response(msg)

    def _check_later(self, last: Any) -> None:
        self._check_handle = self.loop.call_later(HEAD_WITHIN, self._check, last)

    def _check(self, last: Any) -> None:
        """`last` is the state at the previous check. A request that is being answered may take longer."""
        if self.transport.get_protocol() is not self:
            return  # it is a WebSocket now
        is_idle = self.cycle is None or self.cycle.response_complete
        state = (self.transport.is_closing(), self.cycle)
        if state == last and (is_idle or self.transport.is_closing()):
            self.transport.abort()
        else:
            self._check_later(state)


class QuietWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, without its answer to a client that has already closed."""

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except InvalidState:
            # uvicorn tries to close for a frame that is not UTF-8, although the client's close came in the same bytes.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()


class Command(BaseCommand):
    help = "Serve ASGI_APPLICATION of the settings with uvicorn, with limits for requests and frames."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--uds", help="listen on this Unix socket instead")
        parser.add_argument("--workers", type=int, default=1, help="processes")

    def handle(self, *args: Any, **options: Any) -> None:
        named = getattr(project, "ASGI_APPLICATION", None)
        if not named:
            raise CommandError("ASGI_APPLICATION is not set: 'yourproject.asgi.application'.")
        open_more_files()
        logging.getLogger("uvicorn.error").addFilter(without_traceback)
        where = (
            {"uds": options["uds"]} if options["uds"] else {"host": options["host"], "port": options["port"]}
        )
        uvicorn.run(":".join(named.rsplit(".", 1)), workers=options["workers"], **where, **uvicorn_options())


def uvicorn_options() -> dict[str, Any]:
    return {
        "http": PromptH11,
        "ws": QuietWebSocket,
        "lifespan": "off",
        # A larger frame, or message of many frames, is never read into memory.
        "ws_max_size": MAX_FRAME,
        # It takes 34 KiB of memory for each socket, and our texts are too short to benefit from it.
        "ws_per_message_deflate": False,
        "limit_concurrency": settings.BRIDGE_SOCKETS + REQUESTS,
        # TRUSTED_PROXIES decides whose X-Forwarded-* headers are used.
        "proxy_headers": False,
        "server_header": False,
        # Django's LOGGING is used. The proxy in front has an access log; this one would contain the keys of links.
        "log_config": None,
        "access_log": False,
    }


def without_traceback(record: logging.LogRecord) -> bool:
    """A frame that is not UTF-8 is not an error of the server: log one line of it instead of twenty."""
    if record.exc_info and isinstance(record.exc_info[1], UnicodeDecodeError):
        record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
    return record.levelno >= logging.getLogger().level


def open_more_files() -> None:
    """Allow as many open files as the system permits, because each socket is one, and the default is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
