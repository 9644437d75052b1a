"""Converts Discord's messages, embeds and components to the page's markdown, with names for ids. Pure functions."""

import re
from collections.abc import Callable, Iterable

import discord
from discord import components as parts

from bridge.text.markdown import escaped, linked, outside_code

Say = Callable[[str], str]
"""Replaces the ids in a text with names."""

_SLASH_COMMAND = re.compile(r"</([^:<>]{1,100}):\d{15,22}>")
_MENTION = re.compile(r"<(@[!&]?|#)(\d{15,22})>")
# Texts must be storable everywhere: PostgreSQL refuses NUL, and every database refuses half of a surrogate pair.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
DEEPEST = 4
"""Maximum nesting of components."""
LONGEST = 30_000
"""Maximum number of characters in a message. Discord's own limits keep every message below that."""
KINDS = discord.MessageType
SAID = frozenset(
    kind.value for kind in (KINDS.default, KINDS.reply, KINDS.chat_input_command, KINDS.context_menu_command)
)


def is_said(message: discord.Message) -> bool:
    """Return whether somebody wrote it. Messages like “Ada pinned a message” are written by Discord."""
    return message.type.value in SAID


def readable(message: discord.Message) -> str:
    """Return its text for visitors, with a note if there is only content that cannot be shown.

    It is only empty if there are files.
    """
    say = _namer(message)
    parts = [say(message.content)]
    parts += [_snapshot(forward, say) for forward in message.message_snapshots]
    parts += [f"[sticker: {escaped(item.name)}]" for item in message.stickers if not is_picture(item)]
    if message.poll is not None:
        parts.append(_poll(message.poll))
    parts += _beside(message, say, speaks=bool(message.content) and not message.author.bot)
    text = "\n".join(part for part in parts if part).strip()
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    attached = message.attachments or any(forward.attachments for forward in message.message_snapshots)
    has_files = bool(attached) or any(map(is_picture, message.stickers))
    return storable(text) or ("" if has_files else "[something that cannot be displayed here]")


def is_picture(sticker: discord.StickerItem) -> bool:
    """Return whether it can be copied as a file. Lottie stickers are animations for Discord's own player."""
    return sticker.format is not discord.StickerFormatType.lottie


def storable(text: str) -> str:
    return _CONTROLS.sub("", text)


def _namer(message: discord.Message) -> Say:
    """Return a function that replaces ids with names, except in code, like Discord. Names are escaped."""
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
    """Return the texts of embeds and components, without the previews of links that people write."""
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
    """Return a forwarded message as a quote, because somebody else wrote it."""
    parts = [say(snapshot.content)]
    parts += [f"[sticker: {escaped(sticker.name)}]" for sticker in snapshot.stickers]
    parts += _beside(snapshot, say, speaks=bool(snapshot.content))
    text = "\n".join(part for part in parts if part).strip()
    if not text:
        return "[a forwarded message]"
    return "-# Forwarded\n" + "\n".join(f"> {line}" for line in text.split("\n"))


def embed_text(embed: discord.Embed, *, say: Say) -> str:
    title = linked(embed.title, embed.url or "") if embed.title else ""
    lines = [
        f"-# {escaped(embed.author.name)}" if embed.author and embed.author.name else "",
        f"**{title}**" if title else "",
        say(embed.description or ""),
        *(f"**{escaped(field.name or '')}**\n{say(field.value or '')}" for field in embed.fields),
        _picture(embed.image.url or "", "Picture") if embed.image else "",
        f"-# {escaped(embed.footer.text)}" if embed.footer and embed.footer.text else "",
        (embed.url or "") if not title else "",
    ]
    return "\n".join(line for line in lines if line)


def component_text(component: parts.Component, *, say: Say, depth: int = 0) -> str:
    """Return a component's text; empty for mere layout and for inputs that cannot be used on the page."""
    if depth > DEEPEST:
        return ""
    match component:
        case parts.TextDisplay():
            return say(component.content)
        case parts.Button():
            return _button(component)
        case parts.SelectMenu():
            return f"[menu: {escaped(component.placeholder or 'choose')}]"
        case parts.ActionRow():
            return _joined(component.children, " · ", say=say, depth=depth)
        case parts.SectionComponent():
            return _joined([*component.children, component.accessory], "\n", say=say, depth=depth)
        case parts.Container():
            text = _joined(component.children, "\n", say=say, depth=depth)
            # Spoilers cannot be nested.
            return _hidden(text.replace("||", ""), component.spoiler)
        case parts.ThumbnailComponent():
            return _hidden(_picture(component.media.url, component.description), component.spoiler)
        case parts.MediaGalleryComponent():
            return "\n".join(
                _hidden(_picture(item.media.url, item.description), item.spoiler) for item in component.items
            )
        case parts.FileComponent():
            return _hidden(f"📎 {linked(component.name or 'File', component.media.url)}", component.spoiler)
    return ""


def _joined(children: Iterable[parts.Component], between: str, *, say: Say, depth: int) -> str:
    texts = (component_text(child, say=say, depth=depth + 1) for child in children)
    return between.join(text for text in texts if text)


def _button(button: parts.Button) -> str:
    label = button.label or (button.emoji.name if button.emoji else "") or "button"
    return linked(label, button.url) if button.url else f"[button: {escaped(label)}]"


def _picture(address: str, description: str | None) -> str:
    return f"🖼 {linked(description or 'Picture', address)}"


def _hidden(text: str, spoiler: bool) -> str:
    return f"||{text}||" if spoiler and text else text
