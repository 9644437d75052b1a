"""Discord's messages as the page shows them: its markdown, with names in place of ids. Pure functions."""

import re

import discord

from bridge.services.discord.bot.embeds import Say, component_text, embed_text
from bridge.text.markdown import escaped, outside_code

_SLASH_COMMAND = re.compile(r"</([^:<>]{1,100}):\d{15,22}>")
_MENTION = re.compile(r"<(@[!&]?|#)(\d{15,22})>")
# What a bot stores must be storable everywhere: PostgreSQL refuses NUL, and nobody takes half of a surrogate pair.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


LONGEST = 30_000
"""Characters of one message. Discord's own limits keep all that it can hold below that."""
SAID = frozenset(
    kind.value
    for kind in (
        discord.MessageType.default,
        discord.MessageType.reply,
        discord.MessageType.chat_input_command,
        discord.MessageType.context_menu_command,
    )
)


def is_said(message: discord.Message) -> bool:
    """Whether somebody said it: not “Ada pinned a message” or “Ada renamed the thread”."""
    return message.type.value in SAID


def readable(message: discord.Message) -> str:
    """What a visitor can read of it. Empty beside files only: what cannot be shown is said to be there."""
    say = _namer(message)
    parts = [say(message.content)]
    parts += [_snapshot(snapshot, say) for snapshot in message.message_snapshots]
    parts += [f"[sticker: {escaped(each.name)}]" for each in message.stickers if not is_picture(each)]
    if message.poll is not None:
        parts.append(_poll(message.poll))
    parts += _beside(message, say, speaks=bool(message.content) and not message.author.bot)
    text = "\n".join(part for part in parts if part).strip()
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return storable(text) or ("" if _has_files(message) else "[something that cannot be displayed here]")


def is_picture(sticker: discord.StickerItem) -> bool:
    """Whether it can be copied as a file. The others are programs for a player of Discord's."""
    return sticker.format is not discord.StickerFormatType.lottie


def _has_files(message: discord.Message) -> bool:
    forwarded = any(snapshot.attachments for snapshot in message.message_snapshots)
    return bool(message.attachments) or forwarded or any(map(is_picture, message.stickers))


def storable(text: str) -> str:
    return _CONTROLS.sub("", text)


def _namer(message: discord.Message) -> Say:
    """Puts names in place of ids; not in code, where Discord does not either. A name is never more than a name."""
    users = {user.id: user.display_name for user in message.mentions}
    roles = {role.id: role.name for role in message.role_mentions}
    guild = message.guild

    def name(match: re.Match[str]) -> str:
        kind, pk = match[1], int(match[2])
        if kind == "#":
            channel = guild and guild.get_channel_or_thread(pk)
            return f"#{escaped(channel.name)}" if channel else "#a-channel"
        if kind == "@&":
            role = guild and guild.get_role(pk)
            return "@" + escaped(roles.get(pk) or (role.name if role else "a role"))
        return "@" + escaped(users.get(pk, "somebody"))

    def named(text: str) -> str:
        return _SLASH_COMMAND.sub(lambda match: "/" + escaped(match[1]), _MENTION.sub(name, text))

    return lambda text: outside_code(text, named)


def _beside(message: discord.Message | discord.MessageSnapshot, say: Say, *, speaks: bool) -> list[str]:
    """Embeds and components. What people link to has embeds as well: those say nothing new beside the link."""
    embeds = (
        [] if speaks else [embed for embed in message.embeds if not message.content or embed.type == "rich"]
    )
    return [embed_text(embed, say=say) for embed in embeds] + [
        component_text(component, say=say) for component in message.components
    ]


def _poll(poll: discord.Poll) -> str:
    answers = (f"- {escaped(answer.text)}" for answer in poll.answers if answer.text)
    return "\n".join([f"[poll: {escaped(poll.question)}]", *answers])


def _snapshot(snapshot: discord.MessageSnapshot, say: Say) -> str:
    """As a quote: somebody else said it, somewhere else."""
    parts = [say(snapshot.content)]
    parts += [f"[sticker: {escaped(sticker.name)}]" for sticker in snapshot.stickers]
    parts += _beside(snapshot, say, speaks=bool(snapshot.content))
    text = "\n".join(part for part in parts if part).strip()
    if not text:
        return "[a forwarded message]"
    return "-# Forwarded\n" + "\n".join(f"> {line}" for line in text.split("\n"))
