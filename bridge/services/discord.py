"""Discord as a service: what it is like. `discord_requests` speaks to it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from bridge.models import Connection, Inbox, Message, Participant
from bridge.services.base import Answer, Request, Service
from bridge.services.discord_text import spoken

if TYPE_CHECKING:
    import discord


class DiscordService(Service):
    name: ClassVar[str] = "discord"
    id_type = int
    max_length: ClassVar[int] = 2000
    # Only who owns the gateway carries: `run_discord_bot`.
    hosted = False

    def __init__(self, client: "discord.Client") -> None:
        # Not above: web processes ask this class what it is like, and have no use for discord.py's memory.
        from bridge.services.discord_requests import Requests

        self._requests = Requests(client)

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        # A room's channel is chosen in the admin.
        return () if connection.kind == Connection.Kind.ROOM else (None,)

    def spoken(self, text: str, inbox: Inbox) -> str:
        return spoken(text, inbox)

    def quiet(self, text: str) -> str:
        # Discord's small print.
        return f"-# {text}"

    def quoted(self, message: Message, place: str, remote_id: str | None) -> str:
        return self._requests.rooms.quoted(message, place, remote_id)

    def named(self, author: Participant) -> str:
        return self._requests.rooms.named(author)

    async def perform(self, request: Request) -> Answer:
        return await self._requests.perform(request)
