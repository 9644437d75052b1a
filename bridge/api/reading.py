"""What arrives for a service, read in a loop that a restart may interrupt at any point."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any, Literal, Protocol

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, close_old_connections

from bridge import services
from bridge.api.connections import Connection, Message, message_of
from bridge.delivery import LineLost, lines
from bridge.delivery.nudges import listen
from bridge.delivery.reading import next_piece
from bridge.infra.clock import Clock
from bridge.infra.tasks import cancel_and_wait
from bridge.models import WEB, Cursor, Delivery
from bridge.models import Connection as ConnectionRow
from bridge.models import Message as MessageRow
from bridge.services.everything import Everything

logger = logging.getLogger(__name__)

POLL = 1.0
"""Seconds between two looks where nobody tells of something new."""
PATIENCE = 60.0

_CHANGES: dict[str, Literal["posted", "edited", "deleted"]] = {
    Delivery.Operation.POST: "posted",
    Delivery.Operation.EDIT: "edited",
    Delivery.Operation.DELETE: "deleted",
}


def messages(
    service: str,
    *,
    connection: Connection | None = None,
    name: str = "",
    changes: bool = False,
    follow: bool = True,
    patience: float = PATIENCE,
) -> "Messages":
    """What arrives for a service: in all of its conversations, or in one `connection`. For `for` and `async for`.

    Each message is done with when the loop comes back for the next. One whose reader stops before that, or takes longer
    than `patience` seconds, is read again, by whoever reads this service next: at least once, and its `uid` tells that
    it is the same. Any number of processes may share the work; what is said in one conversation is read by one of them
    at a time, in order. What this service says itself is not among it.

    Args:
        name: reads one connection from its beginning on, independent of all other readers, with a place in it that
            is stored under this name. What `service` says itself, from any of its places, is left out.
        changes: edits and deletions of messages that were read before, too. Not with a `name`.
        follow: wait for what comes; else it ends where nothing is left.

    Raises:
        ValueError: where these do not go together.
    """
    if service == WEB and not name:
        raise ValueError("to read messages for browsers, give the reader a name and a connection")
    if not name and _is_carried(service):
        raise ValueError(f"what arrives for {service} is delivered by its class, so it cannot be read here")
    if name and (connection is None or changes or len(name) > 64):
        raise ValueError(
            "a named reader reads the messages of one connection, and its name has at most 64 characters"
        )
    return Messages(service, connection, name=name, changes=changes, follow=follow, patience=patience)


def _is_carried(service: str) -> bool:
    found = services.find(service)
    return found is not None and not issubclass(found, Everything)


class Source(Protocol):
    """Where messages are read from. Blocks."""

    def next(self) -> Message | None:
        """The message before is done with. None while there is no other."""

    def leave(self) -> None:
        """Whatever was not done with is anybody's."""


class Messages:
    """What `messages` returns. Each loop over it reads by itself."""

    def __init__(
        self,
        service: str,
        connection: Connection | None,
        *,
        name: str,
        changes: bool,
        follow: bool,
        patience: float,
    ) -> None:
        self._service, self._connection, self._name = service, connection, name
        self._changes, self._follow, self._patience = changes, follow, timedelta(seconds=patience)

    def _source(self) -> Source:
        if self._name and self._connection is not None:
            return _Bookmark(self._name, self._service, self._connection)
        pk = self._connection.row.pk if self._connection else None
        return _Lines(self._service, connection=pk, changes=self._changes, lasts=self._patience)

    def __iter__(self) -> Iterator[Message]:
        source = self._source()
        try:
            while True:
                try:
                    message = source.next()
                except (InterfaceError, OperationalError) as error:
                    self._bear(error)
                    message = None
                if message is not None:
                    yield message
                elif self._follow:
                    time.sleep(POLL)
                else:
                    return
        finally:
            source.leave()

    async def __aiter__(self) -> AsyncIterator[Message]:
        source = self._source()
        news = asyncio.Event()
        listening = asyncio.create_task(listen(_waker(news))) if self._follow else None
        try:
            while True:
                news.clear()
                try:
                    message = await sync_to_async(source.next)()
                except (InterfaceError, OperationalError) as error:
                    await sync_to_async(self._bear)(error)
                    message = None
                if message is not None:
                    yield message
                elif self._follow:
                    await _wait(news)
                else:
                    return
        finally:
            if listening is not None:
                await cancel_and_wait(listening)
            await sync_to_async(source.leave)()

    def _bear(self, error: Exception) -> None:
        """Who follows waits for a database that is away."""
        if not self._follow:
            raise error
        logger.warning("The database is unavailable; messages will be read later: %r", error)
        close_old_connections()


