"""Opens a conversation's thread in Discord, and finds it again if the answer was lost."""

from datetime import timedelta
from functools import partial

import discord
from channels.db import database_sync_to_async

from bridge.models import Endpoint
from bridge.services.attempts import current_attempt
from bridge.services.discord import reading
from bridge.services.discord.card import card_embed, card_text, contact_of, thread_name
from bridge.services.discord.errors import THREAD_ALREADY_STARTED, first_taken, not_permitted, refuses_form
from bridge.services.discord.ours import own_user, seen_of
from bridge.services.discord.threads import ActiveThreads, required_tags
from bridge.services.requests import Answer, FindOpening, Missing, Open, Opened, Stored

NO_MENTIONS = discord.AllowedMentions.none()
NEAR_PAGES = 1000
"""Maximum number of messages in a channel that are searched for a card whose result is unknown."""

Parent = discord.TextChannel | discord.ForumChannel
Look = tuple[str, str, discord.Embed]
"""The thread's name, and the card's text and embed."""


class Openings:
    def __init__(self, client: discord.Client, active: ActiveThreads) -> None:
        self._client = client
        self._active = active

    async def open(self, request: Open) -> Answer:
        endpoint = await database_sync_to_async(_endpoint)(request.endpoint_id)
        looks = await database_sync_to_async(_looks)(endpoint)
        parent = await self._parent(endpoint)
        if isinstance(parent, discord.ForumChannel):
            return await self._open_forum_post(parent, looks)
        if request.card_id is None:

            async def send(look: Look) -> discord.Message:
                _, text, embed = look
                return await parent.send(text, embed=embed, nonce=request.nonce, allowed_mentions=NO_MENTIONS)

            return Stored(str((await first_taken(send, looks, goes_on=refuses_form)).id))
        message = parent.get_partial_message(int(request.card_id))
        start = partial(first_taken, lambda look: message.create_thread(name=look[0]), looks)
        try:
            await self._active.within_cap(partial(start, goes_on=refuses_form), of=parent.id)
        except discord.HTTPException as error:
            if error.code != THREAD_ALREADY_STARTED:
                raise
        # A thread that was started from a message has the message's id.
        return Opened(remote_id=request.card_id, card_id=request.card_id)

    async def _open_forum_post(self, forum: discord.ForumChannel, looks: list[Look]) -> Opened:
        # A forum post has no nonce, so a second request would create a second post.
        if (attempt := current_attempt()) is not None:
            attempt.repeatable = False

        async def create(look: Look) -> discord.channel.ThreadWithMessage:
            name, text, embed = look
            return await forum.create_thread(
                name=name,
                content=text,
                embed=embed,
                applied_tags=required_tags(forum),
                allowed_mentions=NO_MENTIONS,
            )

        created = await self._active.within_cap(
            partial(first_taken, create, looks, goes_on=refuses_form), of=forum.id
        )
        return Opened(remote_id=str(created.thread.id), card_id=str(created.message.id))

    async def find(self, request: FindOpening) -> Answer:
        """Find the card or forum post of an opening whose result is unknown. Both end with the conversation's code."""
        endpoint = await database_sync_to_async(_endpoint)(request.endpoint_id)
        parent = await self._parent(endpoint)
        code, me = endpoint.connection.code, own_user(self._client).id
        old = endpoint.predecessor_id
        if isinstance(parent, discord.ForumChannel):
            for thread in await reading.active_threads(self._client, parent.guild.id):
                ours = thread.parent_id == parent.id and thread.owner_id == me and str(thread.pk) != old
                if ours and thread.name.endswith(code):
                    return Opened(remote_id=str(thread.pk), card_id=str(thread.pk))
            return Missing()
        # A minute earlier, in case Discord's clock and ours differ.
        since = discord.utils.time_snowflake(endpoint.connection.created_at - timedelta(minutes=1))
        after = max(since, int(old or 0))
        for payload in await reading.newest_messages(self._client, parent.id, limit=NEAR_PAGES, after=after):
            card = seen_of(payload, author=me)
            if card is not None and card.text.endswith(code):
                return Stored(card.remote_id)
        return Missing()

    async def _parent(self, endpoint: Endpoint) -> Parent:
        inbox = endpoint.connection.inbox
        if inbox.channel_id is None:
            raise not_permitted(f"The inbox {inbox} has no Discord channel: set one in the admin.")
        channel = self._client.get_channel(inbox.channel_id) or await self._client.fetch_channel(
            inbox.channel_id
        )
        if not isinstance(channel, Parent):
            raise not_permitted(
                f"The Discord channel {inbox.channel_id} is neither a text nor a forum channel: choose another one."
            )
        return channel


def _looks(endpoint: Endpoint) -> list[Look]:
    """Return two looks: Discord may refuse the visitor's name or page, so the second one is without them."""
    contact = contact_of(endpoint)
    return [
        (
            thread_name(endpoint.connection, bare=bare),
            card_text(endpoint, bare=bare),
            card_embed(endpoint, contact=contact, bare=bare),
        )
        for bare in (False, True)
    ]


def _endpoint(pk: int) -> Endpoint:
    return Endpoint.objects.select_related("connection__inbox").get(pk=pk)
