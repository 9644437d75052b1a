"""What an inbox lets nobody write: its words, and links. Pure functions.

A text is compared as it reads: what nobody sees makes no difference, and each letter counts as what it looks like.
Words are looked for all at once and links from left to right, each in one pass: no message makes either slow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import category, normalize

import regex
from ahocorasick_rs import AhoCorasick

from bridge.text.characters import without_loose_marks, without_unseen
from bridge.text.lookalikes import RUNNING, twins, twins_of_capitals

# What a browser or a service makes a link of, whatever stands before it; but not “awww...”.
_ADDRESS = regex.compile(
    r"[a-z0-9+-]{2}://\S|https?:[/\\]\S|(?<![a-z0-9])www\.\w|discord\.gg/\S|discord(?:app)?\.com/invite/\S"
)
# What a name such as example.com stands in, to its end.
_DOTTED = regex.compile(r"[\w.-]+")
_HOLE = regex.compile(r"\.\.+")
_ASCII_LETTERS = regex.compile(r"[a-z]{2,24}(?![a-z])")
_PATH_OR_PORT = regex.compile(r":\d|/\S")
# example.com, example.com/path, example.co:8080 – but neither “e.g.” nor “readme.md”.
_ENDINGS = frozenset(
    "com net org io gg co me tv info biz xyz app dev shop online site link live club ru cn de fr uk eu us".split()
)
# What a service and the page may show nothing of: **b**ad reads “bad”.
_MARKUP = str.maketrans("", "", "*_~|`\\")


def folded(text: str) -> str:
    """As it reads: case, width and what cannot be seen make no difference, and any space is one."""
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
    return {normalize("NFC", letters.translate(each)) for each in (twins(), twins_of_capitals())}


class _Words:
    """All the words of an inbox: as their letters look, and as those look as capitals."""

    def __init__(self, words: set[str]) -> None:
        self._finder = AhoCorasick(sorted({reading for word in words for reading in _readings(word)}))

    def are_in(self, text: str) -> bool:
        """`text` is folded."""
        return any(
            _is_edge(reading, begin) and _is_edge(reading, end)
            for reading in _readings(text)
            for _, begin, end in self._finder.find_matches_as_indexes(reading, overlapping=True)
        )


def _is_edge(text: str, at: int) -> bool:
    """Whether a word may begin or end here: not within another, where its script has spaces between them."""
    if at in {0, len(text)}:
        return True
    before, after = text[at - 1], text[at]
    within = _is_of_a_word(before) and _is_of_a_word(after)
    return not within or bool(RUNNING.match(before) or RUNNING.match(after))


def _is_of_a_word(char: str) -> bool:
    return char.isalnum() or category(char)[0] == "M"


def has_link(text: str) -> bool:
    """`text` is folded."""
    if "." not in text and ":" not in text:
        return False
    return bool(_ADDRESS.search(text)) or any(_hosts(text))


def _hosts(text: str) -> Iterator[str]:
    for found in _DOTTED.finditer(text):
        if "." not in found[0]:
            continue
        *whole, last = _HOLE.split(found[0])
        if found.start() and text[found.start() - 1] == "@":
            # The beginning belongs to a mail address.
            whole, last = whole[1:], last if whole else ""
        for name in (*whole, last):
            ending = _ending(name)
            followed = name is last and _PATH_OR_PORT.match(text, found.end())
            if ending in _ENDINGS or (ending and followed and name.endswith(ending)):
                yield name


def _ending(name: str) -> str:
    """Its last part, where letters of ASCII end it or another script begins: example.comです. Empty: none."""
    labels = name.strip(".").rsplit(".", 1)
    found = _ASCII_LETTERS.match(labels[-1]) if len(labels) > 1 else None
    if found is None:
        return ""
    rest = labels[-1][found.end() :]
    return found[0] if not rest or not rest[0].isascii() else ""


@dataclass(frozen=True)
class Filter:
    """`refusal` says what is wrong with a text: “words”, “links”, or nothing."""

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
    """The filter for these words, one a line."""
    wanted = {word for line in words.splitlines() if (word := folded(line))}
    return Filter(_Words(wanted) if wanted else None, refuse_links)
