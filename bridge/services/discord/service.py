"""The description of Discord as a service. `requests` makes its requests."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from bridge.conf import settings
from bridge.models import Connection, Delivery, Endpoint, Inbox, Message, Participant
from bridge.services.base import FileLimits, Go, Hold, Process, Service, SetupError, Verdict
from bridge.services.discord.text import format_quote, format_text, plain
from bridge.services.requests import Answer, Request

if TYPE_CHECKING:
    import discord


NOT_SET = (
    "DISCORD_TOKEN is not set: put the bot's token into the environment, .env or settings.py, or try it without "
    "Discord with run_discord_bot --sandbox."
)
RESTS = timedelta(minutes=10)
"""How long a line of an unusable inbox is left alone. It is woken when the inbox can be used again."""
REASONS = {
    "refused": "Discord refused the text. Try again only if its rules have changed.",
    "blocked_by_automod": "The Discord server's AutoMod blocked the text: change its rule, then try again.",
    "blocked_link": "Discord refused a link in the text. Try again only if it now accepts this link.",
    "too_large": "It exceeds Discord's size limit.",
    "edited_too_often": "Discord limits how often old messages can be edited: try again in an hour.",
    "thread_deleted": "Its thread in Discord was deleted. If you try again, it goes into the new one.",
    "message_deleted": "The message was deleted in Discord and can no longer be changed.",
    "not_permitted": "The bot lacks a permission: grant it in Discord, then try again.",
    "unreachable": "Discord could not be reached.",
    "offline": "The bot was not logged in.",
    "too_many_threads": "The Discord server has too many active threads: archive some, then try again.",
    "unknown_emoji": "Discord does not have this emoji, or the bot cannot use it: the reaction is only on the page.",
    "too_many_reactions": "The message already has the maximum number of different reactions in Discord.",
    "reaction_blocked": "Discord did not let the bot react to this message.",
}
"""What the reasons of failed deliveries mean, and what staff can do."""


class DiscordService(Service):
    name: ClassVar[str] = "discord"
    id_type = int
    max_length: ClassVar[int] = 2000
    # Only the process that owns the gateway sends deliveries: `run_discord_bot`.
    hosted = False
    # Discord accepts files of 10 MiB on every server, and requests of 25 MiB.
    file_limits = FileLimits(largest=10 * 1024 * 1024, together=24 * 1024 * 1024)
    # Avatars.
    image_origins = ("https://cdn.discordapp.com",)
    reasons = REASONS

    def __init__(self, client: "discord.Client") -> None:
        # Not imported above, because web processes use this class too, without the memory that discord.py needs.
        from bridge.services.discord.requests import Requests

        self._client = client
        self._requests = Requests(client)
        # The inboxes that cannot be used, each with the channel that is the reason, if there is one. Their lines make
        # no requests: Discord counts those that it refuses, and at some point refuses all.
        self.held: dict[int, int | None] = {}

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
        in_thread = connection.kind != Connection.Kind.ROOM
        held = in_thread and self.holds(connection.inbox_id, endpoint.remote_id)
        return Hold(now + RESTS) if held else Go()

    def holds(self, inbox: int, thread_id: str | None) -> bool:
        """Return whether lines of an inbox are on hold. A thread in a previous channel of the inbox is not affected."""
        # Read once: this runs in the database thread, and the event loop changes `held` in the meantime.
        try:
            channel = self.held[inbox]
        except KeyError:
            return False
        if thread_id is None:
            return True
        parent = getattr(self._client.get_channel(int(thread_id)), "parent_id", None)
        return channel is not None and parent in {None, channel}

    def format_text(self, text: str, inbox: Inbox) -> str:
        return format_text(text, inbox)

    def format_notice(self, text: str) -> str:
        # Small text in Discord's markdown.
        return f"-# {text}"

    def format_quote(self, message: Message, place: str, remote_id: str | None) -> str:
        guild = getattr(self._client.get_channel(int(place)), "guild", None)
        if guild is None or remote_id is None:
            return format_quote(message)
        return format_quote(message, f"https://discord.com/channels/{guild.id}/{place}/{remote_id}")

    def author_prefix(self, author: Participant) -> str:
        # In a thread, the bot posts all messages.
        return f"**{plain(author.nick)}:** "

    async def perform(self, request: Request) -> Answer:
        return await self._requests.perform(request)
