"""Escapes text for markdown, and changes the parts that are not code."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable

from bridge.text.markdown import spans

_TICKS_OR_ESCAPE = re.compile(r"`+|\\.?", re.DOTALL)
_MARKS = re.compile(r"([\\*_~|`>\[\]()<#:])")


def escaped(text: str) -> str:
    """The text in one line and without markup: a name must not become a link, a mention or a heading."""
    visible = ("" if unicodedata.category(char)[0] == "C" and not char.isspace() else char for char in text)
    return _MARKS.sub(r"\\\1", " ".join("".join(visible).split()))


def linked(text: str, address: str) -> str:
    """A masked link, or only the text if the address is not a web address."""
    if not re.fullmatch(r"https?://[^\s<>]{1,2000}", address, re.IGNORECASE):
        return escaped(text)
    return f"[{escaped(text)}](<{address}>)"


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` to the parts that are not code."""
    parts: list[str] = []
    hopeless: Counter[str] = Counter()
    start = end = 0
    while match := _TICKS_OR_ESCAPE.search(text, end):
        at, end = match.span()
        if code := spans.span("```", text, at, hopeless) or spans.code(text, at, hopeless):
            parts += [change(text[start:at]), code[0]]
            start = end = code.end()
    return "".join([*parts, change(text[start:])])
