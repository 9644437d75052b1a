"""From Discord to the actions: one queue for each thread, in order, live events and backfill alike (rule 7).

discord.py makes a task of each event, and tasks overtake each other. So an event is put into its thread's lane at once,
and each lane is worked by one task. A new gateway session (READY, not RESUMED) means that events may be missing: every
lane then waits until the threads are listed, and one that is behind reads its thread from the watermark on, before
its live events.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import discord
from channels.db import database_sync_to_async
from django.utils import timezone

from bridge import broadcast, presence, protocol, wire
from bridge.actions import receiving
from bridge.bot import translate
from bridge.models import Endpoint, Inbox
from bridge.redis import RedisError
from bridge.services.discord import DiscordService

logger = logging.getLogger(__name__)

OVERLAP = timedelta(seconds=5)
"""Read again from before the watermark: ids are made by many machines, a little out of order."""
SETTLE = 0.1
"""Seconds that an event waits for one with a lower id that is on its way: neighbours may come in the wrong order."""
LONGEST_PAUSE = 30.0
REMEMBERED = 1000

T = TypeVar("T")


@dataclass(frozen=True)
class Posted:
    message: discord.Message


@dataclass(frozen=True)
class Edited:
    message: discord.Message


@dataclass(frozen=True)
class Deleted:
    message_id: int


@dataclass(frozen=True)
class Compare:
    """Compare the newest page of the thread with what is known (rule 8)."""


Event = Posted | Edited | Deleted | Compare


@dataclass
class Lane:
    """One thread's events, oldest first, each with the time at which it may be taken."""

    events: deque[tuple[float, Event]] = field(default_factory=deque)
    behind: bool = False
    task: "asyncio.Task[None] | None" = None

    def add(self, event: Event, *, at: float) -> None:
        """Behind what is there; a message before those that were written after it."""
        place = len(self.events)
        if isinstance(event, Posted):
            while place and _is_later(self.events[place - 1][1], event):
                place -= 1
        self.events.insert(place, (at, event))


def _is_later(other: Event, event: Posted) -> bool:
    return isinstance(other, Posted) and other.message.id > event.message.id


