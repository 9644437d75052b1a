"""Routes the events of the gateway: each one goes to the relay or causes a check."""

import asyncio
import logging
from typing import TYPE_CHECKING

import discord
from discord.ext import commands, tasks
from django.db import Error as DatabaseProblem

from bridge.infra.redis import RedisError
from bridge.presence import team
from bridge.services.discord.bot import alarms, catchup, moderation, odd
from bridge.services.discord.bot.background import PROBLEMS
from bridge.services.discord.bot.inspecting import NothingThere
from bridge.services.discord.bot.lanes import Cleared, Deleted, Edited, Event, Posted, Reacted
from bridge.services.discord.ours import is_me
from bridge.services.discord.reading import Payload, id_of

if TYPE_CHECKING:
    from bridge.services.discord.bot.client import BridgeBot

logger = logging.getLogger(__name__)

LOOK_EVERY = 10.0
"""Seconds between two checks of inboxes and rooms with problems."""
LOOK_AT_ALL = 60
"""Number of these checks after which everything is checked."""


class RelayCog(commands.Cog):
    def __init__(self, bot: "BridgeBot") -> None:
        self.bot = bot
        self._catching_up: asyncio.Task[None] | None = None
        # Whether a server, a channel or a role changed, so that everything has to be checked.
        self._changed = self._connected = False
        self._looked = 0

    async def cog_load(self) -> None:
        odd.guard(self.bot, self.missed)
        for loop in self.sweep, self.presence, self.inspect:
            loop.start()

    async def cog_unload(self) -> None:
        for loop in self.sweep, self.presence, self.inspect:
            loop.cancel()
        if self._catching_up:
            self._catching_up.cancel()

    @commands.Cog.listener()
    async def on_connect(self) -> None:
        # A new session, not a resumed one, and before any of its events. Before the first one everything was checked.
        self._changed = self._changed or self._connected
        self._connected = True
        self.bot.listed = False
        self.bot.relay.fall_behind()

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        self.bot.attached = False

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        # The missed events have been sent again before this one.
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

    @commands.Cog.listener("on_guild_available")
    @commands.Cog.listener("on_guild_join")
    async def on_guild(self, guild: discord.Guild) -> None:
        """Handle a server that was unavailable or is new. Servers at the start of a session are listed then."""
        if not self.bot.attached:
            return
        logger.info("The server “%s” is available again.", guild.name)
        self.bot.relay.forget_places()
        self._changed = True
        self._begin_catching_up()
        self._show_commands(guild)

    @commands.Cog.listener("on_guild_channel_delete")
    @commands.Cog.listener("on_guild_channel_update")
    @commands.Cog.listener("on_guild_role_update")
    @commands.Cog.listener("on_guild_role_delete")
    @commands.Cog.listener("on_guild_remove")
    @commands.Cog.listener("on_member_update")
    async def on_change(self, *_: object) -> None:
        # Without a privileged intent, Discord only reports changes of the bot itself as a member.
        self._changed = True

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
        """Repeat until it succeeds. Until then, no event from Discord is handled."""
        await self._say_present()
        pause = 1.0
        while not await self._list_threads():
            logger.warning("The threads are listed again in %.0f s.", pause)
            await asyncio.sleep(pause)
            pause = min(60.0, pause * 2)
        self.bot.listed = True
        self.bot.sweep_beside()
        await catchup.sweep(self.bot.relay, self.bot.inspector, new_session=True)

    async def _list_threads(self) -> bool:
        """Return whether everything could be requested."""
        try:
            # A server that has just appeared may have changed in the meantime.
            asked = await self.bot.inspector.look(again=not self._changed)
            self._changed = self._changed and not asked
            # This is first, so that later messages in rooms are handled as events and earlier ones are in the list.
            await self.bot.know_rooms()
            listed = await catchup.catch_up(self.bot, self.bot.relay, self.bot.inspector)
            if listed:
                await self.bot.inspector.note_seen()
            return listed and asked
        except NothingThere:
            return True
        except Exception as error:
            expected = isinstance(error, PROBLEMS)
            logger.warning("The threads could not be listed: %r", error, exc_info=not expected)
            return False

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        self._see(message.channel.id, Posted(message))

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        self._see(payload.channel_id, Edited(payload.message))

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        self._see(payload.channel_id, Deleted(payload.message_id))

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        for message_id in sorted(payload.message_ids):
            self._see(payload.channel_id, Deleted(message_id))

    @commands.Cog.listener("on_raw_reaction_add")
    @commands.Cog.listener("on_raw_reaction_remove")
    async def on_raw_reaction(self, payload: discord.RawReactionActionEvent) -> None:
        if not is_me(self.bot, payload.user_id):
            added = payload.event_type == "REACTION_ADD"
            event = Reacted(payload.message_id, payload.user_id, payload.member, payload.emoji, added)
            self._see(payload.channel_id, event)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, payload: discord.RawReactionClearEvent) -> None:
        self._see(payload.channel_id, Cleared(payload.message_id, None))

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, payload: discord.RawReactionClearEmojiEvent) -> None:
        self._see(payload.channel_id, Cleared(payload.message_id, payload.emoji))

    @commands.Cog.listener()
    async def on_raw_typing(self, payload: discord.RawTypingEvent) -> None:
        channel = self.bot.get_channel(payload.channel_id)
        is_room = payload.channel_id in self.bot.rooms
        if (isinstance(channel, discord.Thread) or is_room) and payload.user is not None:
            self.bot.typists.staff(payload.channel_id, payload.user)

    def missed(self, event: str, payload: Payload) -> None:
        """Handle an event that could not be read."""
        channel_id, pk = id_of(payload, "channel_id"), id_of(payload)
        if channel_id is None or not self._may_be_ours(channel_id):
            return
        kinds: dict[str, type[Posted | Edited]] = {"MESSAGE_CREATE": Posted, "MESSAGE_UPDATE": Edited}
        if pk is not None and event in kinds:
            self.bot.relay.see(channel_id, kinds[event](odd.Unreadable(pk, payload)))
        elif event.startswith("MESSAGE_"):
            self.bot.relay.look_soon(channel_id)

    def _see(self, channel_id: int, event: Event) -> None:
        if self._may_be_ours(channel_id):
            self.bot.relay.see(channel_id, event)

    def _may_be_ours(self, channel_id: int) -> bool:
        """Return whether it is a thread or a room. Archived threads are not in discord.py's cache."""
        channel = self.bot.get_channel(channel_id)
        if channel is None or isinstance(channel, discord.Thread):
            return True
        return isinstance(channel, discord.TextChannel) and channel_id in self.bot.rooms

    @tasks.loop(seconds=catchup.SWEEP_EVERY)
    async def sweep(self) -> None:
        # Not `is_up_to_date`, because one thread that may not be read would prevent this for all others.
        if self.bot.attached and self.bot.relay.is_listed:
            self.bot.sweep_beside()
            await catchup.sweep(self.bot.relay, self.bot.inspector)

    @tasks.loop(seconds=LOOK_EVERY)
    async def inspect(self) -> None:
        """Check what had problems each time, and the rest after changes and at longer intervals."""
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
        if not self.bot.attached:
            return
        await self._say_present()
        self.bot.aside.start(alarms.tell(self.bot))
        try:
            for channel_id in await self.bot.know_rooms():
                # Read what was written there since the room was created.
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
