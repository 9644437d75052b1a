"""Publishes events after a commit, to the web processes and to the processes that send deliveries.

All changes of a conversation are published here, from any kind of process. A publisher collects the events of a few
milliseconds in one frame to the group `web`; the hub of each web process passes them to its own sockets. Events may
get lost without consequences, because the database has the truth.
"""

import asyncio
import atexit
import logging
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from channels.layers import BaseChannelLayer, get_channel_layer

from bridge.infra.database import after_commit
from bridge.models import Advance, Connection
from bridge.protocol.frames import event_frame

WEB_GROUP = "web"
BOT_GROUP = "bot"
PUBLISH_TIMEOUT = 1.0
"""Seconds. If Redis hangs, it must not delay what is already committed."""
MOST_WAITING = 10_000
GATHER = 0.003
"""Seconds before a frame is sent, so that the replies to the authors, who wait for them, are sent first."""
PAUSE = 0.05
"""Seconds between two frames. Under load, one frame has the events of several commits, with one nudge.

A frame or a nudge takes as much CPU as a few messages. An event right after another waits this long, which is not
noticeable.
"""

logger = logging.getLogger(__name__)


class Change(NamedTuple):
    """An event for the sockets that follow a connection; without a connection, only for the visitor's sockets."""

    connection: str
    frame: bytes
    visitor: str | None = None
    """Also for all sessions of this visitor in this inbox (`pages_of`), which may not follow the conversation yet."""
    skip: str = ""
    """The name of the socket that does not need the event: it made this change and got a reply."""


def pages_of(visitor: uuid.UUID, inbox: int) -> str:
    """The hub's name for a visitor's sessions in one inbox. A user of the site is the same visitor in all inboxes."""
    return f"{inbox}/{visitor}"


def pages_beside(connection: Connection) -> str | None:
    """The sessions that also get the changes of a closed conversation, or None.

    A page does not follow conversations that ended before it was loaded, but late answers are for the visitor too.
    """
    if connection.visitor is None or connection.is_open:
        return None
    return pages_of(connection.visitor, connection.inbox_id)


class Publisher:
    """Sends events to the channel layer, from one event loop. At most once, and without delaying anybody."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.failures = 0
        self._is_heard = True
        self._entries: list[Change] = []
        self._bot: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._scheduled = False
        self._task: asyncio.Task[None] | None = None

    def add(self, entries: Iterable[Change], bot: Iterable[tuple[str, dict[str, Any]]] = ()) -> None:
        """Add events, and nudges by key. From any thread."""
        with self._lock:
            self._entries += entries
            self._bot.update(bot)
            if len(self._entries) > MOST_WAITING:
                self.failures += 1
                del self._entries[:-MOST_WAITING]
            if self._scheduled:
                return
            self._scheduled = True
        self.loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = self.loop.create_task(self._run())

    def _take(self) -> tuple[list[Change], dict[str, dict[str, Any]]]:
        with self._lock:
            entries, bot = self._entries, self._bot
            self._entries, self._bot = [], {}
            self._scheduled = bool(entries or bot)
        return entries, bot

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(GATHER)
            entries, bot = self._take()
            if not entries and not bot:
                return
            if entries:
                await self._send(WEB_GROUP, {"type": "web.frame", "entries": entries})
            for message in bot.values():
                await self._send(WEB_GROUP if message["type"].startswith("web.") else BOT_GROUP, message)
            await asyncio.sleep(PAUSE)

    async def _send(self, group: str, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                await channel_layer().group_send(group, message)
            self._is_heard = True
        except Exception as error:  # noqa: BLE001  # any error: the change is committed, and sync gets it
            self.failures += 1
            # Only once, not with every commit: a program may run where there is no Redis.
            logger.log(
                logging.WARNING if self._is_heard else logging.DEBUG, "An event was not published: %r", error
            )
            self._is_heard = False

    def idle(self) -> bool:
        with self._lock:
            waiting = self._scheduled
        return not waiting and (self._task is None or self._task.done())


_publisher: Publisher | None = None
_publisher_lock = threading.Lock()


def _current() -> Publisher:
    """The publisher of this process: on the loop of its sockets, otherwise in a thread of its own.

    An admin action runs in a thread, and a management command has no loop.
    """
    global _publisher
    with _publisher_lock:
        if _publisher is None or _publisher.loop.is_closed():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="chatbridge-publisher", daemon=True).start()
            _publisher = Publisher(loop)
            atexit.register(_leave, _publisher)
        return _publisher


def _leave(publisher: Publisher) -> None:
    """Wait until everything is sent, because a management command may end right after its last change."""
    until = time.monotonic() + PUBLISH_TIMEOUT
    while not publisher.idle() and time.monotonic() < until:
        time.sleep(0.005)


def use_loop(loop: asyncio.AbstractEventLoop) -> Publisher:
    """From now on, publish from this loop, which serves the sockets of the process."""
    global _publisher
    with _publisher_lock:
        if _publisher is None or _publisher.loop is not loop:
            _publisher = Publisher(loop)
        return _publisher


def publish(changes: Sequence[Change], *, nudge: bool = False) -> None:
    """Send the events to browsers; with `nudge`, also wake the outboxes. After the commit, from any thread.

    Never raises and never waits for Redis.
    """
    bot = [("nudge", {"type": "bot.nudge"})] if nudge else []
    try:
        _current().add(changes, bot)
    except RuntimeError:
        # The loop was closed at this moment.
        logger.warning("%d events were not published, because the process is ending", len(changes))


def publish_on_commit(changes: Sequence[Change], *, nudge: bool = False) -> None:
    if changes or nudge:
        after_commit(publish, changes, nudge=nudge)


def publish_change(
    event: str,
    payload: object,
    *,
    connection: Connection,
    advance: Advance,
    pages: str | None,
    nudge: bool = False,
) -> None:
    """Publish the event of a change with these revisions, after the commit. `pages`: see `Change.visitor`."""
    uid = str(connection.uid)
    frame = event_frame(event, payload, connection=uid, since=advance.since, revision=advance.revision)
    publish_on_commit([Change(uid, frame, pages)], nudge=nudge)


def tell(connection: str, event: str, payload: object, *, skip: str = "") -> None:
    """Publish an event that changes no message: typing, receipts, presence. `skip`: see `Change.skip`."""
    frame = event_frame(event, payload, connection=connection)
    _current().add([Change(connection, frame, skip=skip)])


def tell_visitor(visitor: str, frame: bytes) -> None:
    """Publish an event for all open pages of this visitor, whatever they show."""
    _current().add([Change("", frame, visitor)])


def tell_moderation() -> None:
    """Make every web process read mutes, blocks and revoked tokens, after the commit."""
    message = ("moderation", {"type": "web.moderation"})
    after_commit(lambda: _current().add([], [message]))


def tell_bot(news: Literal["typing", "read", "card"], connection: str) -> None:
    """Tell the bot that the visitor of this connection is typing, has read messages, or has new data for the card."""
    _current().add([], [(f"{news} {connection}", {"type": f"bot.{news}", "connection": connection})])


def channel_layer() -> BaseChannelLayer:
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("CHANNEL_LAYERS has no default")
    return layer