class Relay:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._lanes: dict[int, Lane] = {}
        self._listed = asyncio.Event()
        # Threads that an event came for before they were known here: they are being opened just now.
        self._strangers: dict[int, None] = {}
        self._aside: set[asyncio.Task[None]] = set()

    def see(self, thread_id: int, event: Event) -> None:
        """Put an event into its lane. Never waits, so the order of the gateway is kept."""
        lane = self._lanes.setdefault(thread_id, Lane())
        lane.add(event, at=asyncio.get_running_loop().time() + SETTLE)
        self._start(thread_id, lane)

    def fall_behind(self) -> None:
        """A new session: what happened since the last one is not known until the threads are listed."""
        self._listed.clear()

    def caught_up(self, behind: set[int]) -> None:
        """The threads are listed; these hold what is not here yet."""
        for thread_id in behind:
            self.read_again(thread_id)
        self._listed.set()

    def read_again(self, thread_id: int) -> None:
        lane = self._lanes.setdefault(thread_id, Lane())
        lane.behind = True
        self._start(thread_id, lane)

    def opened(self, thread_id: str) -> None:
        """A thread is known from now on; what came for it before is read."""
        if int(thread_id) in self._strangers:
            del self._strangers[int(thread_id)]
            self.read_again(int(thread_id))

    async def stop(self) -> None:
        tasks = [lane.task for lane in self._lanes.values() if lane.task] + list(self._aside)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, thread_id: int, lane: Lane) -> None:
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._work(thread_id, lane), name=f"lane {thread_id}")

    async def _work(self, thread_id: int, lane: Lane) -> None:
        """Until the lane is empty. What cannot be stored stays at its head: nothing overtakes it."""
        failures = 0
        while lane.behind or lane.events:
            await self._listed.wait()
            try:
                await self._step(thread_id, lane)
                failures = 0
            except Exception:
                # Whatever it was, the event is not lost: the lane is behind and is read again.
                logger.exception("Thread %s is behind", thread_id)
                self._mark_failed(lane)
                lane.behind = True
                failures += 1
                await asyncio.sleep(min(LONGEST_PAUSE, 2.0**failures / 4))
        if self._lanes.get(thread_id) is lane:
            del self._lanes[thread_id]

    async def _step(self, thread_id: int, lane: Lane) -> None:
        endpoint = await _db(_endpoint_of, thread_id)
        if endpoint is None:
            self._remember(thread_id)
            lane.behind = False
            lane.events.clear()
            return
        if lane.behind:
            lane.behind = False
            await self._backfill(thread_id, endpoint)
            return
        await asyncio.sleep(lane.events[0][0] - asyncio.get_running_loop().time())
        at, event = lane.events.popleft()
        try:
            await self._take(endpoint, event)
        except Exception:
            lane.events.appendleft((at, event))
            raise
        if isinstance(event, Posted) and not lane.events:
            await _db(receiving.move_watermark, endpoint.pk, str(event.message.id))

    def _remember(self, thread_id: int) -> None:
        self._strangers[thread_id] = None
        while len(self._strangers) > REMEMBERED:
            del self._strangers[next(iter(self._strangers))]

    async def _backfill(self, thread_id: int, endpoint: Endpoint) -> None:
        """Everything after the watermark, oldest first. Each page ends in the same actions as a live event."""
        after = discord.Object(thread_id)
        if endpoint.watermark:
            moment = discord.utils.snowflake_time(endpoint.watermark) - OVERLAP
            after = discord.Object(discord.utils.time_snowflake(moment))
        thread = self._client.get_partial_messageable(thread_id)
        newest = None
        async for message in thread.history(after=after, limit=None, oldest_first=True):
            await self._take(endpoint, Posted(message))
            newest = message.id
        if newest is not None:
            await _db(receiving.move_watermark, endpoint.pk, str(newest))

    async def _take(self, endpoint: Endpoint, event: Event) -> None:
        match event:
            case Posted():
                await self._posted(endpoint, event.message)
            case Edited():
                await self._edited(endpoint, event.message)
            case Deleted():
                await _db(
                    receiving.receive_delete, endpoint.pk, str(event.message_id), deleted_at=timezone.now()
                )
            case Compare():
                await self._compare(endpoint)

    async def _posted(self, endpoint: Endpoint, message: discord.Message) -> None:
        if self._is_mine(message):
            if isinstance(message.nonce, str):
                await _db(receiving.receive_echo, endpoint.pk, nonce=message.nonce, remote_id=str(message.id))
            return
        if not self._is_relayed(endpoint.connection.inbox, message):
            return
        stored = await _db(receiving.receive_message, endpoint.pk, incoming_of(message))
        if stored is None:
            if message.edited_at is not None:
                await self._edited(endpoint, message)
            return
        await _seen(endpoint)
        self._mark(endpoint.connection.inbox, message, "✅")

    async def _edited(self, endpoint: Endpoint, message: discord.Message) -> None:
        # Discord sends an update without an edit when it has made a link preview.
        if message.edited_at is not None and not self._is_mine(message):
            await _db(
                receiving.receive_edit,
                endpoint.pk,
                str(message.id),
                content=translate.readable(message),
                edited_at=message.edited_at,
            )

    async def _compare(self, endpoint: Endpoint) -> None:
        """Edits and deletions show in no list. Below the watermark only what is known changes."""
        thread = self._client.get_partial_messageable(int(endpoint.remote_id or 0))
        page = [message async for message in thread.history(limit=100)]
        present = {str(message.id) for message in page}
        oldest = min((message.id for message in page), default=0) if len(page) == 100 else 0
        for remote_id in await _db(receiving.known_since, endpoint.pk, oldest):
            if remote_id not in present:
                await _db(receiving.receive_delete, endpoint.pk, remote_id, deleted_at=timezone.now())
        for message in page:
            if message.edited_at is not None:
                await self._edited(endpoint, message)

    async def typing(self, thread_id: int, user: discord.abc.User) -> None:
        """Show on the page that somebody of the team writes. Kept nowhere."""
        endpoint = await _db(_endpoint_of, thread_id)
        if endpoint is None or user.bot:
            return
        participant = await _db(receiving.participant_of, endpoint, author_of(user))
        uid = str(endpoint.connection.uid)
        frame = protocol.event_frame(
            "typing.started", {"author": wire.author_out(participant)}, connection=uid
        )
        broadcast.tell(uid, frame)
        await _seen(endpoint)

    def _is_mine(self, message: discord.Message) -> bool:
        return self._client.user is not None and message.author.id == self._client.user.id

    def _is_relayed(self, inbox: Inbox, message: discord.Message) -> bool:
        return translate.is_said(message) and (inbox.relay_bots or not message.author.bot)

    def _mark_failed(self, lane: Lane) -> None:
        event = lane.events[0][1] if lane.events else None
        if isinstance(event, Posted) and not self._is_mine(event.message):
            self.aside(self._warn(event.message))

    async def _warn(self, message: discord.Message) -> None:
        endpoint = await _db(_endpoint_of, message.channel.id)
        if endpoint is not None and self._is_relayed(endpoint.connection.inbox, message):
            self._mark(endpoint.connection.inbox, message, "⚠")

    def _mark(self, inbox: Inbox, message: discord.Message, emoji: str) -> None:
        """Beside the way of the messages: a reaction that fails changes nothing."""
        if inbox.mark_relayed:
            self.aside(_react(message, emoji))

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Beside the way of the messages. Held here, since the event loop would let it be collected."""
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)


async def _seen(endpoint: Endpoint) -> None:
    """The team is there. While Redis is away nobody is told, and nothing waits for it."""
    try:
        await presence.staff_seen(endpoint.connection.inbox_id)
    except RedisError as error:
        logger.debug("Presence was not noted: %s", error)


async def _react(message: discord.Message, emoji: str) -> None:
    try:
        await message.add_reaction(emoji)
    except discord.HTTPException as error:
        logger.warning("The mark on message %s could not be set: %s", message.id, error)


def author_of(user: discord.abc.User) -> receiving.RemoteAuthor:
    return receiving.RemoteAuthor(str(user.id), user.display_name, str(user.display_avatar.url))


def incoming_of(message: discord.Message) -> receiving.Incoming:
    return receiving.Incoming(
        remote_id=str(message.id),
        author=author_of(message.author),
        content=translate.readable(message),
        created_at=message.created_at,
        edited_at=message.edited_at,
    )


def _endpoint_of(thread_id: int) -> Endpoint | None:
    endpoints = Endpoint.objects.select_related("connection__inbox")
    return endpoints.filter(service=DiscordService.name, remote_id=str(thread_id)).first()


async def _db(function: Callable[..., T], *args: Any, **options: Any) -> T:
    return await database_sync_to_async(function)(*args, **options)
