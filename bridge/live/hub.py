"""Hands the events of other processes to the sockets of this one, each serialised once."""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Protocol

from bridge.chat.publishing import PUBLISH_TIMEOUT, WEB_GROUP, Change, channel_layer
from bridge.infra.tasks import cancel_and_wait
from bridge.protocol import CLOSE_TRY_LATER

STALE_AFTER = 10.0
"""Seconds on the way after which a frame is not worth handing out: its socket is closed and catches up by itself."""
LOST_AFTER = 5.0

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """A socket, as the hub sees it."""

    name: str

    def deliver(self, text: str) -> None:
        """Send an event. Never waits."""

    def end(self, code: int) -> None:
        """Close it, with this code."""

    def follow(self, connection: str) -> None:
        """Its visitor has this conversation too, from now on."""


class Hub:
    """The sockets of this process, and which conversations and visitors they listen to."""

    def __init__(self) -> None:
        # By the uid of a conversation, and by the names of a visitor (`Session.subscribed_as`).
        self.listeners: dict[str, set[Listener]] = {}
        self.heard_at = 0.0
        # What staff forbid has changed.
        self.moderated = asyncio.Event()
        # How long the last probe was on its way: what waits for us in the layer waits without bound.
        self._lag = 0.0
        self._task: asyncio.Task[None] | None = None
        self._channel = ""

    def join(self, listener: Listener, *names: str) -> None:
        for name in names:
            self.listeners.setdefault(name, set()).add(listener)

    def leave(self, listener: Listener, *names: str) -> None:
        for name in names:
            listeners = self.listeners.get(name, set())
            listeners.discard(listener)
            if not listeners:
                self.listeners.pop(name, None)

    @property
    def listening(self) -> bool:
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Subscribe. Raises what the channel layer raises where Redis is away."""
        layer = channel_layer()
        async with asyncio.timeout(LOST_AFTER):
            self._channel = await layer.new_channel()
            await layer.group_add(WEB_GROUP, self._channel)
        self.heard_at = time.monotonic()
        self._lag = 0.0
        self._task = asyncio.create_task(self._listen(self._channel))

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        await cancel_and_wait(task)
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                await channel_layer().group_discard(WEB_GROUP, self._channel)
        except Exception as error:  # noqa: BLE001  # Redis is away: then the subscription is gone, too
            logger.info("The subscription was not given back: %r", error)

    async def restart(self) -> None:
        """Subscribe anew, on new connections."""
        await self.stop()
        await channel_layer().flush()
        await self.start()

    async def probe(self) -> None:
        """Send ourselves a note by way of Redis. `heard_at` tells when the last one came.

        With our own time, and not that of who publishes: the clocks of two machines may be far apart.
        """
        async with asyncio.timeout(PUBLISH_TIMEOUT):
            await channel_layer().send(self._channel, {"type": "web.probe", "at": time.monotonic()})

    async def _listen(self, channel: str) -> None:
        layer = channel_layer()
        while True:
            message = await layer.receive(channel)
            self.heard_at = time.monotonic()
            if message["type"] == "web.frame":
                self.hand_out(message["entries"], stale=self._lag > STALE_AFTER)
            elif message["type"] == "web.moderation":
                self.moderated.set()
            elif message["type"] == "web.probe":
                self._lag = self.heard_at - message["at"]

    def hand_out(self, entries: Iterable[Change], *, stale: bool = False) -> None:
        for connection, frame, visitor, skip in entries:
            listeners = self._listeners(connection, visitor)
            if listeners:
                told = [listener for listener in listeners if listener.name != skip]
                text = frame.decode() if told and not stale else None
                for listener in told:
                    _hand(listener, text)

    def _listeners(self, connection: str, visitor: str | None) -> Iterable[Listener] | None:
        if visitor is not None:
            theirs = self.listeners.get(visitor, ())
            if not connection:
                return theirs
            for listener in theirs:
                listener.follow(connection)
        return self.listeners.get(connection)


def _hand(listener: Listener, text: str | None) -> None:
    try:
        if text is None:
            listener.end(CLOSE_TRY_LATER)
        else:
            listener.deliver(text)
    except Exception:
        # One socket's trouble is not its neighbours'.
        logger.exception("A socket did not take an event")
