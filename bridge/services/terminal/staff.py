"""The terminal of somebody of the team: a list of conversations, one of them open, answers into it.

In process, on the database and Redis. Whoever may run this may read the database, so it asks for no password.
"""

import asyncio
import contextlib
import logging
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from bridge.chat.actions import close_connection
from bridge.chat.actions.places import add_endpoint, remove_place
from bridge.chat.actions.receiving import Incoming, RemoteAuthor, participant_of, receive_message
from bridge.delivery.nudges import listen
from bridge.delivery.outbox import Outbox
from bridge.infra import redis
from bridge.infra.clock import Clock
from bridge.infra.database import DatabaseThreads
from bridge.infra.tasks import end
from bridge.models import Connection, Endpoint, Message, Participant
from bridge.presence import online, team
from bridge.services.terminal import reading
from bridge.services.terminal.places import Places
from bridge.services.terminal.service import ConsoleService, Shown
from bridge.services.terminal.terminal import Terminal
from bridge.services.terminal.text import note, one_line, said
from bridge.services.terminal.typed import Deed

logger = logging.getLogger(__name__)

BEAT = 10.0
"""Seconds between two signs of life."""


class Staff:
    def __init__(self, terminal: Terminal, author: RemoteAuthor) -> None:
        self._terminal = terminal
        self._author = author
        self._database = DatabaseThreads("console", threads=1)
        self._places = Places(secrets.token_hex(8))
        self._here: set[str] = set()
        service = ConsoleService(self._put)
        self._outbox = Outbox(service, clock=Clock(), database=self._database, places=self._here)
        self._connection: Connection | None = None
        self._endpoint: Endpoint | None = None
        # The places of the first and the last message on the screen.
        self._first = self._last = 0
        self._codes: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.deeds = {
            "list": Deed(self.list, "/list", "conversations, newest first"),
            "rooms": Deed(self.rooms, "/rooms", "rooms"),
            "open": Deed(self.open, "/open CODE", "go on with this conversation or room"),
            "more": Deed(self.more, "/more", "what was said earlier"),
            "members": Deed(self.members, "/members", "who is in this conversation"),
            "nick": Deed(self.nick, "/nick NAME", "what visitors call you"),
            "close": Deed(self.close, "/close", "end this conversation"),
            "leave": Deed(self.leave, "/leave", "leave it; it goes on without you"),
        }

    async def start(self) -> None:
        await self._database.run(self._places.tidy)
        self._tasks = [
            asyncio.create_task(self._outbox.run()),
            asyncio.create_task(listen(self._heard)),
            asyncio.create_task(self._live()),
        ]
        self._note(f"You are {self._author.nick}. /help says what you can do.")
        await self.list("")

    async def stop(self) -> None:
        """Nothing is carried here from now on."""
        await self._outbox.stop()
        await end(*self._tasks)
        await self._go()
        with contextlib.suppress(redis.RedisError):
            await self._places.forget()
        await self._database.close()

    @property
    def prompt(self) -> str:
        connection = self._connection
        return one_line(connection.slug or connection.code) if connection else ""

    def words(self) -> Iterable[str]:
        return sorted(self._codes)

    async def ready(self) -> None:
        """From the start."""

    async def drained(self) -> None:
        """Everything that was said is stored already."""

    async def say(self, text: str) -> None:
        if self._endpoint is None:
            self._wrong("Open a conversation first: /list, then /open CODE.")
            return
        incoming = Incoming(uuid.uuid4().hex, self._author, text, created_at=timezone.now())
        message = await self._database.run(receive_message, self._endpoint.pk, incoming)
        if message is None:
            self._wrong("This room is closed.")
            return
        self._show(message, own=True)
        await self._seen()

    async def list(self, rest: str) -> None:
        await self._list(rooms=False, nothing="Nobody has written yet.")

    async def rooms(self, rest: str) -> None:
        await self._list(rooms=True, nothing="There is no room.")

    async def _list(self, *, rooms: bool, nothing: str) -> None:
        found = await self._database.run(reading.conversations, rooms=rooms)
        self._codes |= {each.code for each in found}
        rows = [f"{each.code}  {one_line(each.title)}  {one_line(each.said)}".rstrip() for each in found]
        self._note("\n".join(rows) or nothing)

    async def open(self, rest: str) -> None:
        connection = await self._database.run(reading.find, rest.lower())
        if connection is None:
            self._wrong("There is no such conversation, or there are several: /list names them.")
            return
        await self._go()
        place = self._places.name_of(connection.uid)
        # Carried here before it is read, so that nothing falls between the two.
        endpoint, _ = await self._database.run(
            add_endpoint, connection.pk, service="console", remote_id=place
        )
        page = await self._database.run(reading.messages, connection.pk)
        self._connection, self._endpoint = connection, endpoint
        self._codes.add(self.prompt)
        self._first, self._last = (page[0].seq, page[-1].seq) if page else (0, 0)
        self._note(f"--- {connection.name or connection.nick} ({self.prompt}), {connection.state} ---")
        for message in page:
            self._show(message)
        self._here.add(place)
        self._outbox.nudge()
        await self._seen()

    async def more(self, rest: str) -> None:
        if self._connection is None:
            return
        page = await self._database.run(reading.messages, self._connection.pk, before=self._first)
        if not page:
            self._note("This is where it began.")
            return
        self._first = page[0].seq
        self._note("--- earlier ---")
        for message in page:
            self._show(message)
        self._note("--- until here ---")

    async def members(self, rest: str) -> None:
        if self._connection is None:
            return
        found = await self._database.run(reading.people, self._connection.pk)
        there = await asyncio.to_thread(_is_online, self._connection)
        rows = [f"{each.role:7} {one_line(each.nick)}" for each in found]
        self._note("\n".join([*rows, there]))

    async def nick(self, rest: str) -> None:
        name = one_line(rest)[:80]
        if name:
            self._author = replace(self._author, nick=name)
        self._note(f"You are {self._author.nick}.")

    async def close(self, rest: str) -> None:
        if self._connection is not None and self._connection.kind == Connection.Kind.PRIVATE:
            await self._database.run(self._end, self._connection)
            self._note("It has ended. What is written to it opens it again.")
        else:
            self._wrong("Only a visitor's conversation is closed here; a room is closed in the admin.")

    def _end(self, connection: Connection) -> None:
        assert self._endpoint is not None  # noqa: S101  # as long as a conversation is open here
        close_connection(connection, by=participant_of(self._endpoint, self._author), at=self._endpoint)

    async def leave(self, rest: str) -> None:
        await self._go()

    async def _go(self) -> None:
        """Out of the open conversation."""
        endpoint, self._endpoint, self._connection = self._endpoint, None, None
        self._here.clear()
        if endpoint is not None:
            await self._database.run(remove_place, endpoint.pk)

    async def _seen(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(redis.RedisError):
                await team.staff_seen(self._connection.inbox_id)

    async def _live(self) -> None:
        """Be known to be alive; and open again what another terminal took for a crash's."""
        while True:
            with contextlib.suppress(redis.RedisError):
                await self._places.beat()
            if (endpoint := self._endpoint) is not None and endpoint.remote_id:
                await self._come_back(endpoint, endpoint.remote_id)
            await asyncio.sleep(BEAT)

    async def _come_back(self, endpoint: Endpoint, place: str) -> None:
        pk = endpoint.connection_id
        found, made = await self._database.run(add_endpoint, pk, service="console", remote_id=place)
        if not made or self._endpoint is not endpoint:
            return
        self._endpoint = found
        for message in await self._database.run(reading.messages, pk, after=self._last):
            self._show(message)

    def _heard(self, message: dict[str, Any]) -> None:
        if message["type"] == "bot.nudge":
            self._outbox.nudge()

    def _put(self, shown: Shown) -> None:
        """What the outbox brings. A message that the history had already is not shown again."""
        if shown.place not in self._here:
            return
        if shown.change == "post" and shown.seq <= self._last:
            return
        self._last = max(self._last, shown.seq)
        change = {"post": "", "edit": "(edited) ", "delete": "(deleted)"}[shown.change]
        self._said(shown.created_at, shown.name, shown.role, change + shown.text)

    def _show(self, message: Message, *, own: bool = False) -> None:
        author = message.author
        self._last = max(self._last, message.seq)
        name, role = (author.nick, author.role) if author else ("", Participant.Role.SYSTEM)
        self._said(message.created_at, name, role, reading.text_of(message), own=own)

    def _said(self, at: datetime, name: str, role: str, text: str, *, own: bool = False) -> None:
        staff = role == Participant.Role.STAFF
        style = "class:own" if own else "class:staff" if staff else ""
        when = f"{timezone.localtime(at):%H:%M}"
        lines = said(when=when, name=name, text=text, staff=staff, style=style, width=self._terminal.width)
        self._terminal.show(lines)

    def _note(self, text: str) -> None:
        self._terminal.show(note(text))

    def _wrong(self, text: str) -> None:
        self._terminal.show(note(text, "class:wrong"))


def _is_online(connection: Connection) -> str:
    try:
        here = online.is_open(connection)
    except redis.RedisError:
        return "Redis is away: nobody knows who is here just now."
    return "A visitor has it open." if here else "No visitor has it open."
