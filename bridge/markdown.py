"""Discord's markdown, as far as it is dealt with outside of the page that shows it. Pure functions."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

_TICKS = re.compile("`+")
_TOKEN = re.compile(
    r"\\(?P<mark>[^0-9A-Za-z\s])"
    r"|<a?:(?P<emoji>\w{2,32}):\d{15,22}>"
    r"|<t:(?P<seconds>-?\d{1,13})(?::(?P<format>[tTdDfFR]))?>"
    r"|\[(?P<text>(?:\\.|[^\\\[\]]){1,300})\]\(<?(?P<target>https?://[^\s<>\[)]{1,2000})>?\)"
)
_ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
_MARKS = re.compile(r"([\\*_~|`>\[\]()<#:])")
_FORMATS = {"t": "%H:%M UTC", "T": "%H:%M:%S UTC", "d": "%d %B %Y", "D": "%d %B %Y"}


def plain(text: str) -> str:
    """For where only text can be shown: emoji by name, moments in UTC, addresses beside what hides them."""
    return outside_code(text, lambda part: _TOKEN.sub(_read, part))


def escaped(text: str) -> str:
    """On one line and without any meaning: a name must not become a link, a mention or a heading."""
    visible = ("" if unicodedata.category(char)[0] == "C" and not char.isspace() else char for char in text)
    return _MARKS.sub(r"\\\1", " ".join("".join(visible).split()))


def linked(text: str, address: str) -> str:
    """A masked link; the text alone where the address is none for the web."""
    if not re.fullmatch(r"https?://[^\s<>]{1,2000}", address, re.IGNORECASE):
        return escaped(text)
    return f"[{escaped(text)}](<{address}>)"


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change what is not code: nothing in blocks and pieces of code means anything."""
    parts, at = [], 0
    for start, end in _code(text):
        parts += [change(text[at:start]), text[start:end]]
        at = end
    return "".join([*parts, change(text[at:])])


def _code(text: str) -> Iterator[tuple[int, int]]:
    """Where each piece of code begins and ends. In time that grows with the text alone, however many never end."""
    runs = [found.span() for found in _TICKS.finditer(text)]
    # For each run of backticks the next one that is at least so long.
    nexts: list[dict[int, int]] = [{} for _ in runs]
    for index in range(len(runs) - 2, -1, -1):
        start, end = runs[index + 1]
        nexts[index] = nexts[index + 1] | {size: index + 1 for size in (2, 3) if end - start >= size}
        if end - start == 1:
            nexts[index][1] = index + 1
        else:
            nexts[index].pop(1, None)
    index, free = 0, 0
    while index < len(runs):
        start, end = max(free, runs[index][0]), runs[index][1]
        size = next((size for size in range(min(3, end - start), 0, -1) if size in nexts[index]), 0)
        if not size:
            index += 1
            continue
        index = nexts[index][size]
        # A block ends with the first three, what is shorter with the last ones.
        free = runs[index][0] + 3 if size == 3 else runs[index][1]
        yield end - size, free


def _read(match: re.Match[str]) -> str:
    if match["mark"]:
        return match["mark"]
    if match["emoji"]:
        return f":{match['emoji']}:"
    if match["target"]:
        text = _ESCAPE.sub(r"\1", match["text"])
        return f"{text} ({match['target']})"
    try:
        moment = datetime.fromtimestamp(int(match["seconds"]), UTC)
    except (OverflowError, ValueError, OSError):
        return match[0]
    return moment.strftime(_FORMATS.get(match["format"] or "f", "%d %B %Y, %H:%M UTC"))
