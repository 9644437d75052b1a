"""The discord.py client. Its cog only routes: each event goes to the relay in one call."""

import asyncio
import logging
import threading
from dataclasses import dataclass
from typing import Literal

import discord
import yarl
from discord.backoff import ExponentialBackoff
from discord.ext import commands, tasks
from discord.gateway import DiscordWebSocket, KeepAliveHandler
from discord.http import Route
from django.db import Error as DatabaseProblem

from bridge.conf import settings
from bridge.delivery.outbox import Brake, Outbox
from bridge.infra.clock import Clock
from bridge.infra.redis import RedisError
from bridge.presence import team
from bridge.services.discord.bot import alarms, catchup, moderation, odd
from bridge.services.discord.bot.background import PROBLEMS, BackgroundTasks
from bridge.services.discord.bot.cards import Cards
from bridge.services.discord.bot.copying import AttachmentMirror
from bridge.services.discord.bot.database import db, thread
from bridge.services.discord.bot.inspecting import Inspector, NothingThere
from bridge.services.discord.bot.lanes import Cleared, Deleted, Edited, Posted, Reacted
from bridge.services.discord.bot.odd import Unreadable
from bridge.services.discord.bot.readers import Readers
from bridge.services.discord.bot.relay import Relay
from bridge.services.discord.bot.typing_relay import TypingRelay
from bridge.services.discord.endpoints import room_channels
from bridge.services.discord.errors import http_trace
from bridge.services.discord.reading import Payload, id_of
from bridge.services.discord.service import DiscordService

logger = logging.getLogger(__name__)

LONGEST_BACKOFF = 60.0
"""Seconds between two tries to reach the gateway."""
LOOK_EVERY = 10.0
"""Seconds between two looks at what is not in order."""
LOOK_AT_ALL = 60
"""Looks after which everything is looked at again."""
SPARE_SESSIONS = 20
"""Of the 1,000 new sessions that Discord takes in a day, those that are left for whoever mends things."""
CALM = 120
"""Seconds without a try after which the next one is soon again. Discord takes 1,000 new sessions a day."""
INTENTS = discord.Intents(
    guilds=True, guild_messages=True, guild_reactions=True, guild_typing=True, message_content=True
)


@dataclass(frozen=True)
class SessionsLeft:
    """How many sessions may begin, and for how many seconds that is so."""

    remaining: int
    seconds: float


