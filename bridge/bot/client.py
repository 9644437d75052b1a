"""The discord.py client. Its cog only routes: each event goes to the relay in one call."""

import asyncio
import logging
from typing import Literal

import discord
import yarl
from discord.backoff import ExponentialBackoff
from discord.ext import commands, tasks
from discord.gateway import DiscordWebSocket
from discord.http import Route
from django.db import Error as DatabaseProblem

from bridge import presence, retention
from bridge.bot import alarms, catchup, moderation
from bridge.bot.aside import PROBLEMS, Aside
from bridge.bot.copying import Copier
from bridge.bot.database import db, thread
from bridge.bot.incoming import rooms as rooms_of_all
from bridge.bot.lanes import Cleared, Deleted, Edited, Posted, Reacted
from bridge.bot.readers import Readers
from bridge.bot.relay import Relay
from bridge.bot.typists import Typists
from bridge.clock import Clock
from bridge.conf import settings
from bridge.outbox import Brake, Outbox
from bridge.redis import RedisError
from bridge.services.discord import DiscordService
from bridge.services.discord_errors import http_trace

logger = logging.getLogger(__name__)

LONGEST_BACKOFF = 60.0
"""Seconds between two tries to reach the gateway."""
CALM = 120
"""Seconds without a try after which the next one is soon again. Discord takes 1,000 new sessions a day."""
INTENTS = discord.Intents(
    guilds=True, guild_messages=True, guild_reactions=True, guild_typing=True, message_content=True
)


class BridgeBot(commands.Bot):
    """One gateway session after another, until it is closed. Made anew each time that this process gets the lease."""

    def __init__(self, clock: Clock) -> None:
        brake = Brake(clock)
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            http_trace=http_trace(brake.invalid),
            max_messages=None,
        )
        self.aside = Aside()
        self.copier = Copier(self)
        self.relay = Relay(self, self.aside, files_came=self.copier.nudge)
        self.typists = Typists(self, self.aside)
        self.readers = Readers(self, self.aside)
        self.outbox = Outbox(
            DiscordService(self), clock=clock, database=thread(), brake=brake, opened=self.relay.opened
        )
        # The gateway brings events now.
        self.attached = False
        # All threads were listed since the session began.
        self.listed = False
        # Text channels that are rooms, so that the talk in all the others costs nothing.
        self.rooms: frozenset[int] = frozenset()
        # Servers that show our commands.
        self.commanded: set[int] = set()

    @property
    def is_up_to_date(self) -> bool:
        """Whether everything that Discord holds was taken in, or will be seen after a restart from now on."""
        return self.attached and self.listed and not self.relay.is_behind

    async def setup_hook(self) -> None:
        await self.add_cog(RelayCog(self))
        moderation.add_commands(self.tree)
        self.copier.start()

    async def on_message(self, message: discord.Message, /) -> None:
        """Nothing: no prefix commands. The cog has its own listener."""

    async def know_rooms(self) -> frozenset[int]:
        """Learn which channels are rooms now. Returns those that were none before."""
        rooms = frozenset(await db(rooms_of_all))
        new, self.rooms = rooms - self.rooms, rooms
        return new

    async def find_gateway(self) -> None:
        """Use the gateway of the settings, else the one that the HTTP API names: the token goes to no other server.

        Raises discord.GatewayNotFound where the API does not name one.
        """
        url = settings.DISCORD_GATEWAY_URL
        if not url:
            try:
                _, url, _ = await self.http.get_bot_gateway()
                if yarl.URL(url).scheme not in {"ws", "wss"}:
                    raise ValueError
            except (KeyError, TypeError, ValueError):
                raise discord.GatewayNotFound from None
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)

    async def leave_gateway(self) -> None:
        """Hear no more of Discord; requests may still be made."""
        self.attached = False
        await self.relay.stop()
        # There is none before the first connection, whatever discord.py's annotation says.
        if self.ws is not None and self.ws.open:
            await self.ws.close(code=1000)

    async def close(self) -> None:
        self.attached = False
        await self.relay.stop()
        await self.aside.stop()
        await self.copier.stop()
        await super().close()


class Backoff(ExponentialBackoff[Literal[False]]):
    """discord.py's own grows to 17 minutes, in which staff would not be heard after a long outage, and is forgotten
    only after half an hour without any: then one drop in a quiet evening costs as much."""

    def __init__(self) -> None:
        super().__init__()
        self._reset_time = CALM

    def delay(self) -> float:
        return min(LONGEST_BACKOFF, super().delay())


def point_at_discord() -> None:
    """Use the addresses of the settings: a proxy, or another server that speaks Discord's protocol."""
    Route.BASE = settings.DISCORD_API_URL
    discord.client.ExponentialBackoff = Backoff  # type: ignore[attr-defined, assignment]
    # Libraries for voice are not missed.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


