"""A room in Discord: each visitor speaks through a webhook, under their nick and with their picture."""

from typing import Any

import discord
from discord.http import handle_message_parameters

from bridge.chat.avatars import avatar_url
from bridge.errors import DeliveryFailed
from bridge.models import Message, Participant
from bridge.services.discord.card import plain
from bridge.services.discord.errors import first_taken
from bridge.services.discord.files import opened
from bridge.services.discord.names import legal_name, one_line, spare_name
from bridge.services.discord.text import format_text
from bridge.services.discord.webhooks import Webhook, Webhooks
from bridge.services.requests import NOTHING_LEFT, Delete, Edit, Post, Speaker, Stored

NO_MENTIONS = discord.AllowedMentions.none()
EXCERPT = 80
"""Characters of a message that its replies show."""
WEBHOOK_GONE = "webhook_deleted"


class Rooms:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._webhooks = Webhooks(client)

    def format_quote(self, message: Message, place: str, remote_id: str | None) -> str:
        """An excerpt, and the way to the whole: a webhook cannot reply. Never empty."""
        if message.deleted_at:
            said = "(deleted)"
        else:
            line = one_line(message.content)
            excerpt = line if len(line) <= EXCERPT else f"{line[:EXCERPT].rstrip()}…"
            said = format_text(plain(excerpt), message.connection.inbox) or "(a file)"
        name = plain(message.author.nick) if message.author else "ChatBridge"
        channel = self._client.get_channel(int(place))
        if remote_id is None or not isinstance(channel, discord.TextChannel):
            return f"> **{name}**: {said}"
        address = f"https://discord.com/channels/{channel.guild.id}/{place}/{remote_id}"
        return f"> **{name}**: {said} · [↗]({address})"

    def author_prefix(self, author: Participant) -> str:
        """In a thread the bot says everything: what staff say from elsewhere begins with their name."""
        return f"**{plain(author.nick)}:** "

    async def post(self, request: Post, speaker: Speaker) -> Stored:
        async def send(looks: tuple[str, str]) -> tuple[Webhook, dict[str, Any]]:
            username, avatar = looks
            # Each time anew: a request that was refused may have closed them.
            async with opened(request.files) as files:
                with handle_message_parameters(
                    request.text if request.text or files else NOTHING_LEFT,
                    username=username,
                    avatar_url=avatar or discord.utils.MISSING,
                    files=files or discord.utils.MISSING,
                    allowed_mentions=NO_MENTIONS,
                    flags=discord.MessageFlags(suppress_embeds=not request.previews),
                ) as params:
                    return await self._webhooks.post(int(request.thread), params)

        name = legal_name(speaker.name)
        looks = [(name, avatar_url(speaker.uid, speaker.nick)), (name, ""), (spare_name(speaker.name), "")]
        webhook, message = await first_taken(send, looks)
        return Stored(str(message["id"]), sender=str(webhook.pk))

    async def edit(self, request: Edit) -> None:
        with handle_message_parameters(request.text, allowed_mentions=NO_MENTIONS) as params:
            done = await self._webhooks.change(request, "PATCH", params)
        if not done:
            raise DeliveryFailed(
                WEBHOOK_GONE,
                "The webhook that posted it was deleted, so it can no longer be changed in Discord.",
                permanent=True,
                certain=True,
            )

    async def delete(self, request: Delete) -> None:
        if not await self._webhooks.change(request, "DELETE"):
            # Whoever may manage messages deletes it as well.
            channel = self._client.get_partial_messageable(int(request.thread))
            await channel.get_partial_message(int(request.remote_id)).delete()
