"""Discord as a service: what it is like. `requests` speaks to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from bridge.conf import settings
from bridge.models import Connection, Delivery, Endpoint, Inbox, Message, Participant
from bridge.services.base import FileLimits, Go, Hold, Process, Service, SetupError, Verdict
from bridge.services.discord.names import plain
from bridge.services.discord.reasons import REASONS
from bridge.services.discord.text import format_quote, format_text
from bridge.services.requests import Answer, Request

if TYPE_CHECKING:
    import discord


NOT_SET = (
    "DISCORD_TOKEN is not set: put the bot's token into the environment, .env or settings.py, or try it without "
    "Discord with run_discord_bot --sandbox."
)
RESTS = timedelta(minutes=10)
"""How long a line of an inbox that cannot be used is left alone. It is woken when the inbox can be."""


@dataclass(frozen=True)
class Held:
    """An inbox that cannot be used; `channel`: the one that is the reason, where it is one."""

    channel: int | None


class DiscordService(Service):
    name: ClassVar[str] = "discord"
    id_type = int
    max_length: ClassVar[int] = 2000
    # Only who owns the gateway carries: `run_discord_bot`.
    hosted = False
    # Discord takes files of 10 MiB everywhere, and requests of 25 MiB.
    file_limits = FileLimits(largest=10 * 1024 * 1024, together=24 * 1024 * 1024)
    # Avatars.
    image_origins = ("https://cdn.discordapp.com",)
    reasons = REASONS

    def __init__(self, client: "discord.Client") -> None:
        # Not above: web processes ask this class what it is like, and have no use for discord.py's memory.
        from bridge.services.discord.requests import Requests

        self._client = client
        self._requests = Requests(client)
        # By their keys, as the bot found them. Not one of their lines asks Discord anything: it counts what it refuses,
        # and at some point refuses all.
        self.held: dict[int, Held] = {}

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        # A room's channel is chosen in the admin.
        return () if connection.kind == Connection.Kind.ROOM else (None,)

    @classmethod
    def url_of(cls, endpoint: Endpoint) -> str:
        server = endpoint.connection.inbox.discord_server_id
        if not server or endpoint.connection.kind != Connection.Kind.PRIVATE:
            return ""
        return f"https://discord.com/channels/{server}/{endpoint.remote_id}"

    @classmethod
    def emoji_url(cls, emoji: int, kind: str, *, size: int) -> str:
        return f"{settings.DISCORD_CDN_URL}/emojis/{emoji}.{kind}?size={size}"

    @classmethod
    def process(cls) -> Process:
        if not settings.DISCORD_TOKEN:
            raise SetupError(NOT_SET)
        from bridge.services.discord.bot.runner import Runner

        return Runner()

    def consider(self, waiting: Sequence[Delivery], endpoint: Endpoint, *, now: datetime) -> Verdict:
        connection = endpoint.connection
        held = self.held.get(connection.inbox_id)
        if held is None or connection.kind == Connection.Kind.ROOM:
            return Go()
        if endpoint.remote_id is not None and self.is_elsewhere(int(endpoint.remote_id), held):
            return Go()
        return Hold(now + RESTS)

    def is_elsewhere(self, thread_id: int, held: Held) -> bool:
        """A thread in a channel that the inbox had before: nothing is wrong with that one."""
        thread = self._client.get_channel(thread_id)
        parent = getattr(thread, "parent_id", None)
        return held.channel is None or (parent is not None and parent != held.channel)

    def format_text(self, text: str, inbox: Inbox) -> str:
        return format_text(text, inbox)

    def format_notice(self, text: str) -> str:
        # Discord's small print.
        return f"-# {text}"

    def format_quote(self, message: Message, place: str, remote_id: str | None) -> str:
        guild = getattr(self._client.get_channel(int(place)), "guild", None)
        if guild is None or remote_id is None:
            return format_quote(message)
        return format_quote(message, f"https://discord.com/channels/{guild.id}/{place}/{remote_id}")

    def author_prefix(self, author: Participant) -> str:
        # In a thread the bot says everything.
        return f"**{plain(author.nick)}:** "

    async def perform(self, request: Request) -> Answer:
        return await self._requests.perform(request)
