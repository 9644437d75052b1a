"""Requests to Discord: one of the delivery rules becomes one or two calls of discord.py."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import discord
from channels.db import database_sync_to_async

from bridge.errors import DeliveryFailed
from bridge.models import Endpoint
from bridge.services.base import (
    NOT_PERMITTED,
    NOTHING_LEFT,
    Answer,
    Delete,
    Done,
    Edit,
    FindOpening,
    Found,
    Missing,
    Open,
    Opened,
    Post,
    React,
    ReadBack,
    Request,
    Stored,
    beside,
    current_attempt,
)
from bridge.services.discord import reading as reading
from bridge.services.discord.card import card_embed, card_text, contact_of, thread_name
from bridge.services.discord.errors import (
    LOCKED,
    THREAD_ALREADY_STARTED,
    THREAD_ARCHIVED,
    UNKNOWN_EMOJI,
    failure_of,
    first_taken,
    refuses_form,
)
from bridge.services.discord.files import opened
from bridge.services.discord.rooms import Rooms, seen_of
from bridge.services.discord.threads import ActiveThreads, required_tags
from bridge.text import emojis

logger = logging.getLogger(__name__)

NO_MENTIONS = discord.AllowedMentions.none()
NEAR_PAGES = 1000
"""Messages of a parent channel that are searched for a card whose fate is not known."""

Parent = discord.TextChannel | discord.ForumChannel
Change = Edit | Delete | React
CardBody = tuple[str, discord.Embed]


class Requests:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self.rooms = Rooms(client)
        self._active = ActiveThreads(client)

    async def perform(self, request: Request) -> Answer:
        try:
            return await self._perform(request)
        except DeliveryFailed:
            raise
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise failure_of(error, request=request) from error
        except Exception as error:  # noqa: BLE001  # as many kinds as there are mistakes
            return _unread(request, error)

    async def _perform(self, request: Request) -> Answer:
        match request:
            case Open():
                return await self._open(request)
            case FindOpening():
                return await self._find_opening(request)
            case Post():
                return await self._post(request)
            case ReadBack():
                return await self._read_back(request)
            case Edit() if request.sender:
                await self.rooms.edit(request)
            case Delete() if request.sender:
                await self.rooms.delete(request)
            case Edit():
                await self._unarchived(request, self._edit)
            case Delete():
                await self._unarchived(request, self._delete)
            case React():
                await self._unarchived(request, self._react)
        return Done()

    async def _post(self, request: Post) -> Stored:
        if request.speaker is not None:
            return await self.rooms.post(request, request.speaker)
        thread = self._thread(request.thread)
        replies: list[dict[str, Any]] = [{}]
        if request.reply_to:
            reference = discord.MessageReference(
                message_id=int(request.reply_to), channel_id=thread.id, fail_if_not_exists=False
            )
            replies.insert(0, {"reference": reference})

        async def send(reply: dict[str, Any]) -> discord.Message:
            # Each time anew: a request that was refused may have closed them.
            async with opened(request.files) as files:
                # discord.py asks Discord to enforce the nonce: for a few minutes a repeat returns the first message.
                return await thread.send(
                    request.text if request.text or files else NOTHING_LEFT,
                    files=files,
                    nonce=request.nonce,
                    allowed_mentions=NO_MENTIONS,
                    mention_author=False,
                    suppress_embeds=not request.previews,
                    **reply,
                )

        # An archived thread becomes active with it.
        message = await self._active.within_cap(partial(first_taken, send, replies), of=thread.id)
        return Stored(str(message.id))

    async def _read_back(self, request: ReadBack) -> Found:
        if request.speaker:
            return await self.rooms.read_back(request)
        mine = self._me().id
        history = reading.messages_after(self._client, int(request.thread), int(request.after))
        return Found(tuple([seen async for each in history if (seen := seen_of(each, author=mine))]))

    async def _edit(self, request: Change) -> None:
        assert isinstance(request, Edit)  # noqa: S101  # paired in _perform
        message = self._thread(request.thread).get_partial_message(int(request.remote_id))
        await message.edit(content=request.text, allowed_mentions=NO_MENTIONS)

    async def _delete(self, request: Change) -> None:
        await self._thread(request.thread).get_partial_message(int(request.remote_id)).delete()

    async def _react(self, request: Change) -> None:
        assert isinstance(request, React)  # noqa: S101  # paired in _perform
        message = self._thread(request.thread).get_partial_message(int(request.remote_id))
        name, pk, animated = emojis.parts(request.emoji)
        emoji = discord.PartialEmoji(name=name, id=pk, animated=animated)
        if request.add:
            await message.add_reaction(emoji)
            return
        try:
            await message.remove_reaction(emoji, self._me())
        except discord.HTTPException as error:
            # Nobody has it there any more, or the server has no such emoji any more.
            if error.code != UNKNOWN_EMOJI:
                raise

    async def _unarchived(self, request: Change, change: Callable[[Change], Awaitable[None]]) -> None:
        """In an archived thread edits and reactions fail (50083), and only a message would wake it: wake it, go on."""
        try:
            await change(request)
        except discord.HTTPException as error:
            if error.code != THREAD_ARCHIVED:
                raise
            thread = await self._client.fetch_channel(int(request.thread))
            if not isinstance(thread, discord.Thread):
                raise
            with beside():
                await self._active.within_cap(partial(_wake, thread), of=thread.id)
            await change(request)

    async def _open(self, request: Open) -> Answer:
        endpoint = await database_sync_to_async(_endpoint)(request.endpoint_id)
        contact = await database_sync_to_async(contact_of)(endpoint)
        parent = await self._parent(endpoint)
        # What the visitor is called, and their page, may be what Discord refuses. They reach the team all the same.
        cards = [
            (card_text(endpoint), card_embed(endpoint, contact=contact)),
            (card_text(endpoint, bare=True), card_embed(endpoint, bare=True)),
        ]
        names = [thread_name(endpoint.connection), thread_name(endpoint.connection, bare=True)]
        if isinstance(parent, discord.ForumChannel):
            return await self._open_forum_post(parent, list(zip(names, cards, strict=True)))
        if request.card_id is None:

            async def send(card: CardBody) -> discord.Message:
                text, embed = card
                return await parent.send(text, embed=embed, nonce=request.nonce, allowed_mentions=NO_MENTIONS)

            return Stored(str((await first_taken(send, cards, goes_on=refuses_form)).id))
        message = parent.get_partial_message(int(request.card_id))

        async def start(name: str) -> discord.Thread:
            return await message.create_thread(name=name)

        try:
            await self._active.within_cap(
                partial(first_taken, start, names, goes_on=refuses_form), of=parent.id
            )
        except discord.HTTPException as error:
            if error.code != THREAD_ALREADY_STARTED:
                raise
        # A thread that was started from a message has its id.
        return Opened(remote_id=request.card_id, card_id=request.card_id)

    async def _open_forum_post(
        self, forum: discord.ForumChannel, posts: Sequence[tuple[str, CardBody]]
    ) -> Opened:
        # A forum post takes no nonce: a second request would make a second post.
        if (attempt := current_attempt()) is not None:
            attempt.repeatable = False

        async def create(post: tuple[str, CardBody]) -> discord.channel.ThreadWithMessage:
            name, (text, embed) = post
            return await forum.create_thread(
                name=name,
                content=text,
                embed=embed,
                applied_tags=required_tags(forum),
                allowed_mentions=NO_MENTIONS,
            )

        created = await self._active.within_cap(
            partial(first_taken, create, posts, goes_on=refuses_form), of=forum.id
        )
        return Opened(remote_id=str(created.thread.id), card_id=str(created.message.id))

    async def _find_opening(self, request: FindOpening) -> Answer:
        """The card, or the forum post, of an opening of unknown fate: both end in the conversation's code."""
        endpoint = await database_sync_to_async(_endpoint)(request.endpoint_id)
        parent = await self._parent(endpoint)
        code, mine = endpoint.connection.code, self._me().id
        old = endpoint.predecessor_id
        if isinstance(parent, discord.ForumChannel):
            for thread in await reading.active_threads(self._client, parent.guild.id):
                ours = thread.parent_id == parent.id and thread.owner_id == mine and str(thread.pk) != old
                if ours and thread.name.endswith(code):
                    return Opened(remote_id=str(thread.pk), card_id=str(thread.pk))
            return Missing()
        # A minute for the difference between Discord's clock and ours.
        since = discord.utils.time_snowflake(endpoint.connection.created_at - timedelta(minutes=1))
        after = max(since, int(old or 0))
        for each in await reading.newest_messages(self._client, parent.id, limit=NEAR_PAGES, after=after):
            card = seen_of(each, author=mine)
            if card is not None and card.text.endswith(code):
                return Stored(card.remote_id)
        return Missing()

    async def _parent(self, endpoint: Endpoint) -> Parent:
        channel_id = endpoint.connection.inbox.channel_id
        if channel_id is None:
            raise DeliveryFailed(
                NOT_PERMITTED,
                f"The inbox {endpoint.connection.inbox} has no Discord channel: set one in the admin.",
                permanent=False,
                certain=True,
            )
        channel = self._client.get_channel(channel_id) or await self._client.fetch_channel(channel_id)
        if not isinstance(channel, Parent):
            raise DeliveryFailed(
                NOT_PERMITTED,
                f"The Discord channel {channel_id} is neither a text nor a forum channel: choose another one.",
                permanent=False,
                certain=True,
            )
        return channel

    def _thread(self, thread: str) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(int(thread))

    def _me(self) -> discord.ClientUser:
        if self._client.user is None:
            raise DeliveryFailed("offline", "The bot is not logged in yet.", permanent=False, certain=True)
        return self._client.user


def _unread(request: Request, error: Exception) -> Answer:
    """discord.py could not read the answer. What it was an answer to is done; only of what it would have named nobody
    knows, and that is looked for.

    Raises DeliveryFailed.
    """
    attempt = current_attempt()
    written = attempt is not None and attempt.uncertain
    logger.warning("%s: the answer cannot be read: %s", type(request).__name__, reading.where(error))
    if written and isinstance(request, Edit | Delete | React):
        return Done()
    raise DeliveryFailed(
        "unreadable",
        f"Discord's answer cannot be read ({type(error).__name__}).",
        permanent=False,
        certain=not written,
    ) from error


async def _wake(thread: discord.Thread) -> None:
    """Raises DeliveryFailed where somebody locked it, too: only who manages threads may open it then."""
    try:
        await thread.edit(archived=False)
    except discord.Forbidden as error:
        if not thread.locked:
            raise
        raise DeliveryFailed(NOT_PERMITTED, LOCKED, permanent=False, certain=True) from error


def _endpoint(pk: int) -> Endpoint:
    return Endpoint.objects.select_related("connection__inbox").get(pk=pk)
