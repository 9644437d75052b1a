"""A Discord server takes about 1,000 active threads (160006): the one that is idle longest gives way to the next."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord
from channels.db import database_sync_to_async

from bridge.errors import DeliveryFailed
from bridge.services.attempts import beside
from bridge.services.discord import endpoints, reading
from bridge.services.discord.errors import TOO_MANY_ACTIVE_THREADS, TOO_MANY_THREADS
from bridge.services.discord.ours import is_me

T = TypeVar("T")

TRIES = 3
"""Others open threads in the server, too, and may take the room that was made."""


class ActiveThreads:
    """Makes room under the cap. The next message in a thread that gave way makes it active again."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        # Twenty lines at once would each archive the same thread, and one of them open its own.
        self._making_room = asyncio.Lock()

    async def within_cap(self, request: Callable[[], Awaitable[T]], *, of: int) -> T:
        """Make a request that makes a thread active, and room for it. `of`: a channel or thread of the server."""
        try:
            return await request()
        except discord.HTTPException as error:
            if error.code != TOO_MANY_ACTIVE_THREADS:
                raise
            refusal = error
        async with self._making_room:
            for _ in range(TRIES):
                await self._archive_idle(of)
                try:
                    return await request()
                except discord.HTTPException as error:
                    if error.code != TOO_MANY_ACTIVE_THREADS:
                        raise
                    refusal = error
        raise refusal

    async def _archive_idle(self, of: int) -> None:
        """Whether its conversation is open or not: else a thousand open ones would keep all newcomers out."""
        channel = self._client.get_channel(of) or await self._client.fetch_channel(of)
        assert isinstance(channel, discord.abc.GuildChannel | discord.Thread)  # noqa: S101  # what is `of` a server
        active = await reading.active_threads(self._client, channel.guild.id)
        mine = {thread.pk: thread for thread in active if is_me(self._client, thread.owner_id)}
        ours = await database_sync_to_async(_conversations)(list(map(str, mine)))
        if not ours:
            raise DeliveryFailed(
                TOO_MANY_THREADS,
                "The Discord server has too many active threads, and none of them belongs to a conversation: "
                "archive some.",
                permanent=False,
                certain=True,
            )
        idle = min((mine[pk] for pk in ours), key=lambda thread: thread.last_message_id or thread.pk)
        with beside():
            await self._client.http.edit_channel(idle.pk, archived=True)


def required_tags(forum: discord.ForumChannel) -> list[discord.ForumTag]:
    """What a post must have there; one that everybody may set comes first."""
    tags = sorted(forum.available_tags, key=lambda tag: tag.moderated)
    return tags[:1] if forum.flags.require_tag else []


def _conversations(threads: list[str]) -> list[int]:
    """Those of these threads that are a conversation's."""
    ours = endpoints.threads().filter(remote_id__in=threads)
    return [int(remote_id or 0) for remote_id in ours.values_list("remote_id", flat=True)]
