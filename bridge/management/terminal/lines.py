"""Formats messages as lines of a terminal, with pure functions.

A terminal obeys control characters: with these, a message could clear the screen, change earlier output, or type into
the shell. With line breaks, or spaces up to the edge, it could look like somebody else's message.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from itertools import accumulate
from typing import Any

from prompt_toolkit.utils import get_cwidth

from bridge.text.markdown import as_text, parse

JOINER = "\u200d"
"""Needed in emoji of several parts, and harmless."""
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of characters that a terminal does not show, but may obey."""
DIM, STAFF = "ansibrightblack", "bold ansiblue"
COLOURS = ("ansicyan", "ansigreen", "ansimagenta", "ansiblue", "ansiyellow", "ansired")
NARROWEST = 20


Line = list[tuple[str, str]]
"""Styles and texts, as in prompt_toolkit."""


def clean(text: str) -> str:
    """Escapes invisible characters as in a Python string, except for line breaks."""
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in HIDDEN and char not in {"\n", JOINER}
        else char
        for char in text
    )


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def note(text: str, style: str = f"italic {DIM}") -> list[Line]:
    """The lines of a notice from the program itself."""
    return [[(style, line)] for line in clean(text).split("\n")]


def message_lines(
    message: dict[str, Any],
    *,
    edited: bool = False,
    own: bool = False,
    room: str = "",
    width: int | None = None,
) -> list[Line]:
    """All lines but the first are indented, so that none looks like another message.

    A separate column, which no name can reach, contains “staff” for staff, and is blank for everybody else.

    `message` is as in the protocol; `width` is that of the terminal, None if it does not wrap lines.
    """
    author = message["author"] or {"name": "", "role": ""}
    name = one_line(author["name"])
    staff = author["role"] == "staff"
    colour = COLOURS[sum(name.encode()) % len(COLOURS)]
    head = [
        (DIM, f"{datetime.fromisoformat(message['created_at']).astimezone():%H:%M} "),
        (STAFF, "staff " if staff else "      "),
        *([(DIM, f"#{one_line(room)} ")] if room else []),
        ("bold" if own else STAFF if staff else colour, f"{name}: "),
    ]
    used = sum(get_cwidth(text) for _, text in head)
    indent = " " * min(used, NARROWEST)
    space = max(NARROWEST, width - used) if width else None
    first, *rest = wrapped(clean(_text(message, edited=edited, masked=staff)), space)
    return [[*head, ("", first)], *([("", indent + line)] for line in rest)]


def _text(message: dict[str, Any], *, edited: bool, masked: bool) -> str:
    if message["deleted_at"]:
        return "(deleted)"
    if message["kind"] == "gap":
        return "(Messages may be missing here.)"
    if message["kind"] == "event":
        return "(ended the chat)" if message["content"] == "closed" else "(reopened the chat)"
    content = ("(edited) " if edited else "") + as_text(parse(message["content"], masked=masked), hide=False)
    return "\n".join([content, *(f"[{file['name']}]" for file in message["attachments"])]).strip()


def wrapped(text: str, width: int | None) -> Iterator[str]:
    """The lines of a text. Long lines are wrapped here, because the terminal would not indent the rest of them."""
    for line in text.split("\n"):
        while width and get_cwidth(line) > width:
            fitting = max(1, bisect_right(list(accumulate(map(get_cwidth, line))), width))
            space = line.rfind(" ", fitting // 2, fitting + 1)
            end = space if space > 0 else fitting
            yield line[:end].rstrip()
            line = line[end:].lstrip() if space > 0 else line[end:]
        yield line
