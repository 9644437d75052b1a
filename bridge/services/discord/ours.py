"""Recognises what is ours in Discord: the bot, and messages by it or by our webhooks."""

from collections.abc import Collection, Mapping

import discord

from bridge.errors import DeliveryFailed
from bridge.services.discord.reading import id_of
from bridge.services.requests import Seen


def own_user(client: discord.Client) -> discord.ClientUser:
    """Return the bot's user. Raises DeliveryFailed before the bot is logged in."""
    if client.user is None:
        raise DeliveryFailed("offline", "The bot is not logged in yet.", permanent=False, certain=True)
    return client.user


def is_me(client: discord.Client, user_id: int | None) -> bool:
    return client.user is not None and user_id == client.user.id


def seen_of(
    payload: object,
    *,
    author: int | None = None,
    application: int | None = None,
    names: Collection[str] = (),
) -> Seen | None:
    """Return a message by `author`, or by a webhook of `application` under one of these names; otherwise None."""
    if not isinstance(payload, Mapping) or (pk := id_of(payload)) is None:
        return None
    said_by, files = payload.get("author"), payload.get("attachments")
    sender = None
    if author is None:
        sender = id_of(payload, "webhook_id")
        name = said_by.get("username") if isinstance(said_by, Mapping) else None
        ours = sender is not None and id_of(payload, "application_id") == application and name in names
    else:
        ours = id_of(said_by) == author
    if not ours:
        return None
    number = len(files) if isinstance(files, list) else 0
    return Seen(str(pk), str(payload.get("content") or ""), number, sender=str(sender or ""))
