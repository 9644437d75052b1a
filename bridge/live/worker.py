"""What the sockets of one process share: hub, writer, throttles, presence, and who looks after them."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from typing import Protocol
from uuid import UUID

from django.db import InterfaceError, OperationalError

from bridge.chat import hooks, publishing
from bridge.chat.moderation import Moderation, Proof, blocked, signed_out
from bridge.conf import settings
from bridge.infra import redis
from bridge.infra.database import DatabaseThreads
from bridge.infra.tasks import cancel_and_wait
from bridge.infra.throttling import Throttler
from bridge.live.hub import Hub, Listener
from bridge.live.server_quirks import LIMIT as CLOSING_LIMIT
from bridge.live.server_quirks import before_daphne_stops
from bridge.live.writer import Writer
from bridge.presence import team
from bridge.presence.registry import FLUSH, Registry
from bridge.presence.rooms import announce
from bridge.protocol import (
    CLOSE_FLOODING,
    CLOSE_FORBIDDEN,
    CLOSE_NO_SESSION,
    CLOSE_RESTARTING,
    CLOSE_TRY_LATER,
)
from bridge.protocol.frames import error_frame, event_frame

logger = logging.getLogger(__name__)

BEAT = 2.0
"""Seconds between two looks at Redis and at the sockets."""
LOST_AFTER = 8.0
"""Seconds without our own probe after which the subscription is made anew."""
STOP_LIMIT = 3.0


class Socket(Listener, Protocol):
    """A socket, as its process sees it."""

    def end(self, code: int) -> None:
        """Close it."""

    def check(self, now: float) -> None:
        """End it where its time is over."""

    @property
    def inbox(self) -> int | None:
        """The inbox of its session, once it has started."""

    @property
    def visitor(self) -> UUID | None:
        """Its visitor, once its session has started."""

    @property
    def proof(self) -> Proof | None:
        """What its session rests on, once it has started."""


class Worker:
    """One for each event loop that serves sockets."""

    _current: "dict[asyncio.AbstractEventLoop, Worker]" = {}

    def __init__(self) -> None:
        self.hub = Hub()
        self.writer = Writer()
        self.throttler = Throttler()
        self.presence = Registry(announce)
        self.moderation = Moderation()
        self.database = DatabaseThreads("reader", threads=4)
        self.sockets: set[Socket] = set()
        self.addresses: Counter[str] = Counter()
        self.redis_up = False
        self._staff: dict[int, bool] = {}
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._moderating: asyncio.Task[None] | None = None
        self._empty: asyncio.Event | None = None

    @classmethod
    def current(cls) -> "Worker":
        loop = asyncio.get_running_loop()
        process = cls._current.get(loop)
        if process is None:
            for old in [each for each in cls._current if each.is_closed()]:
                del cls._current[old]
            process = cls._current[loop] = cls()
        return process

    async def ready(self) -> bool:
        """Whether new sockets can be served: the hub hears what happens elsewhere."""
        if self._task is None:
            async with self._starting:
                if self._task is None:
                    publishing.use_loop(asyncio.get_running_loop())
                    await self._beat()
                    self._task = asyncio.create_task(self._look_after())
                    self._flushing = asyncio.create_task(self._flush_presence())
                    self._moderating = asyncio.create_task(self._moderate())
                    before_daphne_stops(self.say_goodbye)
        return self.redis_up

    async def say_goodbye(self) -> None:
        """Write what waits, then close every socket with 1012."""
        await self.writer.drained(limit=STOP_LIMIT)
        for socket in tuple(self.sockets):
            socket.end(CLOSE_RESTARTING)
        if self.sockets:
            # Each leaves in its own task.
            self._empty = asyncio.Event()
            await asyncio.wait([asyncio.create_task(self._empty.wait())], timeout=CLOSING_LIMIT)

    async def stop(self) -> None:
        """Write what waits, then let go of everything."""
        await cancel_and_wait(*filter(None, (self._task, self._flushing, self._moderating)))
        await self.writer.stop(limit=STOP_LIMIT)
        await self.hub.stop()
        try:
            await self.presence.flush()
        except redis.RedisError as error:
            logger.info("The presence of this process's visitors was not removed and will expire: %r", error)
        await asyncio.to_thread(hooks.drain, hooks.STOP_LIMIT)
        await self.database.close()
        Worker._current.pop(asyncio.get_running_loop(), None)

    def enter(self, socket: Socket, address: str) -> int | None:
        """Count it, or return the code to close it with. Waits for nothing: of a burst no more get in than may."""
        if self.addresses[address] >= settings.BRIDGE_SOCKETS_PER_ADDRESS:
            return CLOSE_FLOODING
        if len(self.sockets) >= settings.BRIDGE_SOCKETS:
            return CLOSE_TRY_LATER
        self.sockets.add(socket)
        self.addresses[address] += 1
        return None

    def leave(self, socket: Socket, address: str) -> None:
        if socket in self.sockets:
            self.sockets.discard(socket)
            self.addresses[address] -= 1
            if not self.addresses[address]:
                del self.addresses[address]
        if self._empty is not None and not self.sockets:
            self._empty.set()

    async def staff_online(self, inbox: int) -> bool:
        """As all the inbox's sockets here were told: whoever comes now hears of the next change, too."""
        if inbox not in self._staff:
            try:
                self._staff[inbox] = await team.staff_online(inbox)
            except redis.RedisError:
                return False
        return self._staff[inbox]

    async def _moderate(self) -> None:
        """Know what staff forbid: at once where they say so, every few seconds in case that was lost."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self.hub.moderated.wait()
            self.hub.moderated.clear()
            if not self.sockets:
                continue
            try:
                await self.look_at_moderation()
            except (OperationalError, InterfaceError) as error:
                logger.warning("Mutes, blocks and revocations will be read later: %r", error)
            except Exception:
                logger.exception("Mutes, blocks and revocations could not be read")

    async def look_at_moderation(self) -> None:
        inboxes = {socket.inbox for socket in self.sockets if socket.inbox is not None}
        await self.database.run(self.moderation.refresh, inboxes)
        for socket in tuple(self.sockets):
            if self.moderation.is_blocked(socket.inbox, socket.visitor):
                socket.deliver(error_frame(None, blocked()).decode())
                socket.end(CLOSE_FORBIDDEN)
            elif self.moderation.is_revoked(socket.proof):
                socket.deliver(error_frame(None, signed_out()).decode())
                socket.end(CLOSE_NO_SESSION)

    async def _flush_presence(self) -> None:
        while True:
            await asyncio.sleep(FLUSH)
            try:
                await self.presence.flush()
            except (redis.RedisError, OSError, TimeoutError) as error:
                logger.debug("Who came and went is announced when Redis is back: %r", error)
            except Exception:
                logger.exception("Who came and went could not be announced")

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            now = time.monotonic()
            for socket in tuple(self.sockets):
                socket.check(now)
            try:
                await self._beat()
            except Exception:
                logger.exception("A beat failed")

    async def _beat(self) -> None:
        try:
            if not self.hub.listening:
                await self.hub.start()
            await self.hub.probe()
            await self._tell_staff()
            lost = time.monotonic() - self.hub.heard_at > LOST_AFTER
            if lost:
                logger.warning(
                    "The channel layer answers, but does not deliver our own note: subscribing again"
                )
                await self.hub.restart()
        except Exception as error:  # noqa: BLE001  # redis-py raises its own, the system's and time-outs
            if self.redis_up:
                logger.warning("Redis is unavailable; new sockets are refused until it is back: %r", error)
            self.redis_up = False
        else:
            self.redis_up = not lost

    async def _tell_staff(self) -> None:
        """Tell each inbox's sockets when its team comes or goes."""
        inboxes = {socket.inbox for socket in self.sockets}
        inboxes.discard(None)
        there = await team.staff_online_in([inbox for inbox in inboxes if inbox is not None])
        # What nobody was told yet is no change.
        changed = {inbox for inbox, is_there in there.items() if self._staff.get(inbox, is_there) != is_there}
        for socket in tuple(self.sockets):
            if socket.inbox in changed:
                frame = event_frame("presence.changed", {"staff_online": there[socket.inbox]})
                socket.deliver(frame.decode())
        # Who came in the meantime was told, and hears of the next change.
        present = {socket.inbox for socket in self.sockets}
        known = self._staff | there
        self._staff = {inbox: known[inbox] for inbox in known.keys() & present}