class RelayCog(commands.Cog):
    def __init__(self, bot: BridgeBot) -> None:
        self.bot = bot
        self._catching_up: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        self.sweep.start()
        self.presence.start()
        self.purge.start()

    async def cog_unload(self) -> None:
        self.sweep.cancel()
        self.presence.cancel()
        self.purge.cancel()
        if self._catching_up:
            self._catching_up.cancel()

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        # A new session, not a resumed one: before any of its events.
        self.bot.listed = False
        self.bot.relay.fall_behind()

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        self.bot.attached = False

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        # What was missed has come again before this.
        self.bot.attached = True

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        self.bot.attached = True
        if self._catching_up:
            self._catching_up.cancel()
        self._catching_up = asyncio.create_task(self._catch_up())
        for guild in self.bot.guilds:
            if guild.id not in self.bot.commanded:
                self.bot.commanded.add(guild.id)
                self.bot.aside.start(moderation.sync(self.bot.tree, guild))

    async def _catch_up(self) -> None:
        """Again and again until it succeeds: until then nothing from Discord is taken in."""
        await self._say_present()
        pause = 1.0
        while not self.bot.listed:
            try:
                # First: what comes from now on is taken in, and what came before shows in the list.
                await self.bot.know_rooms()
                self.bot.listed = await catchup.catch_up(self.bot, self.bot.relay)
            except Exception as error:
                expected = isinstance(error, PROBLEMS)
                logger.warning(
                    "The threads could not be listed, again in %.0f s: %r",
                    pause,
                    error,
                    exc_info=not expected,
                )
            if not self.bot.listed:
                await asyncio.sleep(pause)
                pause = min(60.0, pause * 2)
        self.bot.aside.start(self.bot.readers.sweep())
        await catchup.sweep(self.bot.relay, new_session=True)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if self._may_be_ours(message.channel):
            self.bot.relay.see(message.channel.id, Posted(message))

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        if self._may_be_ours(payload.message.channel):
            self.bot.relay.see(payload.channel_id, Edited(payload.message))

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        if self._may_be_ours(self.bot.get_channel(payload.channel_id)):
            self.bot.relay.see(payload.channel_id, Deleted(payload.message_id))

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        if self._may_be_ours(self.bot.get_channel(payload.channel_id)):
            for message_id in sorted(payload.message_ids):
                self.bot.relay.see(payload.channel_id, Deleted(message_id))

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        self._reacted(payload, added=True)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        self._reacted(payload, added=False)

    def _reacted(self, payload: discord.RawReactionActionEvent, *, added: bool) -> None:
        mine = self.bot.user is not None and payload.user_id == self.bot.user.id
        if not mine and self._may_be_ours(self.bot.get_channel(payload.channel_id)):
            event = Reacted(payload.message_id, payload.user_id, payload.member, payload.emoji, added)
            self.bot.relay.see(payload.channel_id, event)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, payload: discord.RawReactionClearEvent) -> None:
        if self._may_be_ours(self.bot.get_channel(payload.channel_id)):
            self.bot.relay.see(payload.channel_id, Cleared(payload.message_id, None))

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, payload: discord.RawReactionClearEmojiEvent) -> None:
        if self._may_be_ours(self.bot.get_channel(payload.channel_id)):
            self.bot.relay.see(payload.channel_id, Cleared(payload.message_id, payload.emoji))

    @commands.Cog.listener()
    async def on_raw_typing(self, payload: discord.RawTypingEvent) -> None:
        channel = self.bot.get_channel(payload.channel_id)
        is_room = payload.channel_id in self.bot.rooms
        if (isinstance(channel, discord.Thread) or is_room) and payload.user is not None:
            self.bot.typists.staff(payload.channel_id, payload.user)

    @tasks.loop(seconds=catchup.SWEEP_EVERY)
    async def sweep(self) -> None:
        # Not `is_up_to_date`: one thread that may not be read would keep all the others from it.
        if self.bot.attached and self.bot.relay.is_listed:
            self.bot.aside.start(self.bot.readers.sweep())
            await catchup.sweep(self.bot.relay)

    @tasks.loop(hours=1)
    async def purge(self) -> None:
        try:
            if count := await db(retention.purge_unsent):
                logger.info("%d uploads that nobody sent were deleted.", count)
        except DatabaseProblem as error:
            logger.warning("Old uploads are deleted later: %s", error)

    @tasks.loop(seconds=5)
    async def presence(self) -> None:
        if self.bot.attached:
            await self._say_present()
            self.bot.aside.start(alarms.tell(self.bot))
            try:
                for channel_id in await self.bot.know_rooms():
                    # What was said there since it was made.
                    self.bot.relay.read_again(channel_id)
            except DatabaseProblem as error:
                logger.warning("New rooms are looked for later: %s", error)

    async def _say_present(self) -> None:
        try:
            await presence.gateway_up()
            if self.bot.user:
                await presence.bot_named(self.bot.user.display_name)
        except RedisError as error:
            logger.debug("Presence was not noted: %s", error)

    def _may_be_ours(self, channel: object) -> bool:
        """Conversations are threads; an archived one is not in discord.py's cache and comes as a partial.

        Of other channels only rooms; a thread inside of one is not the room.
        """
        if channel is None or isinstance(channel, discord.Thread | discord.PartialMessageable):
            return True
        return isinstance(channel, discord.TextChannel) and channel.id in self.bot.rooms
