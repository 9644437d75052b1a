"""Archives the longest idle thread if a server has too many active ones: about 1,000 are allowed (160006)."""

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
"""More than one, because another thread may take the place of the archived one."""


class ActiveThreads:
    """Keeps the number of active threads below the limit. The next message in an archived thread makes it active."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        # Without the lock, twenty lines at once would archive the same thread, and only one could open its own.
        self._making_room = asyncio.Lock()

    async def within_cap(self, request: Callable[[], Awaitable[T]], *, of: int) -> T:
        """Make a request that makes a thread active, and room if needed. `of`: a channel or thread of the server."""
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
        """Archive the longest idle thread, open conversation or not: a thousand open ones would block all new ones."""
        channel = self._client.get_channel(of) or await self._client.fetch_channel(of)
        assert isinstance(channel, discord.abc.GuildChannel | discord.Thread)  # noqa: S101  # `of` is in a server
        active = await reading.active_threads(self._client, channel.guild.id)
        threads = {thread.pk: thread for thread in active if is_me(self._client, thread.owner_id)}
        ours = await database_sync_to_async(_conversations)(list(map(str, threads)))
        if not ours:
            raise DeliveryFailed(
                TOO_MANY_THREADS,
                "The Discord server has too many active threads, and none of them belongs to a conversation: "
                "archive some.",
                permanent=False,
                certain=True,
            )
        idle = min((threads[pk] for pk in ours), key=lambda thread: thread.last_message_id or thread.pk)
        with beside():
            await self._client.http.edit_channel(idle.pk, archived=True)


def required_tags(forum: discord.ForumChannel) -> list[discord.ForumTag]:
    """Return the tags that a post must have there, if possible one that everybody may use."""
    tags = sorted(forum.available_tags, key=lambda tag: tag.moderated)
    return tags[:1] if forum.flags.require_tag else []


def _conversations(threads: list[str]) -> list[int]:
    """Return those of these threads that belong to a conversation."""
    ours = endpoints.threads().filter(remote_id__in=threads)
    return [int(remote_id or 0) for remote_id in ours.values_list("remote_id", flat=True)]
