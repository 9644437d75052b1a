"""Renders parsed markdown as text, and as HTML that needs no style sheet and loads nothing."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from urllib.parse import urlsplit

from bridge.text.markdown.nodes import Node

SPOILER = "▒▒▒"
_BLOCKS = frozenset({"heading", "subtext", "blockQuote", "codeBlock", "list"})
_TAGS = {"strong": "strong", "em": "em", "underline": "u", "strikethrough": "s", "subtext": "small"}
# Visible on white and on black: mail programs change background colours.
_EDGE = "#8a8a8a"
_QUOTE = f"margin: .25em 0; padding-left: .75em; border-left: 3px solid {_EDGE}"
_CODE = f"white-space: pre-wrap; margin: .25em 0; padding: .5em; border: 1px solid {_EDGE}; font-family: monospace"
_MOMENTS = {
    "t": "{0:%H:%M} UTC",
    "T": "{0:%H:%M:%S} UTC",
    "d": "{day}",
    "D": "{day}",
    "F": "{0:%A}, {day}, {0:%H:%M} UTC",
}


def as_text(nodes: Iterable[Node], *, hide: bool = True) -> str:
    """The text without markup: emoji by name, times in UTC, the address of a link after its words.

    `hide`: hide spoilers. Otherwise they stay between their marks, for readers who could not uncover them.
    """
    return _text(nodes, hide=hide).strip("\n")


def _text(nodes: Iterable[Node], *, hide: bool) -> str:
    parts: list[str] = []
    for node in nodes:
        if node.type in _BLOCKS:
            if parts and not parts[-1].endswith("\n"):
                parts.append("\n")
            parts.append(_block_text(node, hide=hide) + "\n")
        elif piece := _inline_text(node, hide=hide):
            parts.append(piece)
    return "".join(parts)


def _block_text(node: Node, *, hide: bool) -> str:
    if node.type == "codeBlock":
        return node.text
    if node.type == "list":
        numbers = (f"{n}." if node.ordered else "•" for n in range(node.start, node.start + len(node.items)))
        items = [
            _indented(f"{number} ", as_text(item, hide=hide))
            for number, item in zip(numbers, node.items, strict=True)
        ]
        return "\n".join(items)
    text = as_text(node.content, hide=hide)
    return _indented("> ", text, again="> ") if node.type == "blockQuote" else text


def _indented(mark: str, text: str, *, again: str = "  ") -> str:
    return mark + text.replace("\n", f"\n{again}")


def _inline_text(node: Node, *, hide: bool) -> str:
    match node.type:
        case "br":
            return "\n"
        case "emoji":
            return f":{node.name}:"
        case "timestamp":
            return moment(node)
        case "spoiler":
            return SPOILER if hide else f"||{_text(node.content, hide=hide)}||"
        case "link":
            words = _text(node.content, hide=hide)
            return f"{words} <{node.target}>" if node.target and words != node.target else words
    return node.text or _text(node.content, hide=hide)


def moment(node: Node) -> str:
    """The time in UTC, because nobody knows where it will be read. A relative time is written as date and time too."""
    try:
        time = datetime.fromtimestamp(node.seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"<t:{node.seconds}>"
    form = _MOMENTS.get(node.format, "{day}, {0:%H:%M} UTC")
    return form.format(time, day=f"{time.day} {time:%B %Y}")


def as_html(nodes: Iterable[Node]) -> str:
    """The same as `as_text`, with formatting. All text is escaped."""
    return "".join(map(_html, nodes))


def _html(node: Node) -> str:
    if node.type in _TAGS:
        tag = _TAGS[node.type]
        html = f"<{tag}>{as_html(node.content)}</{tag}>"
        return f"<div>{html}</div>" if node.type == "subtext" else html
    match node.type:
        case "br":
            return "<br>\n"
        case "heading":
            level = node.level + 2
            return f'<h{level} style="margin: .25em 0">{as_html(node.content)}</h{level}>'
        case "blockQuote":
            return f'<blockquote style="{_QUOTE}">{as_html(node.content)}</blockquote>'
        case "codeBlock":
            return f'<pre style="{_CODE}">{escape(node.text)}</pre>'
        case "inlineCode":
            return f'<code style="font-family: monospace">{escape(node.text)}</code>'
        case "list":
            return _html_list(node)
        case "url":
            return _anchor(node.target, escape(node.text)) if node.target else escape(node.text)
        case "link":
            return _html_link(node)
        case "emoji" | "timestamp" | "spoiler":
            return escape(_inline_text(node, hide=True))
    # Keeps the spaces that HTML would collapse.
    return escape(node.text).replace("  ", "&nbsp; ") if node.text else as_html(node.content)


def _html_list(node: Node) -> str:
    items = "".join(f"<li>{as_html(item)}</li>" for item in node.items)
    if not node.ordered:
        return f'<ul style="margin: .25em 0">{items}</ul>'
    return f'<ol start="{node.start}" style="margin: .25em 0">{items}</ol>'


def _html_link(node: Node) -> str:
    """A link followed by its real host, because its words can claim anything."""
    words = as_html(node.content)
    if not node.target:
        return words
    return f"{_anchor(node.target, words)} ({escape(urlsplit(node.target).hostname or '')})"


def _anchor(target: str, words: str) -> str:
    return f'<a href="{escape(target)}" rel="noopener noreferrer nofollow">{words}</a>'
