"""Discord's markdown, as far as it is dealt with outside of the page that shows it. Pure functions."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime

# Blocks and pieces of code: nothing in them means anything.
_CODE = re.compile(r"(```[^`].*?```|``[^`].*?``(?!`)|`[^`]+`(?!`))", re.DOTALL)
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
    """Change what is not code."""
    # Every second part is what the pattern found.
    parts = _CODE.split(text)
    return "".join(part if at % 2 else change(part) for at, part in enumerate(parts))


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
