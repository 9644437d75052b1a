"""The discord.py client, with its parts and its gateway sessions."""

import threading
from typing import Any, Literal

import aiohttp
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
"""Maximum seconds between two attempts to reach the gateway."""
SPARE_SESSIONS = 20
"""How many of the 1,000 new sessions per day are reserved for the people who solve a problem."""
CALM = 120
"""Seconds without an attempt after which pauses are short again. Discord allows 1,000 new sessions a day."""
INTENTS = discord.Intents(
    guilds=True, guild_messages=True, guild_reactions=True, guild_typing=True, message_content=True
)


class SessionsSpent(Exception):
    """Too few new sessions are left. If all are used up, Discord revokes the token."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Discord allows too few new sessions in the next {seconds:.0f} s.")
        self.seconds = seconds


class BridgeBot(commands.Bot):
    """Runs gateway sessions until it is closed. A new one is created each time this process gets the lease."""

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
        # Whether the gateway is connected and sends events.
        self.attached = False
        # Whether all threads were listed since the session began.
        self.listed = False
        # Text channels that are rooms. Events of all other text channels are ignored without a query.
        self.rooms: frozenset[int] = frozenset()
        # Servers to which our commands were added.
        self.commanded: set[int] = set()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._open_socket = self.http.ws_connect
        self.http.ws_connect = self._connect  # type: ignore[method-assign]

    @property
    def is_up_to_date(self) -> bool:
        """Whether all of Discord's messages are handled, so that a restart need not look further back than now."""
        # An unavailable server sends no events.
        guilds = map(self.get_guild, self.inspector.guilds)
        hears_all = all(guild is not None and not guild.unavailable for guild in guilds)
        return self.attached and self.listed and hears_all and not self.relay.is_behind

    async def setup_hook(self) -> None:
        await self.add_cog(RelayCog(self))
        moderation.add_commands(self.tree)
        self.aside.start(self.copier.run())

    async def on_message(self, message: discord.Message, /) -> None:
        """Do nothing, because there are no prefix commands. The cog has its own listener."""

    async def know_rooms(self) -> frozenset[int]:
        """Update which channels are rooms. Returns the new ones."""
        rooms = frozenset(await db(room_channels))
        new, self.rooms = rooms - self.rooms, rooms
        return new

    async def find_gateway(self) -> None:
        """Use the gateway from the settings or from the HTTP API. Raises discord.GatewayNotFound."""
        url = settings.DISCORD_GATEWAY_URL or (await self._gateway())[0]
        if yarl.URL(url).scheme not in {"ws", "wss"}:
            raise discord.GatewayNotFound
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)

    async def spare_sessions(self) -> None:
        """Raise SessionsSpent if too few new sessions are left."""
        _, limit = await self._gateway()
        try:
            remaining, seconds = int(limit["remaining"]), int(limit["reset_after"]) / 1000
        except (KeyError, TypeError, ValueError):
            return
        if remaining <= SPARE_SESSIONS:
            raise SessionsSpent(seconds)

    async def _gateway(self) -> tuple[str, Any]:
        """Return its address, and the API's limit for new sessions."""
        try:
            _, url, limit = await self.http.get_bot_gateway()
        except (KeyError, TypeError):
            raise discord.GatewayNotFound from None
        return str(url), limit

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Check the limit before each session, including those that discord.py begins by itself."""
        await self.spare_sessions()
        await super().before_identify_hook(shard_id, initial=initial)

    def sweep_beside(self) -> None:
        """Update cards and read marks that are outdated."""
        self.aside.start(self.readers.sweep(), name="Readers")
        self.aside.start(self.cards.sweep(), name="Cards")

    async def leave_gateway(self) -> None:
        """Leave the gateway. Requests may still be made."""
        self.attached = False
        await self.relay.stop()
        await self._disconnect(code=1000)

    async def close(self) -> None:
        self.attached = False
        await self.relay.stop()
        await self.aside.stop()
        await self._disconnect(code=1000)
        await super().close()

    async def _connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        # With 1000, Discord would end the session, which discord.py may be about to resume.
        await self._disconnect(code=4000)
        self._socket = await self._open_socket(url, compress=compress)
        return self._socket

    async def _disconnect(self, *, code: int) -> None:
        """Close the gateway's socket, even one that discord.py has forgotten because something failed while the session
        began."""
        if self._socket is None:
            return
        for other in threading.enumerate():
            if isinstance(other, KeepAliveHandler) and other.ws.socket is self._socket:
                other.stop()
        await self._socket.close(code=code)


class Backoff(ExponentialBackoff[Literal[False]]):
    """Shorter pauses than discord.py's, which grow to 17 minutes without events and are only reset after 30 minutes."""

    def __init__(self) -> None:
        super().__init__()
        self._reset_time = CALM

    def delay(self) -> float:
        return min(LONGEST_BACKOFF, super().delay())


def point_at_discord() -> None:
    """Use the addresses in the settings: of a proxy, or of another server with Discord's protocol."""
    Route.BASE = settings.DISCORD_API_URL
    discord.client.ExponentialBackoff = Backoff  # type: ignore[attr-defined, assignment]
    # The libraries for voice are not needed.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
