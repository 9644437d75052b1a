"""Publishes events after a commit: to the web processes, and to whoever carries deliveries.

Whatever changes a conversation publishes here, from any kind of process. A publisher gathers what one turn
of its event loop brought into one frame to the group `web`; the hub of each web process hands the events in
it to its own sockets. An event may be lost without loss: the database holds the truth.
"""

import asyncio
import atexit
import logging
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from channels.layers import BaseChannelLayer, get_channel_layer
from django.db import transaction

from bridge.models import Advance, Connection
from bridge.protocol.frames import event_frame

WEB_GROUP = "web"
BOT_GROUP = "bot"
PUBLISH_TIMEOUT = 1.0
"""Seconds. A hung Redis must not hold up what is already committed."""
MOST_WAITING = 10_000
GATHER = 0.003
"""Seconds before a frame is sent: the answers to those who wrote go first, they wait for them."""
PAUSE = 0.05
"""Seconds between two frames: under load one carries the events, and one nudge, of a few commits.

Each of the two costs as much CPU as a few messages. An event right after another waits this long, which nobody notices.
"""

logger = logging.getLogger(__name__)


class Change(NamedTuple):
    """An event for the sockets that follow a connection; without a connection for the visitor's sockets alone."""

    connection: str
    frame: bytes
    visitor: str | None = None
    """Also to every session of this visitor in this inbox (`pages_of`): a conversation that they do not follow yet."""
    skip: str = ""
    """The name of the socket that need not be told: it wrote this, and its replies say so."""


def pages_of(visitor: uuid.UUID, inbox: int) -> str:
    """The hub's name for a visitor's sessions in one inbox: who is logged in to the site is one visitor in all."""
    return f"{inbox}/{visitor}"


def pages_beside(connection: Connection) -> str | None:
    """Those that are told of a closed conversation: no page follows one that ended before it was loaded, and what comes
    in there is for its visitor, too.
    """
    if connection.visitor is None or connection.is_open:
        return None
    return pages_of(connection.visitor, connection.inbox_id)


class Publisher:
    """Sends what is published to the channel layer, from one event loop. At most once, never in the way."""

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
        """From any thread."""
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
        except Exception as error:  # noqa: BLE001  # whatever it is: the change is committed, sync brings it
            self.failures += 1
            # Once, and not with every commit: a program of somebody's may run where no Redis is.
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
    """This process's publisher: on the loop of its sockets, else on a thread of its own.

    An admin action runs in a thread, a management command has no loop at all.
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
    """A command may end right after its last change: give it the time to be heard of."""
    until = time.monotonic() + PUBLISH_TIMEOUT
    while not publisher.idle() and time.monotonic() < until:
        time.sleep(0.005)


def use_loop(loop: asyncio.AbstractEventLoop) -> Publisher:
    """Publish from this loop from now on: the one whose sockets the process serves."""
    global _publisher
    with _publisher_lock:
        if _publisher is None or _publisher.loop is not loop:
            _publisher = Publisher(loop)
        return _publisher


def publish(changes: Sequence[Change], *, nudge: bool = False) -> None:
    """Tell the browsers, and with `nudge` the bot that deliveries wait. After the commit, from any thread.

    Never raises and never waits for Redis.
    """
    bot = [("nudge", {"type": "bot.nudge"})] if nudge else []
    try:
        _current().add(changes, bot)
    except RuntimeError:
        # The loop was closed in this very moment.
        logger.warning("%d events were not published, because the process is ending", len(changes))


def publish_on_commit(changes: Sequence[Change], *, nudge: bool = False) -> None:
    if changes or nudge:
        transaction.on_commit(partial(publish, changes, nudge=nudge), robust=True)


def publish_change(
    event: str,
    payload: object,
    *,
    connection: Connection,
    advance: Advance,
    pages: str | None,
    nudge: bool = False,
) -> None:
    """The event of a change that took these revisions, once it is committed. `pages`: as `Change.visitor`."""
    uid = str(connection.uid)
    frame = event_frame(event, payload, connection=uid, since=advance.since, revision=advance.revision)
    publish_on_commit([Change(uid, frame, pages)], nudge=nudge)


def tell(connection: str, event: str, payload: object, *, skip: str = "") -> None:
    """An event that changes nothing: typing, receipts, who comes and goes. `skip`: the socket that knows."""
    frame = event_frame(event, payload, connection=connection)
    _current().add([Change(connection, frame, skip=skip)])


def tell_visitor(visitor: str, frame: bytes) -> None:
    """An event for every page that this visitor has open, whatever it shows."""
    _current().add([Change("", frame, visitor)])


def tell_moderation() -> None:
    """Staff forbade or allowed somebody something: every web process looks at once, after the commit."""
    message = ("moderation", {"type": "web.moderation"})
    transaction.on_commit(lambda: _current().add([], [message]), robust=True)


def tell_bot(news: Literal["typing", "read", "card"], connection: str) -> None:
    """The visitor is writing in this connection or has read on; or more is known of them than its card says."""
    _current().add([], [(f"{news} {connection}", {"type": f"bot.{news}", "connection": connection})])


def channel_layer() -> BaseChannelLayer:
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("CHANNEL_LAYERS has no default")
    return layer
