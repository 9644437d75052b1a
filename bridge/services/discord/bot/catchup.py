"""Find what happened while nobody looked: which threads hold something new, and what was changed (rules 7 and 8)."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

import discord
from django.utils import timezone

from bridge.models import Connection, Endpoint
from bridge.services.discord import reading as reading
from bridge.services.discord.bot import incoming, lease
from bridge.services.discord.bot.background import PROBLEMS
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.inspecting import Inspector
from bridge.services.discord.bot.lanes import Compare
from bridge.services.discord.bot.relay import Relay
from bridge.services.discord.reading import Listed
from bridge.services.discord.service import DiscordService

logger = logging.getLogger(__name__)

MARGIN = timedelta(minutes=5)
"""Look back further than the last heartbeat: a connection that hangs is noticed only after a while."""
OVERLAP = timedelta(seconds=15)
"""What was written this long before the last heartbeat is read again: events may come in the wrong order."""
SWEEP_EVERY = 600.0
SWEEP_RATE = 10.0
"""Requests a second at most: Discord takes 50 of a bot, and messages go first."""
SWEEP_DAYS = 7
BATCH = 500


async def catch_up(client: discord.Client, relay: Relay, inspector: Inspector) -> bool:
    """After READY: find the threads that hold what is not here, and let the relay read those alone.

    One request for all active threads of a server; archived ones are listed newest first, back to the last
    heartbeat: a restart costs as much as there was news, not as much as there are threads.

    Returns False where a server's or a channel's threads could not be listed: they alone have to wait for that. Each of
    them is read before what comes in it.
    """
    since = await db(_since)
    # Of a channel that could not be read for a while, from then on.
    archived_since = min([since, *inspector.unseen.values()]) - MARGIN
    listed: list[Listed] = []
    complete = True
    for guild_id in inspector.guilds:
        try:
            listed += await reading.active_threads(client, guild_id)
        except PROBLEMS as error:
            logger.warning(
                "The threads of server %d could not be listed, retrying later: %r", guild_id, error
            )
            complete = False
    for channel_id in inspector.channels:
        try:
            listed += await reading.archived_threads(client, channel_id, since=archived_since)
        except PROBLEMS as error:
            logger.warning(
                "The archived threads of %d could not be listed, retrying later: %r", channel_id, error
            )
            complete = False
    newest = {thread.pk: thread.last_message_id for thread in listed}
    ours = {thread.pk for thread in listed if client.user and thread.owner_id == client.user.id}
    rooms = set(await db(incoming.rooms)) - inspector.held_rooms
    newest |= {room: _last_of_room(client, room) for room in rooms}
    behind, known = await db(_behind, newest, since)
    logger.info("Of %d threads, %d have new messages.", len(newest), len(behind))
    # Opened, but the answer to that is still on its way: what is in them is read once they are known.
    relay.caught_up(behind, listed=newest, unknown=ours - known)
    return complete


def _last_of_room(client: discord.Client, channel_id: int) -> int | None:
    """None where that is not known, as while its server is unavailable: it is read then."""
    channel = client.get_channel(channel_id)
    if isinstance(channel, discord.TextChannel) and not channel.guild.unavailable:
        return channel.last_message_id
    return None


async def sweep(relay: Relay, inspector: Inspector, *, new_session: bool = False) -> None:
    """Compare the newest page of each open conversation of the last days, slowly. Not where that would be refused."""
    try:
        for thread, inbox in await db(_open_threads):
            if int(thread) in inspector.held_rooms or inspector.holds(inbox, int(thread)):
                continue
            relay.see(int(thread), Compare(new_session))
            await asyncio.sleep(1 / SWEEP_RATE)
    except PROBLEMS as error:
        logger.warning("Earlier changes will be compared later: %r", error)


def _since() -> datetime:
    """The last heartbeat; before the first one, when the first conversation began."""
    first = Connection.objects.order_by("pk").values_list("created_at", flat=True).first()
    return lease.last_beat() or first or timezone.now()


def _behind(newest: dict[int, int | None], since: datetime) -> tuple[set[int], set[int]]:
    """Those whose newest message is beyond the watermark, and all that are known. A thread's own id is its first.

    And those that were written in just before the end: of two neighbours the second may have come first.
    """
    restless = discord.utils.time_snowflake(since - OVERLAP)
    behind: set[int] = set()
    all_known: set[int] = set()
    for batch in _batches(sorted(newest)):
        known = Endpoint.objects.filter(service=DiscordService.name, remote_id__in=map(str, batch))
        for thread, watermark in known.values_list("remote_id", "watermark"):
            all_known.add(int(thread or 0))
            last = newest[int(thread or 0)]
            if last is None or last > (watermark or 0) or last > restless:
                behind.add(int(thread or 0))
    return behind, all_known


def _batches(ids: list[int]) -> Iterable[list[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _open_threads() -> list[tuple[str, int]]:
    """The open threads that were used lately, each with its inbox.

    In two steps: asked for both at once, a database walks over all endpoints that there ever were.
    """
    used: datetime = timezone.now() - timedelta(days=SWEEP_DAYS)
    lately = Connection.objects.filter(state=Connection.State.OPEN, active_at__gt=used)
    threads: list[tuple[str, int]] = []
    for batch in _batches(list(lately.values_list("pk", flat=True))):
        known = Endpoint.objects.filter(
            connection_id__in=batch, service=DiscordService.name, remote_id__isnull=False
        )
        rows = known.values_list("remote_id", "connection__inbox")
        threads += [(remote_id, inbox) for remote_id, inbox in rows if remote_id]
    return threads
