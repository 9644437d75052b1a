"""Find what happened while nobody looked: which threads hold something new, and what was changed (rules 7 and 8)."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

import discord
from channels.db import database_sync_to_async
from django.utils import timezone

from bridge.bot import lease
from bridge.bot.relay import Compare, Relay
from bridge.models import Connection, Endpoint, Inbox
from bridge.services.discord import DiscordService

logger = logging.getLogger(__name__)

MARGIN = timedelta(minutes=5)
"""Look back further than the last heartbeat: a connection that hangs is noticed only after a while."""
SWEEP_EVERY = 600.0
SWEEP_RATE = 10.0
"""Requests a second at most: Discord takes 50 of a bot, and messages go first."""
SWEEP_DAYS = 7
BATCH = 500


async def catch_up(client: discord.Client, relay: Relay) -> None:
    """After READY: find the threads that hold what is not here, and let the relay read those alone.

    One request for all active threads of a server; archived ones are listed newest first, back to the last
    heartbeat: a restart costs as much as there was news, not as much as there are threads.
    """
    since = await database_sync_to_async(lease.last_beat)()
    newest: dict[int, int | None] = {}
    for channel in await channels(client):
        for thread in await channel.guild.active_threads():
            if thread.parent_id == channel.id:
                newest[thread.id] = thread.last_message_id
        async for thread in channel.archived_threads(limit=None):
            if since is not None and thread.archive_timestamp < since - MARGIN:
                break
            newest[thread.id] = thread.last_message_id
    behind = await database_sync_to_async(_behind)(newest)
    logger.info("Of %d threads %d hold something new.", len(newest), len(behind))
    relay.caught_up(behind)


async def channels(client: discord.Client) -> list[discord.TextChannel | discord.ForumChannel]:
    """The channels of all inboxes, as they are now."""
    found = []
    for channel_id in await database_sync_to_async(_channel_ids)():
        channel = client.get_channel(channel_id)
        if isinstance(channel, discord.TextChannel | discord.ForumChannel):
            found.append(channel)
    return found


async def sweep(relay: Relay) -> None:
    """Compare the newest page of each open conversation of the last days, slowly."""
    after = 0
    while batch := await database_sync_to_async(_open_threads)(after):
        for endpoint_id, thread in batch:
            relay.see(int(thread), Compare())
            await asyncio.sleep(1 / SWEEP_RATE)
            after = endpoint_id


def _channel_ids() -> set[int]:
    return {inbox.channel_id for inbox in Inbox.objects.filter(enabled=True) if inbox.channel_id is not None}


def _behind(newest: dict[int, int | None]) -> set[int]:
    """Those whose newest message is beyond the watermark. A thread's own id is its first."""
    behind = set()
    for batch in _batches(sorted(newest)):
        known = Endpoint.objects.filter(service=DiscordService.name, remote_id__in=map(str, batch))
        for thread, watermark in known.values_list("remote_id", "watermark"):
            last = newest[int(thread or 0)]
            if last is None or last > (watermark or 0):
                behind.add(int(thread or 0))
    return behind


def _batches(ids: list[int]) -> Iterable[list[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _open_threads(after: int) -> list[tuple[int, str]]:
    """The next open threads that were used lately, in order of the endpoints' keys."""
    used: datetime = timezone.now() - timedelta(days=SWEEP_DAYS)
    threads = Endpoint.objects.filter(
        pk__gt=after,
        service=DiscordService.name,
        remote_id__isnull=False,
        connection__state=Connection.State.OPEN,
        connection__active_at__gt=used,
    )
    return [
        (pk, remote_id)
        for pk, remote_id in threads.order_by("pk").values_list("pk", "remote_id")[:BATCH]
        if remote_id
    ]
