"""`manage.py chat`: the chat in a terminal, as a visitor or, with --staff, as somebody of the team."""

import asyncio
import signal
import sys
from argparse import ArgumentParser
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.core.management.base import BaseCommand, CommandError

from bridge.chat import publishing
from bridge.conf import settings
from bridge.infra import addresses, redis
from bridge.services.terminal import reading, typed
from bridge.services.terminal.staff import Staff
from bridge.services.terminal.terminal import opened
from bridge.services.terminal.visitor import Visitor

HERE = "http://127.0.0.1:8000"


class Command(BaseCommand):
    help = "Chat in the terminal: as a visitor, or with --staff as somebody of the team. Ctrl-D leaves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--staff", action="store_true", help="answer visitors: on this site's database")
        parser.add_argument("--user", help="with --staff: as this user of the site")
        parser.add_argument("--url", help=f"as a visitor: of this site; SITE_URL, else {HERE}")
        parser.add_argument("--inbox", default="default", help="as a visitor: of this chat")
        parser.add_argument("--nick", help="as a visitor: be called so")
        parser.add_argument("--new", action="store_true", help="as a visitor: somebody who was never here")

    def handle(self, *args: Any, **options: Any) -> None:
        author = None
        if options["staff"]:
            try:
                author = reading.staff_named(options["user"])
            except reading.NobodySuch as error:
                raise CommandError(str(error)) from None
            redis.start()
        elif options["user"]:
            raise CommandError("--user goes with --staff.")
        try:
            asyncio.run(run(author, options))
        except BrokenPipeError:
            # Whoever read our lines has gone. Nobody is left to be told; nor is there at the interpreter's end.
            sys.stdout = None


async def run(author: Any, options: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    publishing.use_loop(loop)
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel if task else loop.stop)
    side: Staff | Visitor | None = None
    with opened(lambda before: typed.completions(side, before) if side else ()) as terminal:
        if author is not None:
            side = Staff(terminal, author)
        else:
            url = address(options["url"])
            kept = None if options["new"] else token_file(url, options["inbox"])
            side = Visitor(terminal, url=url, inbox=options["inbox"], nick=options["nick"], kept=kept)
        try:
            await side.start()
            await typed.converse(side, terminal)
        except asyncio.CancelledError:
            # Asked to leave, by a signal: as by Ctrl-D.
            return
        finally:
            await side.stop()


def address(url: str | None) -> str:
    """Of the socket. Raises CommandError for what cannot be one."""
    parts = urlsplit(url or settings.SITE_URL or HERE)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in {"ws", "wss"} or not parts.hostname:
        raise CommandError(f"{url} is no address of a chat: say ws://host/ or https://host/.")
    # The address of a site, which may stand below a path; or the socket's own.
    is_sites = parts.scheme in {"http", "https"} or parts.path in {"", "/"}
    is_sites = is_sites and not parts.path.endswith(addresses.SOCKET)
    path = parts.path.rstrip("/") + addresses.SOCKET if is_sites else parts.path
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def token_file(url: str, inbox: str) -> Path:
    """Where the visitor's token for this chat is kept: whoever reads it is him."""
    name = sha256(f"{url} {inbox}".encode()).hexdigest()[:16]
    return settings.VAR_DIR / "chat" / f"{name}.token"
