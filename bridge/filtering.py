"""What an inbox lets nobody write: its words, and links. Pure functions.

Every pattern is made of plain text, or cannot match its way twice: no message makes one slow.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

_SCHEME = r"[a-z][a-z0-9+-]{1,20}://\S"
_HOST = r"(?:www\.|discord\.gg/)\S"
# example.com, example.com/path, example.co:8080 – but neither “e.g.” nor “readme.md”.
_ENDINGS = (
    "com|net|org|io|gg|co|me|tv|info|biz|xyz|app|dev|shop|online|site|link|live|club|ru|cn|de|fr|uk|eu|us"
)
_NAME = rf"(?:[\w-]{{1,63}}\.)+(?:(?:{_ENDINGS})(?![\w-]|\.\w)|[a-z]{{2,24}}(?::\d|/\S))"
# Only where a name begins: tried from each of its letters, a long one would cost its square.
_LINK = re.compile(rf"(?<![\w.-])(?:{_SCHEME}|{_HOST}|(?<!@){_NAME})")


def folded(text: str) -> str:
    """As it reads: case, width and what cannot be seen make no difference, and any space is one."""
    text = unicodedata.normalize("NFKC", text).casefold()
    seen = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen).split())


@dataclass(frozen=True)
class Filter:
    """`refusal` says what is wrong with a text: “words”, “links”, or nothing."""

    words: re.Pattern[str] | None = None
    links: bool = False
    active: bool = field(default=False)

    def refusal(self, text: str) -> str:
        if not self.active:
            return ""
        text = folded(text)
        if self.words is not None and self.words.search(text):
            return "words"
        if self.links and _LINK.search(text):
            return "links"
        return ""


@lru_cache(maxsize=256)
def compiled(words: str, *, refuse_links: bool) -> Filter:
    """The filter for these words, one a line."""
    wanted = sorted({word for line in words.splitlines() if (word := folded(line))}, key=len, reverse=True)
    # Not \b: a word may begin or end with a sign.
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, wanted))})(?!\w)") if wanted else None
    return Filter(pattern, refuse_links, active=bool(wanted) or refuse_links)
