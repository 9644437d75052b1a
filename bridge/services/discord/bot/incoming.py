"""Converts Discord's objects for the actions: messages, authors and files."""

import posixpath
from dataclasses import replace
from os.path import splitext

import discord

from bridge.chat.actions import authors, receiving
from bridge.chat.actions.copying import RemoteFile
from bridge.files import safe_name
from bridge.models import Connection, Endpoint
from bridge.protocol.values import as_name
from bridge.services.discord.bot import translate
from bridge.services.discord.bot.staff import role_ids

MOST_FILES = 40
"""Maximum number of files of a message. Discord allows ten, and adds those of forwarded messages."""


def author_of(user: discord.abc.User) -> authors.RemoteAuthor:
    return authors.RemoteAuthor(
        str(user.id),
        # Some display names are invisible. Then the name of the account is used.
        as_name(user.display_name) or as_name(user.name),
        str(user.display_avatar.url),
    )


def speaker_of(endpoint: Endpoint, user: discord.abc.User, place: object) -> authors.RemoteAuthor:
    """Return the author, in a room with whether they are staff.

    Staff have one of the inbox's roles or, if it has none, the permission to manage messages. Others are guests.
    """
    author = author_of(user)
    if endpoint.connection.kind != Connection.Kind.ROOM:
        return author
    if not isinstance(user, discord.Member) or not isinstance(place, discord.TextChannel):
        return replace(author, is_staff=False)
    colour = f"#{user.colour.value:06x}" if user.colour.value else ""
    wanted = endpoint.connection.inbox.staff_role_ids
    is_staff = (
        not wanted.isdisjoint(role_ids(user)) if wanted else place.permissions_for(user).manage_messages
    )
    return replace(author, colour=colour, is_staff=is_staff)


def incoming_of(message: discord.Message, author: authors.RemoteAuthor) -> receiving.Incoming:
    return receiving.Incoming(
        remote_id=str(message.id),
        author=author,
        content=translate.readable(message),
        created_at=message.created_at,
        edited_at=message.edited_at,
        files=files_of(message),
        reply_to=_answered_by(message),
    )


def _answered_by(message: discord.Message) -> str | None:
    """Return the id of the message it answers, in the same thread. Threads, forwards and pins refer to messages too."""
    reference = message.reference
    if message.type != discord.MessageType.reply or reference is None or reference.message_id is None:
        return None
    return str(reference.message_id) if reference.channel_id == message.channel.id else None


def files_of(message: discord.Message) -> tuple[RemoteFile, ...]:
    """Return all its files: attachments (also of forwarded messages), voice messages, stickers, pictures of GIFs."""
    parts: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    attached = [file for part in parts for file in part.attachments][:MOST_FILES]
    files = [
        RemoteFile(str(file.id), safe_name(_name(file)), file.url, file.content_type or "", file.size)
        for file in attached
    ]
    for sticker in filter(translate.is_picture, message.stickers):
        ending = "gif" if sticker.format is discord.StickerFormatType.gif else "png"
        files.append(RemoteFile(str(sticker.id), safe_name(f"{sticker.name}.{ending}"), sticker.url))
    return (*files, *gifs_of(message))


def _name(attachment: discord.Attachment) -> str:
    """Return its original name. Discord removes some characters from `filename`."""
    title, ending = (attachment.title or "").strip(), splitext(attachment.filename)[1]
    if not title:
        return attachment.filename
    return title if title.lower().endswith(ending.lower()) else title + ending


def gifs_of(message: discord.Message) -> list[RemoteFile]:
    """Return still pictures of GIFs from the GIF picker, which sends links: from Discord's proxy, not other servers."""
    pictures = [
        (embed.url or "", embed.thumbnail.proxy_url) for embed in message.embeds if embed.type == "gifv"
    ]
    return [
        RemoteFile(f"gif{number}", safe_name(f"{posixpath.basename(address) or 'picture'}.gif"), picture)
        for number, (address, picture) in enumerate(pictures)
        if picture
    ]
