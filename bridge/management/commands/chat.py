"""`manage.py chat`: the chat in a terminal, as a visitor."""

import asyncio
import contextlib
import signal
import sys
from argparse import ArgumentParser
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.core.management.base import BaseCommand, CommandError

from bridge.conf import settings
from bridge.infra import addresses
from bridge.management.terminal.screen import Screen
from bridge.management.terminal.typed import WORDS, perform_all
from bridge.management.terminal.visitor import Visitor

HERE = "http://127.0.0.1:8000"


class Command(BaseCommand):
    help = "Chat in the terminal, as a visitor. Ctrl-D exits."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", help=f"the address of the site; the default is SITE_URL or {HERE}")
        parser.add_argument("--inbox", default="default", help="the inbox to write to")
        parser.add_argument("--nick", help="the name of the visitor")
        parser.add_argument("--new", action="store_true", help="start as a new visitor")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asyncio.run(run(options))
        except* BrokenPipeError:
            # The reader of our output is gone. Without this, the interpreter would fail again when it flushes stdout.
            sys.stdout = None


async def run(options: dict[str, Any]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel if task else loop.stop)
    url = address(options["url"])
    file = None if options["new"] else token_file(url, options["inbox"])
    screen, lines = Screen(WORDS), asyncio.Queue[str | None]()
    # A signal ends the chat in the same way as Ctrl-D.
    with contextlib.suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as tasks:
            visitor = Visitor(
                screen, tasks, url=url, inbox=options["inbox"], nick=options["nick"], token_file=file
            )
            connecting = tasks.create_task(visitor.client.run())
            reading = tasks.create_task(screen.read_all(lines, lambda: visitor.prompt))
            await perform_all(lines, visitor)
            reading.cancel()
            connecting.cancel()


def address(url: str | None) -> str:
    """The address of the socket. Raises CommandError if `url` cannot be one of a chat."""
    parts = urlsplit(url or settings.SITE_URL or HERE)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in {"ws", "wss"} or not parts.hostname:
        raise CommandError(f"{url} is not the address of a chat: use ws://host/ or https://host/.")
    path = parts.path
    if not path.endswith(addresses.SOCKET) and (parts.scheme in {"http", "https"} or path in {"", "/"}):
        path = path.rstrip("/") + addresses.SOCKET
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def token_file(url: str, inbox: str) -> Path:
    """Where the visitor's token for this chat is stored. Anyone who can read it can act as this visitor."""
    name = sha256(f"{url} {inbox}".encode()).hexdigest()[:16]
    return settings.VAR_DIR / "chat" / f"{name}.token"
