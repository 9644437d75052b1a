"""Performs the requests of delivery, each with one or two calls of discord.py."""

import logging
from functools import partial
from typing import Any

import aiohttp
import discord

from bridge.errors import DeliveryFailed
from bridge.services.attempts import beside, current_attempt
from bridge.services.discord import reading
from bridge.services.discord.errors import (
    LOCKED,
    THREAD_ARCHIVED,
    UNKNOWN_EMOJI,
    failure_of,
    first_taken,
    not_permitted,
)
from bridge.services.discord.files import opened
from bridge.services.discord.openings import NO_MENTIONS, Openings
from bridge.services.discord.ours import own_user, seen_of
from bridge.services.discord.rooms import Rooms
from bridge.services.discord.text import legal_name, spare_name
from bridge.services.discord.threads import ActiveThreads
from bridge.services.requests import (
    NOTHING_LEFT,
    Answer,
    Delete,
    Done,
    Edit,
    FindOpening,
    Found,
    Open,
    Post,
    React,
    ReadBack,
    Request,
    Stored,
)
from bridge.text import emojis

logger = logging.getLogger(__name__)

Change = Edit | Delete | React


class Requests:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._rooms = Rooms(client)
        self._active = ActiveThreads(client)
        self._openings = Openings(client, self._active)

    async def perform(self, request: Request) -> Answer:
        try:
            return await self._perform(request)
        except DeliveryFailed:
            raise
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise failure_of(error, request=request) from error
        except Exception as error:  # noqa: BLE001  # a bug may raise anything
            return _unread(request, error)

    async def _perform(self, request: Request) -> Answer:
        match request:
            case Open():
                return await self._openings.open(request)
            case FindOpening():
                return await self._openings.find(request)
            case Post():
                return await self._post(request)
            case ReadBack():
                return await self._read_back(request)
            case Edit() if request.sender:
                await self._rooms.edit(request)
            case Delete() if request.sender:
                await self._rooms.delete(request)
            case Edit() | Delete() | React():
                await self._change_awake(request)
        return Done()

    async def _post(self, request: Post) -> Stored:
        if request.speaker is not None:
            return await self._rooms.post(request, request.speaker)
        thread = self._client.get_partial_messageable(int(request.thread))
        replies: list[dict[str, Any]] = [{}]
        if request.reply_to:
            reference = discord.MessageReference(
                message_id=int(request.reply_to), channel_id=thread.id, fail_if_not_exists=False
            )
            replies.insert(0, {"reference": reference})

        async def send(reply: dict[str, Any]) -> discord.Message:
            # Opened for each attempt, because a refused request may have closed them.
            async with opened(request.files) as files:
                # discord.py asks Discord to enforce the nonce. For a few minutes, a repeat returns the first message.
                return await thread.send(
                    request.text if request.text or files else NOTHING_LEFT,
                    files=files,
                    nonce=request.nonce,
                    allowed_mentions=NO_MENTIONS,
                    mention_author=False,
                    suppress_embeds=not request.previews,
                    **reply,
                )

        # A post makes an archived thread active.
        message = await self._active.within_cap(partial(first_taken, send, replies), of=thread.id)
        return Stored(str(message.id))

    async def _read_back(self, request: ReadBack) -> Found:
        """Read our messages; in a room those of our webhooks under this name, because they have no nonce."""
        after = int(request.after)
        if request.since is not None:
            # A message cannot have been sent before it was written.
            after = max(after, discord.utils.time_snowflake(request.since))
        if request.speaker:
            names = {legal_name(request.speaker), spare_name(request.speaker)}
            look = partial(seen_of, application=self._client.application_id, names=names)
        else:
            look = partial(seen_of, author=own_user(self._client).id)
        history = reading.messages_after(self._client, int(request.thread), after)
        return Found(tuple([seen async for payload in history if (seen := look(payload)) is not None]))

    async def _change_awake(self, request: Change) -> None:
        """Make a change. In an archived thread it fails (50083), so make the thread active and repeat the change."""
        try:
            await self._change(request)
        except discord.HTTPException as error:
            if error.code != THREAD_ARCHIVED:
                raise
            thread = await self._client.fetch_channel(int(request.thread))
            if not isinstance(thread, discord.Thread):
                raise
            with beside():
                await self._active.within_cap(partial(_wake, thread), of=thread.id)
            await self._change(request)

    async def _change(self, request: Change) -> None:
        thread = self._client.get_partial_messageable(int(request.thread))
        message = thread.get_partial_message(int(request.remote_id))
        match request:
            case Edit():
                await message.edit(content=request.text, allowed_mentions=NO_MENTIONS)
            case Delete():
                await message.delete()
            case React():
                await self._react(message, request)

    async def _react(self, message: discord.PartialMessage, request: React) -> None:
        name, pk, animated = emojis.parts(request.emoji)
        emoji = discord.PartialEmoji(name=name, id=pk, animated=animated)
        if request.add:
            await message.add_reaction(emoji)
            return
        try:
            await message.remove_reaction(emoji, own_user(self._client))
        except discord.HTTPException as error:
            # Nobody has this reaction any more, or the server no longer has this emoji.
            if error.code != UNKNOWN_EMOJI:
                raise


def _unread(request: Request, error: Exception) -> Answer:
    """Handle an answer that discord.py could not read. A change is done; for a post, its message is looked for.

    Raises DeliveryFailed.
    """
    attempt = current_attempt()
    written = attempt is not None and attempt.uncertain
    logger.warning("%s: the answer cannot be read: %s", type(request).__name__, reading.where(error))
    if written and isinstance(request, Change):
        return Done()
    raise DeliveryFailed(
        "unreadable",
        f"Discord's answer cannot be read ({type(error).__name__}).",
        permanent=False,
        certain=not written,
    ) from error


async def _wake(thread: discord.Thread) -> None:
    """Make a thread active. Raises DeliveryFailed if it is also locked, which needs “Manage Threads”."""
    try:
        await thread.edit(archived=False)
    except discord.Forbidden as error:
        if not thread.locked:
            raise
        raise not_permitted(LOCKED) from error
