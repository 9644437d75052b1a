"""What of a text can be seen, and where a reader would say that one character ends. By Unicode's properties.

`regex` has them as Unicode publishes them, and what a release adds comes with its next version. No pattern here can
match its way twice: whatever stands around a character is looked at a few characters far.
"""

import unicodedata
from collections.abc import Callable

import regex

_UNSEEN = (
    # Not drawn: joiners, selectors, fillers, marks of direction, tags, controls. Arabic's signs of number are, though
    # of category Cf; the blank of Braille is not, though no space.
    r"[[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Cs}\u2800]--[\p{Prepended_Concatenation_Mark}\s]]"
)
_MEANT = (
    # UAX 31, A1: a non-joiner between letters that would join, as in Persian compounds; and, as people write it, behind
    # one that never joins the next.
    r"(?<=[\p{Jt=L}\p{Jt=D}\p{Jt=R}]\p{Jt=T}{0,4})\u200c(?=\p{Jt=T}{0,4}[\p{Jt=R}\p{Jt=D}])",
    # A2 and B: after a virama, where a joiner says how the letters stand together; in Bengali before it, too.
    r"(?<=\p{ccc=9})[\u200c\u200d]",
    r"\u200d(?=\p{ccc=9})",
    # Emoji of several: families, flags with a sign, a profession.
    r"(?<=\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]{0,2})\u200d(?=\p{Extended_Pictographic})",
    r"(?<=[\p{Emoji}--[0-9#*]]\p{Emoji_Modifier}?)[\ufe0e\ufe0f]|(?<=[0-9#*])\ufe0f(?=\u20e3)",
    # The flags of a country's parts: a black flag, and a code of tags.
    r"(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f",
    # Which form of a letter: ideographs as in a family register, Mongolian and others.
    r"(?<=[\p{Ideographic}\p{Mongolian}\p{Myanmar}\p{Phags_Pa}\p{Manichaean}])\p{Variation_Selector}",
    r"(?<=\p{Mongolian})\u180e(?=\p{Mongolian})",
)
_STRAY = regex.compile(rf"(?V1)(?P<meant>{'|'.join(_MEANT)})|{_UNSEEN}")
_ANY_UNSEEN = regex.compile(f"(?V1){_UNSEEN}+")
_SEEN = regex.compile(rf"(?V1)[[^\s\p{{M}}]--{_UNSEEN}]")
_HEAP = regex.compile(r"(?<=[\p{Mn}\p{Me}]{6})[\p{Mn}\p{Me}]+")
_LOOSE = regex.compile(r"(?V1)[\p{M}&&[\p{Script=Inherited}\p{Script=Common}]]+")
_GRAPHEME = regex.compile(r"\X")
_FORGIVEN = frozenset("\u200c\u200d\ufe0e\ufe0f")


def without_unseen(text: str) -> str:
    """For comparing: what cannot be seen makes no difference."""
    return text if text.isascii() and text.isprintable() else _ANY_UNSEEN.sub("", text)


def without_loose_marks(text: str) -> str:
    """For comparing, too: accents that make another letter of theirs stay with it, what was put over letters goes."""
    return _LOOSE.sub("", unicodedata.normalize("NFC", text))


def clean(text: str) -> str:
    """For showing: without what cannot be seen, but where it means something; and without heaps of marks.

    Joiners stay where UAX 31 allows them in an identifier and within emoji.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _STRAY.sub(lambda found: found["meant"] or "", unicodedata.normalize("NFC", text))
    return _HEAP.sub("", text)


def clean_line(text: str, *, longest: int | None = None) -> str:
    """The same in one line, of at most so many code points: for names. May be empty."""
    text = " ".join(clean(" ".join(text.split())).split())
    if is_blank(text):
        return ""
    return text if longest is None else shortened(text, longest)


def hides_something(text: str) -> bool:
    """Whether it has what cannot be seen and means nothing there: not a joiner too many, which keyboards write."""
    return any(not found["meant"] and found[0] not in _FORGIVEN for found in _STRAY.finditer(text))


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen."""
    return _SEEN.search(text) is None


def shortened(text: str, longest: int, *, size: Callable[[str], int] = len) -> str:
    """Its beginning, of at most so much, cut where a reader would say that a character ends."""
    if size(text) <= longest:
        return text
    end, used = 0, 0
    for found in _GRAPHEME.finditer(text):
        used += size(found[0])
        if used > longest:
            break
        end = found.end()
    return text[:end].rstrip()


def utf16(text: str) -> int:
    """Its length as services and browsers count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
