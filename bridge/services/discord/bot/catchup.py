"""Finds what was missed: threads with new messages, and messages that were changed (rules 7 and 8)."""

import asyncio
import logging
from datetime import datetime, timedelta
from functools import partial

import discord
from django.utils import timezone

from bridge.models import Connection
from bridge.services.discord import endpoints, reading
from bridge.services.discord.bot import lease
from bridge.services.discord.bot.background import PROBLEMS
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.inspecting import Inspector
from bridge.services.discord.bot.lanes import Compare
from bridge.services.discord.bot.relay import Relay
from bridge.services.discord.ours import is_me

logger = logging.getLogger(__name__)

MARGIN = timedelta(minutes=5)
"""Looks back further than the last heartbeat, because a connection that hangs is only noticed after a while."""
OVERLAP = timedelta(seconds=15)
"""Messages from this long before the last heartbeat are read again, because events may arrive in the wrong order."""
SWEEP_EVERY = 600.0
SWEEP_RATE = 10.0
"""Maximum requests per second. Discord accepts 50 from a bot, and messages come first."""


async def catch_up(client: discord.Client, relay: Relay, inspector: Inspector) -> bool:
    """Find the threads with new messages after READY, and let the relay read only those.

    Archived threads are listed newest first, back to the last heartbeat, so a restart only costs as much as there is
    new. Returns False if some threads could not be listed. Each of these is read before its next event.
    """
    since = await db(_since)
    # If a channel could not be read for a while, look back to when that began.
    archived_since = min([since, *inspector.unseen.values()]) - MARGIN
    lists = [partial(reading.active_threads, client, guild_id) for guild_id in inspector.guilds]
    archived = partial(reading.archived_threads, client, since=archived_since)
    lists += [partial(archived, channel_id) for channel_id in inspector.channels]
    listed: list[reading.Listed] = []
    complete = True
    for threads in lists:
        try:
            listed += await threads()
        except PROBLEMS as error:
            kind = "active" if threads.func is reading.active_threads else "archived"
            message = "The %s threads of %d could not be listed, retrying later: %r"
            logger.warning(message, kind, threads.args[-1], error)
            complete = False
    newest = {thread.pk: thread.last_message_id for thread in listed}
    ours = {thread.pk for thread in listed if is_me(client, thread.owner_id)}
    rooms = set(await db(endpoints.room_channels)) - inspector.held_rooms
    newest |= {room: _last_of_room(client, room) for room in rooms}
    behind, known = await db(_behind, newest, since)
    logger.info("Of %d threads, %d have new messages.", len(newest), len(behind))
    # Unknown threads of ours were opened, but the answer is still on its way. They are read once they are known.
    relay.caught_up(behind, listed=newest, unknown=ours - known)
    return complete


def _last_of_room(client: discord.Client, channel_id: int) -> int | None:
    """Return its newest message; None if unknown, e.g. while its server is unavailable. Then the room is read."""
    channel = client.get_channel(channel_id)
    if isinstance(channel, discord.TextChannel) and not channel.guild.unavailable:
        return channel.last_message_id
    return None


async def sweep(relay: Relay, inspector: Inspector, *, new_session: bool = False) -> None:
    """Compare the newest page of each recent open conversation, slowly. Skips those where this would be refused."""
    try:
        for thread, inbox in await db(_open_threads):
            if thread not in inspector.held_rooms and not inspector.holds(inbox, thread):
                relay.see(thread, Compare(new_session))
                await asyncio.sleep(1 / SWEEP_RATE)
    except PROBLEMS as error:
        logger.warning("Earlier changes will be compared later: %r", error)


def _since() -> datetime:
    """Return the last heartbeat; before the first one, the time of the first conversation."""
    first = Connection.objects.order_by("pk").values_list("created_at", flat=True).first()
    return lease.last_beat() or first or timezone.now()


def _behind(newest: dict[int, int | None], since: datetime) -> tuple[set[int], set[int]]:
    """Return the threads with a message after the watermark or just before the last heartbeat, and all known ones."""
    # Of two messages in a row, the second may have arrived first.
    restless = discord.utils.time_snowflake(since - OVERLAP)
    watermarks: dict[int, int] = {}
    for batch in endpoints.batches(sorted(newest)):
        known = endpoints.opened().filter(remote_id__in=map(str, batch))
        for thread, watermark in known.values_list("remote_id", "watermark"):
            watermarks[int(thread or 0)] = watermark or 0
    behind = {
        thread
        for thread, watermark in watermarks.items()
        if (last := newest[thread]) is None or last > watermark or last > restless
    }
    return behind, set(watermarks)


def _open_threads() -> list[tuple[int, int]]:
    """Return the recently used open threads, each with its inbox."""
    connections = Connection.objects.filter(state=Connection.State.OPEN)
    rows = endpoints.lately_used(endpoints.opened(), connections, "remote_id", "connection__inbox")
    return [(int(thread), inbox) for thread, inbox in rows]
