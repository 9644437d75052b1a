"""What the sockets of one process share: hub, writer, throttles, presence, moderation, and periodic checks."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

from django.db import InterfaceError, OperationalError

from bridge import protocol
from bridge.chat import hooks, publishing
from bridge.chat.moderation import Moderation, blocked, signed_out
from bridge.conf import settings
from bridge.infra import redis
from bridge.infra.database import DatabaseThreads
from bridge.infra.tasks import cancel_and_wait
from bridge.infra.throttling import Throttler
from bridge.live.hub import Hub, Listener
from bridge.live.server_quirks import LIMIT as CLOSING_LIMIT
from bridge.live.server_quirks import before_daphne_stops
from bridge.live.sessions import Session
from bridge.live.writer import Writer
from bridge.presence import team
from bridge.presence.registry import FLUSH, Registry
from bridge.presence.rooms import announce
from bridge.protocol.frames import error_frame, event_frame

logger = logging.getLogger(__name__)

BEAT = 2.0
"""Seconds between two checks of Redis and of the sockets."""
LOST_AFTER = 8.0
"""Seconds without our own probe after which we subscribe again."""
STOP_LIMIT = 3.0


class Socket(Listener, Protocol):
    """A socket, as its process sees it."""

    session: Session | None

    def check(self, now: float) -> None:
        """Close the socket if it has timed out."""


class Worker:
    """The shared state of an event loop that serves sockets."""

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
        self._tasks: list[asyncio.Task[None]] = []
        self._empty: asyncio.Event | None = None

    @classmethod
    def current(cls) -> "Worker":
        loop = asyncio.get_running_loop()
        process = cls._current.get(loop)
        if process is None:
            for old in [candidate for candidate in cls._current if candidate.is_closed()]:
                del cls._current[old]
            process = cls._current[loop] = cls()
        return process

    async def ready(self) -> bool:
        """Whether new sockets can be served, that is, whether the hub gets events from other processes."""
        if not self._tasks:
            async with self._starting:
                if not self._tasks:
                    publishing.use_loop(asyncio.get_running_loop())
                    await self._beat()
                    loops = (
                        _repeat(self._look_after, "check sockets", pause=lambda: asyncio.sleep(BEAT)),
                        _repeat(self._flush, "announce presence", pause=lambda: asyncio.sleep(FLUSH)),
                        _repeat(
                            self.look_at_moderation,
                            "read mutes, blocks and revocations",
                            pause=self._moderated,
                        ),
                    )
                    self._tasks = list(map(asyncio.create_task, loops))
                    before_daphne_stops(self.say_goodbye)
        return self.redis_up

    async def say_goodbye(self) -> None:
        """Store the posts that wait, then close every socket with 1012."""
        await self.writer.drained(limit=STOP_LIMIT)
        for socket in tuple(self.sockets):
            socket.end(protocol.CLOSE_RESTARTING)
        if self.sockets:
            # Each socket leaves in its own task.
            self._empty = asyncio.Event()
            await asyncio.wait([asyncio.create_task(self._empty.wait())], timeout=CLOSING_LIMIT)

    async def stop(self) -> None:
        """Store the posts that wait, then release everything."""
        await cancel_and_wait(*self._tasks)
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
        """Count the socket, or return the code to close it with. Never waits, so a burst cannot exceed the limits."""
        if self.addresses[address] >= settings.BRIDGE_SOCKETS_PER_ADDRESS:
            return protocol.CLOSE_FLOODING
        if len(self.sockets) >= settings.BRIDGE_SOCKETS:
            return protocol.CLOSE_TRY_LATER
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

    def check_speaker(self, session: Session, *texts: str) -> None:
        """Refuse a visitor who is muted or blocked, and texts that are not allowed.

        From memory, because this is the hot path.
        """
        inbox = session.start.inbox
        self.moderation.check_speaker(inbox, session.who)
        for text in texts:
            self.moderation.check_text(inbox, text)

    async def staff_online(self, inbox: int) -> bool:
        """Whether staff are online, as last sent to the inbox's sockets here. New sockets also get the next change."""
        if inbox not in self._staff:
            try:
                self._staff[inbox] = await team.staff_online(inbox)
            except redis.RedisError:
                return False
        return self._staff[inbox]

    def _started(self) -> list[tuple[Socket, Session]]:
        """The sockets whose sessions have started."""
        sessions = ((socket, socket.session) for socket in self.sockets)
        return [(socket, session) for socket, session in sessions if session and session.opening]

    def _inboxes(self) -> set[int]:
        return {session.start.inbox for _, session in self._started()}

    async def _moderated(self) -> None:
        """Wait until the moderation rules change, but only a few seconds, in case that event was lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEAT):
                await self.hub.moderated.wait()
        self.hub.moderated.clear()

    async def look_at_moderation(self) -> None:
        if not self.sockets:
            return
        await self.database.run(self.moderation.refresh, self._inboxes())
        for socket, session in self._started():
            if self.moderation.is_blocked(session.start.inbox, session.who):
                socket.deliver(error_frame(None, blocked()).decode())
                socket.end(protocol.CLOSE_FORBIDDEN)
            elif self.moderation.is_revoked(session.proof):
                socket.deliver(error_frame(None, signed_out()).decode())
                socket.end(protocol.CLOSE_NO_SESSION)

    async def _flush(self) -> None:
        try:
            await self.presence.flush()
        except (redis.RedisError, OSError, TimeoutError) as error:
            logger.debug("Redis is unavailable; presence will be announced later: %r", error)

    async def _look_after(self) -> None:
        now = time.monotonic()
        for socket in tuple(self.sockets):
            socket.check(now)
        await self._beat()

    async def _beat(self) -> None:
        try:
            if not self.hub.listening:
                await self.hub.start()
            await self.hub.probe()
            await self._tell_staff()
            lost = time.monotonic() - self.hub.heard_at > LOST_AFTER
            if lost:
                logger.warning(
                    "The channel layer answers, but does not deliver our own message: subscribing again"
                )
                await self.hub.restart()
        except Exception as error:  # noqa: BLE001  # redis-py raises its own, the system's and time-outs
            if self.redis_up:
                logger.warning("Redis is unavailable; new sockets are refused until it is back: %r", error)
            self.redis_up = False
        else:
            self.redis_up = not lost

    async def _tell_staff(self) -> None:
        """Notify each inbox's sockets when its team comes online or goes offline."""
        online = await team.staff_online_in(list(self._inboxes()))
        for socket, session in self._started():
            inbox = session.start.inbox
            # If the sockets do not know the previous state, this is not a change.
            if inbox in online and self._staff.get(inbox, online[inbox]) != online[inbox]:
                frame = event_frame("presence.changed", {"staff_online": online[inbox]})
                socket.deliver(frame.decode())
        # Sockets that came in the meantime know the state in `_staff`, so it is kept.
        known = self._staff | online
        self._staff = {inbox: known[inbox] for inbox in known.keys() & self._inboxes()}


async def _repeat(
    act: Callable[[], Awaitable[None]], purpose: str, *, pause: Callable[[], Awaitable[None]]
) -> None:
    while True:
        await pause()
        try:
            await act()
        except (OperationalError, InterfaceError) as error:
            logger.warning("The database is unavailable; will try again to %s: %r", purpose, error)
        except Exception:
            logger.exception("Failed, and will try again to %s", purpose)
