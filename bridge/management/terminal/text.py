"""What strangers write, as a terminal may show it. Pure.

A terminal obeys what is written to it: with the right characters a message could clear the screen, change what was
written before, or type into the shell. And with line breaks, or spaces up to the edge, it could look like what somebody
else said.
"""

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from prompt_toolkit.utils import get_cwidth

JOINER = "\u200d"
"""Emoji of several parts need it, and it does nothing else."""
TAB = "    "
COLOURS = ("ansicyan", "ansigreen", "ansimagenta", "ansiblue", "ansiyellow", "ansired")
NARROWEST = 20


class Piece(NamedTuple):
    """Some text in one style, as prompt_toolkit takes it."""

    style: str
    text: str


Line = list[Piece]

STAFF = "staff"


def clean(text: str) -> str:
    """Every character that could do something other than be seen, as Python writes it. Lines stay lines."""
    text = text.replace("\r\n", "\n").replace("\t", TAB)
    return "".join(char if _is_plain(char) else char.encode("unicode_escape").decode() for char in text)


def _is_plain(char: str) -> bool:
    if char in {"\n", JOINER} or " " <= char <= "~":
        return True
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def colour_of(name: str) -> str:
    """Always the same for the same name."""
    return COLOURS[sum(name.encode()) % len(COLOURS)]


def said(
    *,
    when: str,
    name: str,
    text: str,
    staff: bool,
    mark: str = "",
    style: str = "",
    width: int | None = None,
) -> list[Line]:
    """A message as lines, of which all but the first are indented: none looks like another's beginning.

    Whether it is staff's stands in a column of its own, which no name reaches: it is blank for everybody else.

    `mark`: what stands before the name, e.g. a room. `width` of the terminal; None: it breaks no lines.
    """
    name, mark = one_line(name), one_line(mark)
    badge = STAFF if staff else " " * len(STAFF)
    head: Line = [Piece("class:time", f"{when} "), Piece("class:staff", f"{badge} ")]
    if mark:
        head.append(Piece("class:mark", f"{mark} "))
    head.append(Piece(style or colour_of(name), f"{name}: "))
    used = sum(get_cwidth(piece.text) for piece in head)
    indent = " " * min(used, NARROWEST)
    room = max(NARROWEST, width - max(used, len(indent))) if width else None
    first, *rest = wrapped(clean(text), room)
    return [[*head, Piece("", first)], *([Piece("", indent + line)] for line in rest)]


def wrapped(text: str, width: int | None) -> list[str]:
    """Its lines, broken where they are wider: else the terminal would break them, without an indentation."""
    return [piece for line in text.split("\n") for piece in _broken(line, width)]


def _broken(line: str, width: int | None) -> Iterator[str]:
    if width is None:
        yield line
        return
    while get_cwidth(line) > width:
        cut = _fitting(line, width)
        space = line.rfind(" ", cut // 2, cut + 1)
        cut = space if space > 0 else cut
        yield line[:cut].rstrip()
        line = line[cut:].lstrip() if space > 0 else line[cut:]
    yield line


def _fitting(line: str, width: int) -> int:
    """How many characters fit, one at least."""
    used = 0
    for index, char in enumerate(line):
        used += get_cwidth(char)
        if used > width:
            return max(1, index)
    return len(line)


def note(text: str, style: str = "class:note") -> list[Line]:
    """What the program itself says."""
    return [[Piece(style, line)] for line in clean(text).split("\n")]
