"""From Discord to the actions: one lane for each thread, in order, live events and backfill alike (rule 7).

discord.py makes a task of each event, and tasks overtake each other. So an event is put into its thread's lane at once,
and each lane is worked by one task. A new gateway session (READY, not RESUMED) means that events may be missing: every
lane then waits until the threads are listed, and one that is behind reads its thread from the watermark on, before
its live events.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

import discord
from django.utils import timezone

from bridge.chat.actions import authors, copying, receiving, remote_ids
from bridge.infra.tasks import cancel_and_wait
from bridge.models import Connection, Endpoint, Inbox
from bridge.presence import team
from bridge.services.discord import reading
from bridge.services.discord.bot import translate
from bridge.services.discord.bot.background import PROBLEMS, BackgroundTasks, passes
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.incoming import files_of, gifs_of, incoming_of, speaker_of
from bridge.services.discord.bot.lanes import Cleared, Compare, Deleted, Edited, Event, Lane, Posted, Reacted
from bridge.services.discord.bot.marks import Marks
from bridge.services.discord.bot.members import Members
from bridge.services.discord.bot.odd import Unreadable, read_message
from bridge.services.discord.bot.reactions import Reactions
from bridge.services.discord.bot.staff import Staff
from bridge.services.discord.endpoints import endpoint_of
from bridge.services.discord.errors import UNKNOWN_CHANNEL
from bridge.services.discord.reading import where
from bridge.services.discord.rooms import is_ours

logger = logging.getLogger(__name__)

OVERLAP = timedelta(seconds=5)
"""Read again from before the watermark: ids are made by many machines, a little out of order."""
LONGEST_PAUSE = 30.0
PAUSE_IF_FORBIDDEN = 300.0
"""Discord counts refused requests, and bans an address that sends many."""
REMEMBERED = 1000
LOOK_AFTER = 5.0
"""Seconds after which a thread is compared in which somebody reacted to what is not known."""
READERS = 5
"""Threads that are read at once. Discord takes 50 requests a second of a bot, and messages go first."""


class Relay:
    def __init__(
        self, client: discord.Client, aside: BackgroundTasks, *, files_came: Callable[[], None]
    ) -> None:
        self._client = client
        self._files_came = files_came
        self._background = aside
        self._marks = Marks(client, aside)
        self._members = Members()
        self.staff = Staff(client, self._members)
        self._reactions = Reactions(client, self.staff)
        # Threads that are compared soon, since something happened to a message that was not known yet.
        self._soon: set[int] = set()
        self._readers = asyncio.Semaphore(READERS)
        self._lanes: dict[int, Lane] = {}
        self._listed = asyncio.Event()
        # Threads of which the last listing, or their opening, says where they stand.
        self._placed: set[int] = set()
        # Threads that were seen before they were known here: perhaps they are being opened just now.
        self._strangers: dict[int, None] = {}

    @property
    def is_listed(self) -> bool:
        """Whether it is known which threads hold something new."""
        return self._listed.is_set()

    @property
    def is_behind(self) -> bool:
        """Whether something that Discord told, or holds, may still be lost with this process."""
        return not self._listed.is_set() or any(lane.behind or lane.reading for lane in self._lanes.values())

    def see(self, thread_id: int, event: Event) -> None:
        """Put an event into its lane. Never waits, so the order of the gateway is kept."""
        lane = self._lanes.setdefault(thread_id, Lane())
        lane.add(event)
        self._start(thread_id, lane)

    def fall_behind(self) -> None:
        """A new session: what happened since the last one is not known until the threads are listed."""
        self._listed.clear()

    def forget_places(self) -> None:
        """Events of some threads may be missing: each one is read before what comes next in it."""
        self._placed.clear()

    def caught_up(self, behind: set[int], *, listed: Iterable[int] = (), unknown: Iterable[int] = ()) -> None:
        """The threads are listed; `behind` hold what is not here yet, `unknown` are ours but not known yet."""
        self._placed = {*listed, *behind}
        for thread_id in unknown:
            self._remember(thread_id)
        for thread_id in behind:
            self.read_again(thread_id)
        self._listed.set()

    def look_soon(self, thread_id: int) -> None:
        """Something happened there that could not be read: what came of it is."""
        self._background.start(self._look_later(thread_id))

    def read_again(self, thread_id: int) -> None:
        lane = self._lanes.setdefault(thread_id, Lane())
        lane.behind = True
        lane.again.set()
        self._start(thread_id, lane)

    def opened(self, thread_id: str) -> None:
        """A thread is known from now on; what came for it before is read."""
        pk = int(thread_id)
        self._placed.add(pk)
        if pk in self._lanes:
            # It may be looked up in this very moment.
            self._lanes[pk].opened = True
        elif pk not in self._strangers:
            return
        self._strangers.pop(pk, None)
        self.read_again(pk)

    async def stop(self) -> None:
        await cancel_and_wait(*[lane.task for lane in self._lanes.values() if lane.task])

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
            except Exception as error:
                if _is_gone(error):
                    # Deleted with all that was in it: nothing is left to be read, now or of what is replayed later.
                    self._placed.discard(thread_id)
                    lane.behind = False
                    lane.events.clear()
                    continue
                # Whatever it was, the event is not lost: the lane is behind and is read again.
                lane.behind = True
                failures += 1
                pause = _pause_after(error, failures)
                expected = isinstance(error, PROBLEMS)
                logger.warning(
                    "Thread %s is behind, retrying in %.1f s: %r",
                    thread_id,
                    pause,
                    error,
                    exc_info=not expected,
                )
                lane.again.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await lane.again.wait()
        if self._lanes.get(thread_id) is lane:
            del self._lanes[thread_id]

    async def _step(self, thread_id: int, lane: Lane) -> None:
        lane.opened = False
        endpoint = await db(endpoint_of, thread_id)
        if endpoint is None:
            if not lane.opened:
                self._remember(thread_id)
                lane.behind = False
                lane.events.clear()
            return
        if thread_id in self._strangers:
            # Another process has made it known since: what was passed over is read.
            del self._strangers[thread_id]
            lane.behind = True
        if thread_id not in self._placed:
            # No list had it: archived long ago, or deleted since with what was missed, and then a session that is
            # resumed may still bring what came after that. Nobody is to read on behind a hole.
            self._placed.add(thread_id)
            lane.behind = True
        if lane.behind:
            lane.behind, lane.reading = False, True
            async with self._readers:
                await self._backfill(thread_id, endpoint)
            lane.reading = False
            return
        await lane.settle()
        at, event = lane.events.popleft()
        try:
            await self._take_or_miss(endpoint, event, lane)
        except Exception:
            lane.events.appendleft((at, event))
            raise
        if isinstance(event, Posted) and not lane.events:
            await db(receiving.move_watermark, endpoint.pk, str(event.message.id))

    def _remember(self, thread_id: int) -> None:
        self._strangers[thread_id] = None
        while len(self._strangers) > REMEMBERED:
            del self._strangers[next(iter(self._strangers))]

    async def _backfill(self, thread_id: int, endpoint: Endpoint) -> None:
        """Everything after the watermark, oldest first. Each page ends in the same actions as a live event."""
        thread = self._client.get_partial_messageable(thread_id)
        newest = None
        reacted = []
        async for payload in reading.messages_after(self._client, thread_id, _begin(endpoint, thread_id)):
            message = read_message(self._client, thread, payload)
            if message is None:
                continue
            await self._posted_or_missed(endpoint, message)
            newest = message.id
            if isinstance(message, discord.Message) and message.reactions:
                reacted.append(message)
        if reacted:
            await self._reactions.compare(endpoint, reacted)
        if newest is not None:
            await db(receiving.move_watermark, endpoint.pk, str(newest))

    async def _take_or_miss(self, endpoint: Endpoint, event: Event, lane: Lane) -> None:
        """What is wrong with one event costs only that one: the others of its thread do not wait behind it."""
        try:
            await self._take(endpoint, event, lane)
        except Exception as error:
            if passes(error):
                raise
            logger.warning("%s in thread %s: %s", type(event).__name__, endpoint.remote_id, where(error))
            if isinstance(event, Edited):
                await self._missed(endpoint, event.message)

    async def _take(self, endpoint: Endpoint, event: Event, lane: Lane) -> None:
        match event:
            case Posted():
                await self._posted_or_missed(endpoint, event.message)
            case Edited():
                await self._edited_or_missed(endpoint, event.message)
            case Deleted():
                await db(
                    receiving.receive_delete, endpoint.pk, str(event.message_id), deleted_at=timezone.now()
                )
            case Reacted() | Cleared():
                if not await self._reactions.take(endpoint, event):
                    self._background.start(self._look_later(int(endpoint.remote_id or 0)))
            case Compare():
                # In this order: a new session may mark the lane as behind while the page is read.
                lane.behind = await self._compare(endpoint, event) or lane.behind

    async def _posted_or_missed(self, endpoint: Endpoint, message: discord.Message | Unreadable) -> None:
        if isinstance(message, discord.Message):
            try:
                await self._posted(endpoint, message)
                return
            except Exception as error:
                if passes(error):
                    raise
                logger.warning(
                    "Message %d cannot be stored (%s): %s", message.id, where(error), attributes(message)
                )
        elif self._is_ours_unread(message):
            nonce = message.payload.get("nonce")
            if isinstance(nonce, str):
                await db(remote_ids.receive_echo, endpoint.pk, nonce=nonce, remote_id=str(message.id))
            return
        elif not await self._is_for_page(endpoint, message):
            return
        await self._missed(endpoint, message)

    async def _missed(self, endpoint: Endpoint, message: discord.Message | Unreadable) -> None:
        """Said on both sides, once: something is there that could not be brought over."""
        await db(receiving.receive_unreadable, endpoint.pk, str(message.id), edited_at=message.edited_at)

    async def _is_for_page(self, endpoint: Endpoint, message: Unreadable) -> bool:
        """Whether it would have been relayed, as far as it says. Where it does not say it would."""
        kind = message.payload.get("type")
        if self._is_ours_unread(message) or (isinstance(kind, int) and kind not in translate.SAID):
            return False
        if message.author.get("bot") is True and not endpoint.connection.inbox.relay_bots:
            return False
        return await self.staff.may_count(endpoint, message)

    def _is_ours_unread(self, message: Unreadable) -> bool:
        if self._client.user is not None and reading.id_of(message.author) == self._client.user.id:
            return True
        application = reading.id_of(message.payload, "application_id")
        return "webhook_id" in message.payload and application == self._client.application_id

    async def _posted(self, endpoint: Endpoint, message: discord.Message) -> None:
        inbox = endpoint.connection.inbox
        if self._is_mine(message):
            if isinstance(message.nonce, str):
                await db(remote_ids.receive_echo, endpoint.pk, nonce=message.nonce, remote_id=str(message.id))
            return
        if not self._is_relayed(inbox, message):
            return
        if not await self.staff.counts(endpoint, message.author):
            self._marks.refused(message)
            return
        try:
            author = await self._author(endpoint, message)
            incoming = incoming_of(message, author)
            stored = await db(receiving.receive_message, endpoint.pk, incoming)
        except Exception:
            self._marks.failed(inbox, message)
            raise
        if stored is None:
            if message.edited_at is not None:
                await self._edited(endpoint, message)
            return
        if incoming.files:
            self._files_came()
        if author.is_staff:
            self._background.start(_seen(endpoint))
        self._marks.relayed(endpoint, message)

    async def _author(self, endpoint: Endpoint, message: discord.Message) -> authors.RemoteAuthor:
        user: discord.abc.User = message.author
        place = self._client.get_channel(message.channel.id)
        in_room = endpoint.connection.kind == Connection.Kind.ROOM and message.webhook_id is None
        if in_room and isinstance(place, discord.TextChannel):
            user = await self._members.find(place.guild, user) or user
        return speaker_of(endpoint, user, place)

    async def _edited_or_missed(self, endpoint: Endpoint, message: discord.Message | Unreadable) -> None:
        if isinstance(message, discord.Message):
            await self._edited(endpoint, message)
        elif message.edited_at is not None and await self._is_for_page(endpoint, message):
            await self._missed(endpoint, message)

    async def _edited(self, endpoint: Endpoint, message: discord.Message) -> None:
        if self._is_mine(message):
            return
        # Discord sends an update without an edit when it has made a link preview: of what the GIF picker sends, too.
        gifs = gifs_of(message) if message.edited_at is None else []
        if (message.edited_at is None and not gifs) or not await self.staff.counts(endpoint, message.author):
            return
        if message.edited_at is None:
            await db(copying.add_files, endpoint.pk, str(message.id), gifs)
            self._files_came()
            return
        await db(
            receiving.receive_edit,
            endpoint.pk,
            str(message.id),
            content=translate.readable(message),
            edited_at=message.edited_at,
            files={each.remote_id for each in files_of(message)},
        )

    async def _compare(self, endpoint: Endpoint, event: Compare) -> bool:
        """Edits and deletions show in no list. Below the watermark only what is known changes.

        Returns whether the thread holds something new after all: an event that never came, or a channel that
        the bot could not see for a while.
        """
        thread_id = int(endpoint.remote_id or 0)
        thread = self._client.get_partial_messageable(thread_id)
        # Before the page: what is sent while it is read is not missing in it.
        known = await db(receiving.known_in_thread, endpoint.pk)
        async with self._readers:
            payloads = await reading.newest_messages(self._client, thread_id)
        page = [message for each in payloads if (message := read_message(self._client, thread, each))]
        if not page:
            # Every thread holds something, its card at least. Who may not read the history is shown nothing instead of
            # an error: what is known here must not go for that.
            return False
        present = {message.id for message in page}
        oldest = min(present) if len(payloads) == reading.PAGE else 0
        # One without an id may be any of those that are known.
        missing = [each for each in known if each not in present] if len(page) == len(payloads) else []
        for gone in [each for each in missing if each >= oldest]:
            await db(receiving.receive_delete, endpoint.pk, str(gone), deleted_at=timezone.now())
        for message in page:
            await self._take_or_miss(endpoint, Edited(message), Lane())
        readable = [message for message in page if isinstance(message, discord.Message)]
        await self._reactions.compare(endpoint, readable, new_session=event.new_session)
        newest = max((message.id for message in page if not self._is_mine(message)), default=0)
        return newest > (endpoint.watermark or 0)

    async def _look_later(self, thread_id: int) -> None:
        """The answer to what we posted may be on its way, or an event that came too early."""
        if thread_id in self._soon:
            return
        self._soon.add(thread_id)
        try:
            await asyncio.sleep(LOOK_AFTER)
        finally:
            self._soon.discard(thread_id)
        self.see(thread_id, Compare())

    def _is_mine(self, message: discord.Message | Unreadable) -> bool:
        """The bot's, or one of our webhooks'."""
        if isinstance(message, Unreadable):
            return self._is_ours_unread(message)
        if self._client.user is not None and message.author.id == self._client.user.id:
            return True
        return is_ours(self._client, message)

    def _is_relayed(self, inbox: Inbox, message: discord.Message) -> bool:
        return translate.is_said(message) and (inbox.relay_bots or not message.author.bot)


def attributes(message: discord.Message) -> str:
    """What a message is like, without what it says."""
    return reading.shape(
        {name: getattr(message, name, None) for name in message.__slots__ if not name.startswith("_")}
    )


def _begin(endpoint: Endpoint, thread_id: int) -> int:
    """After what it is to be read."""
    moment = discord.utils.snowflake_time(endpoint.watermark or thread_id) - OVERLAP
    if endpoint.connection.kind == Connection.Kind.ROOM:
        # What was said in the channel before the room was made is not the room's.
        moment = max(moment, endpoint.connection.created_at)
    elif not endpoint.watermark:
        return thread_id
    return discord.utils.time_snowflake(moment)


async def _seen(endpoint: Endpoint) -> None:
    """The team is there."""
    await team.staff_seen(endpoint.connection.inbox_id)


def _is_gone(error: Exception) -> bool:
    return isinstance(error, discord.NotFound) and error.code == UNKNOWN_CHANNEL


def _pause_after(error: Exception, failures: int) -> float:
    if isinstance(error, discord.Forbidden):
        return PAUSE_IF_FORBIDDEN
    return float(min(LONGEST_PAUSE, 2.0 ** min(failures, 10) / 4))
