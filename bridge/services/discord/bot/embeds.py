"""What bots say beside their text, as markdown: embeds, and the components of which newer messages are built."""

from collections.abc import Callable, Iterable

import discord
from discord import components as parts

from bridge.text.markdown import escaped, linked

Say = Callable[[str], str]
"""Puts names in place of the ids in a text."""
DEEPEST = 4


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
    """Nothing for what only orders the others, and for what nobody could answer here."""
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
            # A spoiler has no spoilers inside.
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