async def _wait(news: asyncio.Event) -> None:
    """Until there are any, or it is time to look anyway."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(news.wait(), POLL)


def _waker(news: asyncio.Event) -> Callable[[dict[str, Any]], None]:
    def heard(message: dict[str, Any]) -> None:
        if message["type"] == "bot.nudge":
            news.set()

    return heard


class _Lines:
    """The lines of a service: what waits in them is what has not been read."""

    def __init__(self, service: str, *, connection: int | None, changes: bool, lasts: timedelta) -> None:
        self._service, self._connection, self._changes, self._lasts = service, connection, changes, lasts
        self._clock = Clock()
        self._line: lines.Line | None = None
        self._done: tuple[int, ...] = ()

    def next(self) -> Message | None:
        while (line := self._line or self._claim()) is not None:
            self._line = line
            try:
                piece = next_piece(line, done=self._done, changes=self._changes, clock=self._clock)
            except LineLost:
                logger.info(
                    "Line %s was taken over by another reader, because this one took too long.",
                    line.endpoint_id,
                )
                self._line, self._done = None, ()
                continue
            if piece is None:
                self._line, self._done = None, ()
                continue
            self._done = piece.deliveries
            seen_from = Connection(piece.endpoint.connection, piece.endpoint)
            return message_of(piece.message, seen_from, change=_CHANGES[piece.change])
        return None

    def _claim(self) -> lines.Line | None:
        found = lines.claim(
            self._service, limit=1, clock=self._clock, lasts=self._lasts, connection=self._connection
        )
        return found[0] if found else None

    def leave(self) -> None:
        if self._line is not None:
            # Where the database is away, it is anybody's once the claim runs out.
            with contextlib.suppress(LineLost, InterfaceError, OperationalError):
                lines.leave(self._line, clock=self._clock)
            self._line = None


class _Bookmark:
    """One conversation from its beginning on. Its places are given under its row's lock, so none comes in late."""

    def __init__(self, name: str, service: str, connection: Connection) -> None:
        self._name, self._service, self._connection = name, service, connection
        self._passed: tuple[int, int] | None = None

    def next(self) -> Message | None:
        row = self._connection.row
        cursor, _ = Cursor.objects.get_or_create(name=self._name, connection=row)
        if self._passed is not None:
            before, after = self._passed
            # Where another reader of this name was faster, its place counts.
            Cursor.objects.filter(pk=cursor.pk, seq=before).update(seq=after)
            self._passed = None
            cursor.refresh_from_db(fields=["seq"])
        head = ConnectionRow.objects.values_list("last_seq", flat=True).get(pk=row.pk)
        unread = MessageRow.objects.filter(connection=row, seq__gt=cursor.seq, deleted_at__isnull=True)
        others = unread.exclude(service=self._service).order_by("seq")
        message = others.select_related("author", "reply_to").first()
        if message is None:
            # What is passed over need not be passed over again.
            Cursor.objects.filter(pk=cursor.pk, seq=cursor.seq).update(seq=max(head, cursor.seq))
            return None
        self._passed = (cursor.seq, message.seq)
        return message_of(message, self._connection)

    def leave(self) -> None:
        """Nobody is kept from reading on."""
