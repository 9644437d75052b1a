"""`manage.py chat`: the chat in a terminal, as a visitor."""

import asyncio
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
from bridge.management.terminal import typed
from bridge.management.terminal.terminal import opened
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
        except BrokenPipeError:
            # Whoever read our lines has gone. Nobody is left to be told; nor is there at the interpreter's end.
            sys.stdout = None


async def run(options: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel if task else loop.stop)
    visitor: Visitor | None = None
    with opened(lambda before: typed.completions(visitor, before) if visitor else ()) as terminal:
        url = address(options["url"])
        kept = None if options["new"] else token_file(url, options["inbox"])
        visitor = Visitor(terminal, url=url, inbox=options["inbox"], nick=options["nick"], kept=kept)
        try:
            await visitor.start()
            await typed.converse(visitor, terminal)
        except asyncio.CancelledError:
            # Asked to leave, by a signal: as by Ctrl-D.
            return
        finally:
            await visitor.stop()


def address(url: str | None) -> str:
    """Of the socket. Raises CommandError for what cannot be one."""
    parts = urlsplit(url or settings.SITE_URL or HERE)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in {"ws", "wss"} or not parts.hostname:
        raise CommandError(f"{url} is not the address of a chat: use ws://host/ or https://host/.")
    # The address of a site, which may stand below a path; or the socket's own.
    is_sites = parts.scheme in {"http", "https"} or parts.path in {"", "/"}
    is_sites = is_sites and not parts.path.endswith(addresses.SOCKET)
    path = parts.path.rstrip("/") + addresses.SOCKET if is_sites else parts.path
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def token_file(url: str, inbox: str) -> Path:
    """Where the visitor's token for this chat is kept: whoever reads it is him."""
    name = sha256(f"{url} {inbox}".encode()).hexdigest()[:16]
    return settings.VAR_DIR / "chat" / f"{name}.token"
