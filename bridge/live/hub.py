"""Passes events from all processes to the sockets of this one, and serialises each of them once."""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Protocol

from bridge.chat.publishing import PUBLISH_TIMEOUT, WEB_GROUP, Change, channel_layer
from bridge.infra.tasks import cancel_and_wait
from bridge.protocol import CLOSE_TRY_LATER

STALE_AFTER = 10.0
"""Seconds of delay above which events are not passed on. The sockets are closed, and catch up when they reconnect."""
LOST_AFTER = 5.0

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """A socket, as the hub sees it."""

    name: str

    def deliver(self, text: str) -> None:
        """Send an event. Never waits."""

    def end(self, code: int) -> None:
        """Close the socket with this code."""

    def follow(self, connection: str) -> None:
        """Its visitor now has this conversation, too."""


class Hub:
    """The sockets of this process, and the conversations and visitors whose events they get."""

    def __init__(self) -> None:
        # By the uid of a conversation, and by the names of a visitor (`Session.subscribed_as`).
        self.listeners: dict[str, set[Listener]] = {}
        self.heard_at = 0.0
        # Set when blocks, mutes or forbidden words have changed.
        self.moderated = asyncio.Event()
        # The delay of the last probe. The channel layer's queue for us is unbounded.
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
        """Subscribe. If Redis is unavailable, raises the channel layer's error."""
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
        except Exception as error:  # noqa: BLE001  # Redis is unavailable: then the subscription is gone, too
            logger.info("The subscription could not be removed: %r", error)

    async def restart(self) -> None:
        """Subscribe again, with new connections."""
        await self.stop()
        await channel_layer().flush()
        await self.start()

    async def probe(self) -> None:
        """Send ourselves a message through Redis. `heard_at` is the time of the last one that arrived.

        The delay is measured with our own clock alone, because the clocks of two machines may differ.
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
                recipients = [listener for listener in listeners if listener.name != skip]
                text = frame.decode() if recipients and not stale else None
                for listener in recipients:
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
        # An error in one socket must not affect the others.
        logger.exception("A socket failed to handle an event")
