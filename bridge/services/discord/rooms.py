"""A room in Discord: each visitor speaks through a webhook, under his nick and with his picture."""

from collections.abc import Collection, Mapping
from typing import Any

import discord
from discord.http import handle_message_parameters

from bridge.chat.avatars import avatar_url
from bridge.errors import DeliveryFailed
from bridge.models import Message, Participant
from bridge.services.base import NOTHING_LEFT, Delete, Edit, Found, Post, ReadBack, Seen, Speaker, Stored
from bridge.services.discord import reading as reading
from bridge.services.discord.card import plain
from bridge.services.discord.errors import first_taken
from bridge.services.discord.files import opened
from bridge.services.discord.names import legal_name, one_line, spare_name
from bridge.services.discord.reading import id_of
from bridge.services.discord.text import spoken
from bridge.services.discord.webhooks import Webhook, Webhooks

NO_MENTIONS = discord.AllowedMentions.none()
EXCERPT = 80
"""Characters of a message that its replies show."""
WEBHOOK_GONE = "webhook_deleted"


def is_ours(client: discord.Client, message: discord.Message) -> bool:
    """Whether one of our webhooks said it. Discord names the application, also where the webhook is gone."""
    return message.webhook_id is not None and message.application_id == client.application_id


def seen_of(
    payload: object,
    *,
    author: int | None = None,
    application: int | None = None,
    names: Collection[str] = (),
) -> Seen | None:
    """What a message holds, where it is by `author`, or by a webhook of `application` under one of these names."""
    if not isinstance(payload, Mapping) or (pk := id_of(payload)) is None:
        return None
    said_by, files = payload.get("author"), payload.get("attachments")
    if author is not None:
        ours = id_of(said_by) == author
    else:
        called = said_by.get("username") if isinstance(said_by, Mapping) else None
        ours = id_of(payload, "application_id") == application and called in names
    sender = id_of(payload, "webhook_id") if author is None else None
    if not ours or (author is None and sender is None):
        return None
    return Seen(
        str(pk),
        str(payload.get("content") or ""),
        len(files) if isinstance(files, list) else 0,
        sender=str(sender or ""),
    )


class Rooms:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._webhooks = Webhooks(client)

    def quoted(self, message: Message, place: str, remote_id: str | None) -> str:
        """An excerpt, and the way to the whole: a webhook cannot reply. Never empty."""
        if message.deleted_at:
            said = "(deleted)"
        else:
            said = one_line(message.content)
            said = said if len(said) <= EXCERPT else f"{said[:EXCERPT].rstrip()}…"
            said = spoken(plain(said), message.connection.inbox) or "(a file)"
        name = plain(message.author.nick) if message.author else "ChatBridge"
        channel = self._client.get_channel(int(place))
        if remote_id is None or not isinstance(channel, discord.TextChannel):
            return f"> **{name}**: {said}"
        address = f"https://discord.com/channels/{channel.guild.id}/{place}/{remote_id}"
        return f"> **{name}**: {said} · [↗]({address})"

    def named(self, author: Participant) -> str:
        """In a thread the bot says everything: what staff say from elsewhere begins with their name."""
        return f"**{plain(one_line(author.nick))}:** "

    async def post(self, request: Post, speaker: Speaker) -> Stored:
        address = avatar_url(speaker.uid, speaker.nick)
        name = legal_name(speaker.name)

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

        looks = [(name, address), (name, ""), (spare_name(speaker.name), "")]
        webhook, said = await first_taken(send, looks)
        return Stored(str(said["id"]), sender=str(webhook.pk))

    async def read_back(self, request: ReadBack) -> Found:
        """What our webhooks said under this name: nothing else tells them apart, there is no nonce."""
        after = int(request.after)
        if request.since is not None:
            # Nothing was sent before it was written.
            after = max(after, discord.utils.time_snowflake(request.since))
        names = {legal_name(request.speaker), spare_name(request.speaker)}
        history = reading.messages_after(self._client, int(request.thread), after)
        application = self._client.application_id
        found = [seen_of(each, application=application, names=names) async for each in history]
        return Found(tuple(seen for seen in found if seen is not None))

    async def edit(self, request: Edit) -> None:
        with handle_message_parameters(request.text, allowed_mentions=NO_MENTIONS) as params:
            done = await self._webhooks.change(
                int(request.thread), request.sender, "PATCH", request.remote_id, params
            )
        if not done:
            raise DeliveryFailed(
                WEBHOOK_GONE,
                "The webhook that posted it was deleted, so it can no longer be changed in Discord.",
                permanent=True,
                certain=True,
            )

    async def delete(self, request: Delete) -> None:
        done = await self._webhooks.change(
            int(request.thread), request.sender, "DELETE", request.remote_id, None
        )
        if not done:
            # Whoever may manage messages deletes it as well.
            channel = self._client.get_partial_messageable(int(request.thread))
            await channel.get_partial_message(int(request.remote_id)).delete()
