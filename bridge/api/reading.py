"""Reads the messages for a service, in a loop that a restart may interrupt at any point."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Any, Literal

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
"""Seconds between two queries if no nudge arrives."""
PATIENCE = 60.0

_CHANGES: dict[str, Literal["posted", "edited", "deleted"]] = {
    Delivery.Operation.POST: "posted",
    Delivery.Operation.EDIT: "edited",
    Delivery.Operation.DELETE: "deleted",
}


@dataclass(frozen=True)
class Messages:
    """The messages for a service: in all of its conversations, or in one `connection`. For `for` and `async for`.

    A message is finished when the loop asks for the next one. If a reader stops before that, or takes longer than
    `patience` seconds, the next reader of this service reads it again, with the same `uid`. Any number of processes can
    read one service; each conversation is read by one of them at a time, in order. A service does not get its own
    messages. Each loop reads independently.

    Args:
        name: reads one connection from its beginning, independently of all other readers, from a position that is
            stored under this name. Messages from any endpoint of `service` are left out.
        changes: also yield edits and deletions of messages that were read before. Not with a `name`.
        follow: wait for new messages; otherwise the loop ends when nothing is left.

    Raises:
        ValueError: if these do not go together.
    """

    service: str
    _: KW_ONLY
    connection: Connection | None = None
    name: str = ""
    changes: bool = False
    follow: bool = True
    patience: float = PATIENCE

    def __post_init__(self) -> None:
        if self.service == WEB and not self.name:
            raise ValueError("to read messages for browsers, give the reader a name and a connection")
        if not self.name and _is_carried(self.service):
            raise ValueError(
                f"what arrives for {self.service} is delivered by its class, so it cannot be read here"
            )
        if self.name and (self.connection is None or self.changes or len(self.name) > 64):
            raise ValueError(
                "a named reader reads the messages of one connection, and its name has at most 64 characters"
            )

    def _source(self) -> "_Bookmark | _Lines":
        if self.name and self.connection is not None:
            return _Bookmark(self.name, self.service, self.connection)
        pk = self.connection.row.pk if self.connection else None
        patience = timedelta(seconds=self.patience)
        return _Lines(self.service, connection=pk, changes=self.changes, lasts=patience)

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
                elif self.follow:
                    time.sleep(POLL)
                else:
                    return
        finally:
            source.leave()

    async def __aiter__(self) -> AsyncIterator[Message]:
        source = self._source()
        news = asyncio.Event()

        def wake(message: dict[str, Any]) -> None:
            if message["type"] == "bot.nudge":
                news.set()

        listening = asyncio.create_task(listen(wake)) if self.follow else None
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
                elif self.follow:
                    await _wait(news)
                else:
                    return
        finally:
            if listening is not None:
                await cancel_and_wait(listening)
            await sync_to_async(source.leave)()

    def _bear(self, error: Exception) -> None:
        """A reader that follows waits until the database is back."""
        if not self.follow:
            raise error
        logger.warning("The database is unavailable; messages will be read later: %r", error)
        close_old_connections()


async def _wait(news: asyncio.Event) -> None:
    """Wait for a nudge, for up to POLL seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(news.wait(), POLL)


messages = Messages


def _is_carried(service: str) -> bool:
    service_class = services.find(service)
    return service_class is not None and not issubclass(service_class, Everything)


class _Lines:
    """The lines of a service. The messages that wait in them have not been read."""

    def __init__(self, service: str, *, connection: int | None, changes: bool, lasts: timedelta) -> None:
        self._service, self._connection, self._changes, self._lasts = service, connection, changes, lasts
        self._clock = Clock()
        self._line: lines.Line | None = None
        self._done: tuple[int, ...] = ()

    def next(self) -> Message | None:
        """The next message, or None if there is none. The previous message is finished. Blocks."""
        while (line := self._line or self._claim()) is not None:
            self._line = line
            try:
                piece = next_piece(line, done=self._done, changes=self._changes, clock=self._clock)
            except LineLost:
                logger.info(
                    "Line %s was taken over by another reader, because this one took too long.",
                    line.endpoint_id,
                )
                piece = None
            if piece is not None:
                self._done = piece.deliveries
                endpoint = piece.endpoint
                connection = Connection(endpoint.connection, endpoint)
                return message_of(piece.message, connection, change=_CHANGES[piece.change])
            self._line, self._done = None, ()
        return None

    def _claim(self) -> lines.Line | None:
        claimed = lines.claim(
            self._service, limit=1, clock=self._clock, lasts=self._lasts, connection=self._connection
        )
        return claimed[0] if claimed else None

    def leave(self) -> None:
        if self._line is not None:
            # Without a database, the line is free when the claim expires.
            with contextlib.suppress(LineLost, InterfaceError, OperationalError):
                lines.leave(self._line, clock=self._clock)
            self._line = None


class _Bookmark:
    """One conversation from its beginning. Positions are taken under the row's lock, so none is committed late."""

    def __init__(self, name: str, service: str, connection: Connection) -> None:
        self._name, self._service, self._connection = name, service, connection
        self._passed: tuple[int, int] | None = None

    def next(self) -> Message | None:
        row = self._connection.row
        cursor, _ = Cursor.objects.get_or_create(name=self._name, connection=row)
        if self._passed is not None:
            before, after = self._passed
            # If another reader of this name was faster, its position is used.
            Cursor.objects.filter(pk=cursor.pk, seq=before).update(seq=after)
            self._passed = None
            cursor.refresh_from_db(fields=["seq"])
        head = ConnectionRow.objects.values_list("last_seq", flat=True).get(pk=row.pk)
        unread = MessageRow.objects.filter(connection=row, seq__gt=cursor.seq, deleted_at__isnull=True)
        others = unread.exclude(service=self._service).order_by("seq")
        message = others.select_related("author", "reply_to").first()
        if message is None:
            # Messages that were left out do not have to be looked at again.
            Cursor.objects.filter(pk=cursor.pk, seq=cursor.seq).update(seq=max(head, cursor.seq))
            return None
        self._passed = (cursor.seq, message.seq)
        return message_of(message, self._connection)

    def leave(self) -> None:
        """Does nothing, because there is no claim to release."""
