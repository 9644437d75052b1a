"""Handles the events of a thread: each one ends in an action."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import discord
from django.utils import timezone

from bridge.chat.actions import authors, copying, receiving, remote_ids
from bridge.models import Connection, Endpoint
from bridge.presence import team
from bridge.services.discord import reading
from bridge.services.discord.bot import translate
from bridge.services.discord.bot.background import BackgroundTasks, passes
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.incoming import files_of, gifs_of, incoming_of, speaker_of
from bridge.services.discord.bot.lanes import Cleared, Compare, Deleted, Edited, Event, Posted, Reacted
from bridge.services.discord.bot.marks import Marks
from bridge.services.discord.bot.odd import Unreadable, attributes, read_message
from bridge.services.discord.bot.reactions import Reactions
from bridge.services.discord.bot.staff import Members, Staff
from bridge.services.discord.ours import is_me

logger = logging.getLogger(__name__)

OVERLAP = timedelta(seconds=5)
"""Reading starts this long before the watermark, because many machines create ids, a little out of order."""
READERS = 5
"""Threads that are read at once. Discord accepts 50 requests a second from a bot, and messages come first."""


class Intake:
    """Handles events. `look_soon` is called with a thread in which somebody reacted to an unknown message."""

    def __init__(
        self,
        client: discord.Client,
        aside: BackgroundTasks,
        *,
        files_came: Callable[[], None],
        look_soon: Callable[[int], None],
    ) -> None:
        self._client = client
        self._background = aside
        self._files_came = files_came
        self._look_soon = look_soon
        self._marks = Marks(client, aside)
        self._members = Members(client)
        self.staff = Staff(client, self._members)
        self._reactions = Reactions(client, self.staff)
        self._readers = asyncio.Semaphore(READERS)

    async def backfill(self, endpoint: Endpoint) -> None:
        """Read all messages after the watermark, oldest first, and handle them like live events."""
        thread_id = int(endpoint.remote_id or 0)
        thread = self._client.get_partial_messageable(thread_id)
        newest = None
        reacted = []
        async with self._readers:
            async for payload in reading.messages_after(self._client, thread_id, _begin(endpoint, thread_id)):
                message = read_message(self._client, thread, payload)
                if message is None:
                    continue
                await self._posted(endpoint, message)
                newest = message.id
                if isinstance(message, discord.Message) and message.reactions:
                    reacted.append(message)
            if reacted:
                await self._reactions.compare(endpoint, reacted)
            if newest is not None:
                await db(receiving.move_watermark, endpoint.pk, str(newest))

    async def take(self, endpoint: Endpoint, event: Event) -> bool:
        """Handle an event. Returns whether there are messages without an event. A bad event does not affect others."""
        try:
            return await self._take(endpoint, event)
        except Exception as error:
            if passes(error):
                raise
            logger.warning(
                "%s in thread %s: %s", type(event).__name__, endpoint.remote_id, reading.where(error)
            )
            if isinstance(event, Edited):
                await self._missed(endpoint, event.message)
            return False

    async def _take(self, endpoint: Endpoint, event: Event) -> bool:
        match event:
            case Posted():
                await self._posted(endpoint, event.message)
            case Edited():
                await self._edited(endpoint, event.message)
            case Deleted():
                await self._deleted(endpoint, event.message_id)
            case Reacted() | Cleared():
                if not await self._reactions.take(endpoint, event):
                    self._look_soon(int(endpoint.remote_id or 0))
            case Compare():
                return await self._compare(endpoint, event)
        return False

    async def _posted(self, endpoint: Endpoint, message: discord.Message | Unreadable) -> None:
        try:
            if self._is_ours(message):
                if isinstance(message.nonce, str):
                    await db(
                        remote_ids.receive_echo, endpoint.pk, nonce=message.nonce, remote_id=str(message.id)
                    )
            elif isinstance(message, discord.Message):
                await self._relay(endpoint, message)
            elif await self._is_for_page(endpoint, message):
                await self._missed(endpoint, message)
        except Exception as error:
            if passes(error):
                raise
            where, what = reading.where(error), attributes(message)
            logger.warning("Message %d cannot be stored (%s): %s", message.id, where, what)
            await self._missed(endpoint, message)

    async def _missed(self, endpoint: Endpoint, message: discord.Message | Unreadable) -> None:
        """Show a notice on both sides, once, that a message could not be relayed."""
        await db(receiving.receive_unreadable, endpoint.pk, str(message.id), edited_at=message.edited_at)

    async def _is_for_page(self, endpoint: Endpoint, message: Unreadable) -> bool:
        """Return whether it would have been relayed, as far as it can be read; if that is unknown, True."""
        kind = message.payload.get("type")
        if isinstance(kind, int) and kind not in translate.SAID:
            return False
        if message.author.get("bot") is True and not endpoint.connection.inbox.relay_bots:
            return False
        return await self.staff.counts(endpoint, message.author)

    def _is_ours(self, message: discord.Message | Unreadable) -> bool:
        """Return whether the bot or our webhook posted it. Deleted webhooks too are recognised by their application."""
        if isinstance(message, Unreadable):
            author, by_webhook = reading.id_of(message.author), "webhook_id" in message.payload
            application = reading.id_of(message.payload, "application_id")
        else:
            author, by_webhook = message.author.id, message.webhook_id is not None
            application = message.application_id
        return is_me(self._client, author) or (by_webhook and application == self._client.application_id)

    async def _relay(self, endpoint: Endpoint, message: discord.Message) -> None:
        inbox = endpoint.connection.inbox
        if not translate.is_said(message) or (message.author.bot and not inbox.relay_bots):
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
            self._background.start(team.staff_seen(inbox.pk))
        self._marks.relayed(endpoint, message)

    async def _author(self, endpoint: Endpoint, message: discord.Message) -> authors.RemoteAuthor:
        user: discord.abc.User = message.author
        place = self._client.get_channel(message.channel.id)
        in_room = endpoint.connection.kind == Connection.Kind.ROOM and message.webhook_id is None
        if in_room and isinstance(place, discord.TextChannel):
            user = await self._members.find(place.guild, user) or user
        return speaker_of(endpoint, user, place)

    async def _edited(self, endpoint: Endpoint, message: discord.Message | Unreadable) -> None:
        if self._is_ours(message):
            return
        if isinstance(message, Unreadable):
            if message.edited_at is not None and await self._is_for_page(endpoint, message):
                await self._missed(endpoint, message)
            return
        # Discord also sends an update without an edit after it has created a link preview, e.g. for its GIF picker.
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
            files={file.remote_id for file in files_of(message)},
        )

    async def _deleted(self, endpoint: Endpoint, message_id: int) -> None:
        await db(receiving.receive_delete, endpoint.pk, str(message_id), deleted_at=timezone.now())

    async def _compare(self, endpoint: Endpoint, event: Compare) -> bool:
        """Find missed edits and deletions. Before the watermark, only known messages change.

        Returns whether there are new messages: an event never arrived, or the bot could not see the channel.
        """
        thread_id = int(endpoint.remote_id or 0)
        thread = self._client.get_partial_messageable(thread_id)
        # Read before the page, so that a message that is sent in the meantime does not look deleted.
        known = await db(receiving.known_in_thread, endpoint.pk)
        async with self._readers:
            payloads = await reading.newest_messages(self._client, thread_id)
        page = [message for payload in payloads if (message := read_message(self._client, thread, payload))]
        if not page:
            # Every thread contains at least its card. Without the permission to read the history, Discord returns an
            # empty list instead of an error. Known messages must not be deleted because of that.
            return False
        present = {message.id for message in page}
        oldest = min(present) if len(payloads) == reading.PAGE else 0
        # A message without an id may be any of the known ones.
        missing = set(known) - present if len(page) == len(payloads) else set()
        for message_id in sorted(missing):
            if message_id >= oldest:
                await self._deleted(endpoint, message_id)
        for message in page:
            await self.take(endpoint, Edited(message))
        readable = [message for message in page if isinstance(message, discord.Message)]
        await self._reactions.compare(endpoint, readable, new_session=event.new_session)
        newest = max((message.id for message in page if not self._is_ours(message)), default=0)
        return newest > (endpoint.watermark or 0)


def _begin(endpoint: Endpoint, thread_id: int) -> int:
    """Return the id after which to read."""
    moment = discord.utils.snowflake_time(endpoint.watermark or thread_id) - OVERLAP
    if endpoint.connection.kind == Connection.Kind.ROOM:
        # Messages from before the room was created do not belong to it.
        moment = max(moment, endpoint.connection.created_at)
    elif not endpoint.watermark:
        return thread_id
    return discord.utils.time_snowflake(moment)
