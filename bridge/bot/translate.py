"""Discord's messages as readable text for the web. Pure functions."""

import re
from datetime import UTC, datetime

import discord

_CUSTOM_EMOJI = re.compile(r"<a?:(\w{2,32}):\d{15,22}>")
_TIMESTAMP = re.compile(r"<t:(-?\d{1,13})(?::([tTdDfFR]))?>")
_SLASH_COMMAND = re.compile(r"</([^:<>]{1,100}):\d{15,22}>")
_MENTION = re.compile(r"<(@[!&]?|#)(\d{15,22})>")
_FORMATS = {"t": "%H:%M UTC", "T": "%H:%M:%S UTC", "d": "%d %B %Y", "D": "%d %B %Y"}
# What a bot stores must be storable everywhere: PostgreSQL refuses NUL, and nobody takes half of a surrogate pair.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def is_said(message: discord.Message) -> bool:
    """Whether somebody said it: not “Ada pinned a message” or “Ada renamed the thread”."""
    return message.type in {
        discord.MessageType.default,
        discord.MessageType.reply,
        discord.MessageType.chat_input_command,
        discord.MessageType.context_menu_command,
    }


def readable(message: discord.Message) -> str:
    """What a visitor can read of it. Empty beside files only: what cannot be shown is said to be there."""
    parts = [_text(message)]
    parts += [_snapshot(snapshot) for snapshot in message.message_snapshots]
    parts += [f"[sticker: {sticker.name}]" for sticker in message.stickers if not is_picture(sticker)]
    if message.poll is not None:
        parts.append(f"[poll: {message.poll.question}]")
    if not message.content:
        parts += [_embed(embed) for embed in message.embeds]
    text = "\n".join(part for part in parts if part).strip()
    return storable(text) or ("" if _has_files(message) else "[something that cannot be shown here]")


def is_picture(sticker: discord.StickerItem) -> bool:
    """Whether it can be copied as a file. The others are programs for a player of Discord's."""
    return sticker.format is not discord.StickerFormatType.lottie


def _has_files(message: discord.Message) -> bool:
    forwarded = any(snapshot.attachments for snapshot in message.message_snapshots)
    return bool(message.attachments) or forwarded or any(map(is_picture, message.stickers))


def storable(text: str) -> str:
    return _CONTROLS.sub("", text)


def _text(message: discord.Message) -> str:
    """Its content with names in place of ids."""
    users = {user.id: user.display_name for user in message.mentions}
    roles = {role.id: role.name for role in message.role_mentions}
    guild = message.guild

    def name(match: re.Match[str]) -> str:
        kind, pk = match[1], int(match[2])
        if kind == "#":
            channel = guild and guild.get_channel_or_thread(pk)
            return f"#{channel.name}" if channel else "#a-channel"
        if kind == "@&":
            role = guild and guild.get_role(pk)
            return "@" + (roles.get(pk) or (role.name if role else "a role"))
        return "@" + users.get(pk, "somebody")

    return plain(_MENTION.sub(name, message.content))


def plain(text: str) -> str:
    """Custom emoji, timestamps and slash commands as text; the rest as it is."""
    text = _CUSTOM_EMOJI.sub(r":\1:", text)
    text = _SLASH_COMMAND.sub(r"/\1", text)
    return _TIMESTAMP.sub(_moment, text)


def _moment(match: re.Match[str]) -> str:
    try:
        moment = datetime.fromtimestamp(int(match[1]), UTC)
    except (OverflowError, ValueError, OSError):
        return match[0]
    return moment.strftime(_FORMATS.get(match[2] or "f", "%d %B %Y, %H:%M UTC"))


def _snapshot(snapshot: discord.MessageSnapshot) -> str:
    return "Forwarded: " + plain(snapshot.content) if snapshot.content else "[a forwarded message]"


def _embed(embed: discord.Embed) -> str:
    lines = [
        embed.title,
        embed.description,
        *(f"{field.name}: {field.value}" for field in embed.fields),
        embed.url,
    ]
    return "\n".join(plain(line) for line in lines if line)