class SessionsSpent(Exception):
    """Too few new sessions are left: beyond the last one Discord takes the token away."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Discord allows too few new sessions in the next {seconds:.0f} s.")
        self.seconds = seconds


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
        self.aside = BackgroundTasks()
        self.copier = AttachmentMirror(self)
        self.relay = Relay(self, self.aside, files_came=self.copier.nudge)
        self.typists = TypingRelay(self, self.aside, self.relay.staff)
        self.readers = Readers(self, self.aside)
        self.cards = Cards(self, self.aside)
        service = DiscordService(self)
        self.inspector = Inspector(self, service, room_mended=self.relay.read_again)
        self.outbox = Outbox(service, clock=clock, database=thread(), brake=brake, opened=self.relay.opened)
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
        return self.attached and self.listed and self._hears_all and not self.relay.is_behind

    @property
    def _hears_all(self) -> bool:
        """Whether no server with a channel of ours is away: of one that is nothing is heard."""
        guilds = map(self.get_guild, self.inspector.guilds)
        return all(guild is not None and not guild.unavailable for guild in guilds)

    async def setup_hook(self) -> None:
        await self.add_cog(RelayCog(self))
        moderation.add_commands(self.tree)
        self.copier.start()

    async def on_message(self, message: discord.Message, /) -> None:
        """Nothing: no prefix commands. The cog has its own listener."""

    async def know_rooms(self) -> frozenset[int]:
        """Learn which channels are rooms now. Returns those that were none before."""
        rooms = frozenset(await db(room_channels))
        new, self.rooms = rooms - self.rooms, rooms
        return new

    async def find_gateway(self) -> None:
        """Use the gateway of the settings, else the one that the HTTP API names: the token goes to no other server.

        Raises discord.GatewayNotFound where the API does not name one.
        """
        url = settings.DISCORD_GATEWAY_URL or (await self._gateway())[0]
        if yarl.URL(url).scheme not in {"ws", "wss"}:
            raise discord.GatewayNotFound
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)

    async def spare_sessions(self) -> None:
        """Raises SessionsSpent where only so many new sessions are left that somebody may need them."""
        _, left = await self._gateway()
        if left is not None and left.remaining <= SPARE_SESSIONS:
            raise SessionsSpent(left.seconds)

    async def _gateway(self) -> tuple[str, SessionsLeft | None]:
        """Its address, and how many sessions may begin, as far as the API says so."""
        try:
            _, url, limit = await self.http.get_bot_gateway()
        except (KeyError, TypeError):
            raise discord.GatewayNotFound from None
        try:
            return str(url), SessionsLeft(int(limit["remaining"]), int(limit["reset_after"]) / 1000)
        except (KeyError, TypeError, ValueError):
            return str(url), None

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Before each session, those included that discord.py begins by itself."""
        await self.spare_sessions()
        await super().before_identify_hook(shard_id, initial=initial)

    def sweep_beside(self) -> None:
        """What staff should see beside the messages, and do not."""
        self.aside.start(self.readers.sweep())
        self.aside.start(self.cards.sweep())

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
        # discord.py knows nothing more of a connection whose session was refused here: its thread would go on.
        for each in threading.enumerate():
            if isinstance(each, KeepAliveHandler) and each.ws.loop is asyncio.get_running_loop():
                each.stop()


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
        # Something happened to a server, a channel or a role: all is to be looked at.
        self._changed = self._connected = False
        self._looked = 0

    async def cog_load(self) -> None:
        odd.guard(self.bot, self.missed)
        self.sweep.start()
        self.presence.start()
        self.inspect.start()

    async def cog_unload(self) -> None:
        self.sweep.cancel()
        self.presence.cancel()
        self.inspect.cancel()
        if self._catching_up:
            self._catching_up.cancel()

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        # A new session, not a resumed one: before any of its events. Before the first one everything was looked at.
        self._changed = self._changed or self._connected
        self._connected = True
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
        logger.info("Connected to Discord as %s.", self.bot.user)
        self._begin_catching_up()
        for guild in self.bot.guilds:
            self._show_commands(guild)

    @commands.Cog.listener()
    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        logger.warning("Discord reports the server “%s” as unavailable.", guild.name)
        self.bot.relay.forget_places()

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        self._appeared(guild)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        self._appeared(guild)

    def _appeared(self, guild: discord.Guild) -> None:
        """A server that was away, or is new. Those that come with the session's beginning are listed then."""
        if not self.bot.attached:
            return
        logger.info("The server “%s” is available again.", guild.name)
        self.bot.relay.forget_places()
        self._changed = True
        self._begin_catching_up()
        self._show_commands(guild)

    def _show_commands(self, guild: discord.Guild) -> None:
        if guild.id not in self.bot.commanded and not guild.unavailable:
            self.bot.commanded.add(guild.id)
            self.bot.aside.start(moderation.sync(self.bot.tree, guild))

    def _begin_catching_up(self) -> None:
        self.bot.listed = False
        if self._catching_up:
            self._catching_up.cancel()
        self._catching_up = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        """Again and again until it succeeds: until then nothing from Discord is taken in."""
        await self._say_present()
        pause = 1.0
        while not self.bot.listed:
            try:
                # A server that has just appeared may be another's by now.
                asked = await self.bot.inspector.look(again=not self._changed)
                self._changed = self._changed and not asked
                # First: what comes from now on is taken in, and what came before shows in the list.
                await self.bot.know_rooms()
                listed = await catchup.catch_up(self.bot, self.bot.relay, self.bot.inspector)
                if listed:
                    await self.bot.inspector.note_seen()
                self.bot.listed = listed and asked
            except NothingThere:
                self.bot.listed = True
            except Exception as error:
                expected = isinstance(error, PROBLEMS)
                logger.warning(
                    "The threads could not be listed, retrying in %.0f s: %r",
                    pause,
                    error,
                    exc_info=not expected,
                )
            if not self.bot.listed:
                await asyncio.sleep(pause)
                pause = min(60.0, pause * 2)
        self.bot.sweep_beside()
        await catchup.sweep(self.bot.relay, self.bot.inspector, new_session=True)

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

    def missed(self, event: str, payload: Payload) -> None:
        """An event could not be read."""
        channel_id, pk = id_of(payload, "channel_id"), id_of(payload)
        if channel_id is None or not self._may_be_ours(self.bot.get_channel(channel_id)):
            return
        if event == "MESSAGE_CREATE" and pk is not None:
            self.bot.relay.see(channel_id, Posted(Unreadable(pk, payload)))
        elif event == "MESSAGE_UPDATE" and pk is not None:
            self.bot.relay.see(channel_id, Edited(Unreadable(pk, payload)))
        elif event.startswith("MESSAGE_"):
            self.bot.relay.look_soon(channel_id)

    @tasks.loop(seconds=catchup.SWEEP_EVERY)
    async def sweep(self) -> None:
        # Not `is_up_to_date`: one thread that may not be read would keep all the others from it.
        if self.bot.attached and self.bot.relay.is_listed:
            self.bot.sweep_beside()
            await catchup.sweep(self.bot.relay, self.bot.inspector)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        self._changed = True

    @commands.Cog.listener()
    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        self._changed = True

    @commands.Cog.listener()
    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        self._changed = True

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        self._changed = True

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self._changed = True

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        # Of others Discord tells nothing without an intent that few are given.
        self._changed = True

    @tasks.loop(seconds=LOOK_EVERY)
    async def inspect(self) -> None:
        """What is not in order is looked at each time, the rest where something changed, and now and then."""
        if not self.bot.attached:
            return
        self._looked += 1
        changed, self._changed = self._changed, False
        try:
            asked = await self.bot.inspector.look(again=not changed and bool(self._looked % LOOK_AT_ALL))
            self._changed = self._changed or (changed and not asked)
        except NothingThere:
            logger.debug("No inbox has a channel now.")
        except DatabaseProblem as error:
            logger.warning("The channels will be checked later: %s", error)
        if self.bot.inspector.unseen and self.bot.listed:
            self._begin_catching_up()

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
                logger.warning("New rooms will be looked for later: %s", error)

    async def _say_present(self) -> None:
        try:
            await team.gateway_up()
            if self.bot.user:
                await team.bot_named(self.bot.user.display_name)
        except RedisError as error:
            logger.debug("Presence could not be stored: %s", error)

    def _may_be_ours(self, channel: object) -> bool:
        """Conversations are threads; an archived one is not in discord.py's cache and comes as a partial.

        Of other channels only rooms; a thread inside of one is not the room.
        """
        if channel is None or isinstance(channel, discord.Thread | discord.PartialMessageable):
            return True
        return isinstance(channel, discord.TextChannel) and channel.id in self.bot.rooms
