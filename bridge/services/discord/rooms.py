"""Posts to rooms in Discord: through a webhook, with the visitor's nick and picture."""

from typing import Any

import discord
from discord.http import handle_message_parameters

from bridge.chat.avatars import avatar_url
from bridge.errors import DeliveryFailed
from bridge.services.discord.errors import first_taken
from bridge.services.discord.files import opened
from bridge.services.discord.text import legal_name, spare_name
from bridge.services.discord.webhooks import Webhook, Webhooks
from bridge.services.requests import NOTHING_LEFT, Delete, Edit, Post, Speaker, Stored

NO_MENTIONS = discord.AllowedMentions.none()
WEBHOOK_GONE = "webhook_deleted"


class Rooms:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._webhooks = Webhooks(client)

    async def post(self, request: Post, speaker: Speaker) -> Stored:
        async def send(looks: tuple[str, str]) -> tuple[Webhook, dict[str, Any]]:
            username, avatar = looks
            # Opened for each attempt, because a refused request may have closed them.
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
            # The permission to manage messages also allows the bot to delete it.
            channel = self._client.get_partial_messageable(int(request.thread))
            await channel.get_partial_message(int(request.remote_id)).delete()
