"""The filter of an inbox: forbidden words and links. Pure functions.

A text is compared as readers see it: invisible characters are ignored, and each letter counts as what it looks like.
All words are searched together, and links from left to right, each in one pass, so no message can make this slow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import category, normalize

import regex
from ahocorasick_rs import AhoCorasick

from bridge.text.characters import without_loose_marks, without_unseen
from bridge.text.lookalikes import RUNNING, twins, twins_of_capitals

# What a browser or a service turns into a link, whatever precedes it; but not “awww...”.
_ADDRESS = regex.compile(
    r"[a-z0-9+-]{2}://\S|https?:[/\\]\S|(?<![a-z0-9])www\.\w|discord\.gg/\S|discord(?:app)?\.com/invite/\S"
)
# The characters of a name such as example.com.
_DOTTED = regex.compile(r"[\w.-]+")
_HOLE = regex.compile(r"\.\.+")
_ASCII_LETTERS = regex.compile(r"[a-z]{2,24}(?![a-z])")
_PATH_OR_PORT = regex.compile(r":\d|/\S")
# example.com, example.com/path, example.co:8080 – but neither “e.g.” nor “readme.md”.
_ENDINGS = frozenset(
    "com net org io gg co me tv info biz xyz app dev shop online site link live club ru cn de fr uk eu us".split()
)
# Markup that a service or the page may not display: **b**ad reads “bad”.
_MARKUP = str.maketrans("", "", "*_~|`\\")


def folded(text: str) -> str:
    """The text without differences in case, width and invisible characters, and with single spaces."""
    if not text.isascii():
        text = normalize("NFKC", without_unseen(text))
    text = text.casefold()
    if not text.isascii():
        text = without_loose_marks(normalize("NFKC", text))
    return " ".join(text.split())


def _readings(text: str) -> set[str]:
    if text.isascii():
        return {text}
    letters = normalize("NFD", text)
    return {normalize("NFC", letters.translate(table)) for table in (twins(), twins_of_capitals())}


class _Words:
    """The words of an inbox, as their letters look and as their capitals look."""

    def __init__(self, words: set[str]) -> None:
        self._finder = AhoCorasick(sorted({reading for word in words for reading in _readings(word)}))

    def are_in(self, text: str) -> bool:
        """Whether one of the words is in `text`, which must be folded."""
        return any(
            _is_edge(reading, begin) and _is_edge(reading, end)
            for reading in _readings(text)
            for _, begin, end in self._finder.find_matches_as_indexes(reading, overlapping=True)
        )


def _is_edge(text: str, at: int) -> bool:
    """Whether a word may begin or end here: not inside another word, unless the script has no spaces."""
    if at in {0, len(text)}:
        return True
    before, after = text[at - 1], text[at]
    within = _is_of_a_word(before) and _is_of_a_word(after)
    return not within or bool(RUNNING.match(before) or RUNNING.match(after))


def _is_of_a_word(char: str) -> bool:
    return char.isalnum() or category(char)[0] == "M"


def has_link(text: str) -> bool:
    """Whether there is a link in `text`, which must be folded."""
    if "." not in text and ":" not in text:
        return False
    return bool(_ADDRESS.search(text)) or any(_hosts(text))


def _hosts(text: str) -> Iterator[str]:
    for match in _DOTTED.finditer(text):
        if "." not in match[0]:
            continue
        *whole, last = _HOLE.split(match[0])
        if match.start() and text[match.start() - 1] == "@":
            # The beginning belongs to an e-mail address.
            whole, last = whole[1:], last if whole else ""
        for name in (*whole, last):
            ending = _ending(name)
            followed = name is last and _PATH_OR_PORT.match(text, match.end())
            if ending in _ENDINGS or (ending and followed and name.endswith(ending)):
                yield name


def _ending(name: str) -> str:
    """The name's last label: ASCII letters up to its end or to another script (example.comです). May be empty."""
    labels = name.strip(".").rsplit(".", 1)
    match = _ASCII_LETTERS.match(labels[-1]) if len(labels) > 1 else None
    if match is None:
        return ""
    rest = labels[-1][match.end() :]
    return match[0] if not rest or not rest[0].isascii() else ""


@dataclass(frozen=True)
class Filter:
    """The filter of an inbox. `refusal` returns what is wrong with a text: “words”, “links”, or nothing."""

    words: _Words | None = None
    links: bool = False

    def refusal(self, text: str) -> str:
        if self.words is None and not self.links:
            return ""
        text = folded(text)
        shown = text.translate(_MARKUP)
        for reading in (text,) if shown == text else (text, " ".join(shown.split())):
            if self.words is not None and self.words.are_in(reading):
                return "words"
            if self.links and has_link(reading):
                return "links"
        return ""


@lru_cache(maxsize=256)
def compiled(words: str, *, refuse_links: bool) -> Filter:
    """The filter for these words, one per line."""
    wanted = {word for line in words.splitlines() if (word := folded(line))}
    return Filter(_Words(wanted) if wanted else None, refuse_links)
