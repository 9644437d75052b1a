"""The discord.py client: its parts, and its sessions at the gateway."""

import asyncio
import threading
from typing import Any, Literal

import discord
import yarl
from discord.backoff import ExponentialBackoff
from discord.ext import commands
from discord.gateway import DiscordWebSocket, KeepAliveHandler
from discord.http import Route

from bridge.conf import settings
from bridge.delivery.outbox import Brake, Outbox
from bridge.infra.clock import Clock
from bridge.services.discord.bot import moderation
from bridge.services.discord.bot.background import BackgroundTasks
from bridge.services.discord.bot.cog import RelayCog
from bridge.services.discord.bot.copying import AttachmentMirror
from bridge.services.discord.bot.database import db, thread
from bridge.services.discord.bot.displays import Cards, Readers
from bridge.services.discord.bot.inspecting import Inspector
from bridge.services.discord.bot.relay import Relay
from bridge.services.discord.bot.typing_relay import TypingRelay
from bridge.services.discord.endpoints import room_channels
from bridge.services.discord.errors import http_trace
from bridge.services.discord.service import DiscordService

LONGEST_BACKOFF = 60.0
"""Seconds between two tries to reach the gateway."""
SPARE_SESSIONS = 20
"""Of the 1,000 new sessions that Discord takes in a day, those that are left for whoever mends things."""
CALM = 120
"""Seconds without a try after which the next one is soon again. Discord takes 1,000 new sessions a day."""
INTENTS = discord.Intents(
    guilds=True, guild_messages=True, guild_reactions=True, guild_typing=True, message_content=True
)


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
        # Nothing is heard of a server that is away.
        guilds = map(self.get_guild, self.inspector.guilds)
        hears_all = all(guild is not None and not guild.unavailable for guild in guilds)
        return self.attached and self.listed and hears_all and not self.relay.is_behind

    async def setup_hook(self) -> None:
        await self.add_cog(RelayCog(self))
        moderation.add_commands(self.tree)
        self.aside.start(self.copier.run())

    async def on_message(self, message: discord.Message, /) -> None:
        """Nothing: no prefix commands. The cog has its own listener."""

    async def know_rooms(self) -> frozenset[int]:
        """Learn which channels are rooms now. Returns those that were none before."""
        rooms = frozenset(await db(room_channels))
        new, self.rooms = rooms - self.rooms, rooms
        return new

    async def find_gateway(self) -> None:
        """That of the settings, else the one that the HTTP API names. Raises discord.GatewayNotFound."""
        url = settings.DISCORD_GATEWAY_URL or (await self._gateway())[0]
        if yarl.URL(url).scheme not in {"ws", "wss"}:
            raise discord.GatewayNotFound
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)

    async def spare_sessions(self) -> None:
        """Raises SessionsSpent."""
        _, limit = await self._gateway()
        try:
            remaining, seconds = int(limit["remaining"]), int(limit["reset_after"]) / 1000
        except (KeyError, TypeError, ValueError):
            return
        if remaining <= SPARE_SESSIONS:
            raise SessionsSpent(seconds)

    async def _gateway(self) -> tuple[str, Any]:
        """Its address, and what the API says of how many sessions may begin."""
        try:
            _, url, limit = await self.http.get_bot_gateway()
        except (KeyError, TypeError):
            raise discord.GatewayNotFound from None
        return str(url), limit

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
        await super().close()
        # discord.py knows nothing more of a connection whose session was refused here: its thread would go on.
        for other in threading.enumerate():
            if isinstance(other, KeepAliveHandler) and other.ws.loop is asyncio.get_running_loop():
                other.stop()


class Backoff(ExponentialBackoff[Literal[False]]):
    """discord.py's own grows to 17 minutes, in which nobody hears staff, and starts anew only after half an hour."""

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
