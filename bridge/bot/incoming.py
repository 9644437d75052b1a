"""What the actions want to know of Discord's objects."""

import discord

from bridge.actions import receiving
from bridge.bot import translate
from bridge.models import Endpoint
from bridge.services.discord import DiscordService


def author_of(user: discord.abc.User) -> receiving.RemoteAuthor:
    return receiving.RemoteAuthor(
        str(user.id), translate.storable(user.display_name), str(user.display_avatar.url)
    )


def incoming_of(message: discord.Message) -> receiving.Incoming:
    return receiving.Incoming(
        remote_id=str(message.id),
        author=author_of(message.author),
        content=translate.readable(message),
        created_at=message.created_at,
        edited_at=message.edited_at,
        reply_to=_answered_by(message),
    )


def _answered_by(message: discord.Message) -> str | None:
    """What it answers, in the same thread. Threads, forwards and pins refer to messages, too."""
    reference = message.reference
    if message.type != discord.MessageType.reply or reference is None or reference.message_id is None:
        return None
    return str(reference.message_id) if reference.channel_id == message.channel.id else None


def endpoint_of(thread_id: int) -> Endpoint | None:
    endpoints = Endpoint.objects.select_related("connection__inbox")
    return endpoints.filter(service=DiscordService.name, remote_id=str(thread_id)).first()
