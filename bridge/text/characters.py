"""Which characters of a text are visible, and where a reader sees the end of a character.

Both follow Unicode's properties as `regex` includes them; a new version of `regex` brings those of a new Unicode
release. No pattern here can backtrack far: lookarounds are limited to a few characters.
"""

import unicodedata
from collections.abc import Callable

import regex

_UNSEEN = (
    # Not drawn: joiners, selectors, fillers, direction marks, tags, controls. Arabic number signs are drawn although
    # they are of category Cf; the Braille blank is not drawn although it is not a space.
    r"[[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Cs}\u2800]--[\p{Prepended_Concatenation_Mark}\s]]"
)
_MEANT = (
    # UAX 31, A1: a non-joiner between letters that would join, as in Persian compounds. People also write it after
    # a letter that never joins the next one.
    r"(?<=[\p{Jt=L}\p{Jt=D}\p{Jt=R}]\p{Jt=T}{0,4})\u200c(?=\p{Jt=T}{0,4}[\p{Jt=R}\p{Jt=D}])",
    # A2 and B: after a virama, where a joiner decides how letters are combined; in Bengali also before it.
    r"(?<=\p{ccc=9})[\u200c\u200d]",
    r"\u200d(?=\p{ccc=9})",
    # Emoji that consist of several: families, flags with a sign, professions.
    r"(?<=\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]{0,2})\u200d(?=\p{Extended_Pictographic})",
    r"(?<=[\p{Emoji}--[0-9#*]]\p{Emoji_Modifier}?)[\ufe0e\ufe0f]|(?<=[0-9#*])\ufe0f(?=\u20e3)",
    # Flags of a country's regions: a black flag and a code of tags.
    r"(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f",
    # Variants of a letter: ideographs as in family registers, Mongolian and others.
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
    """The text without invisible characters, for comparisons."""
    return text if text.isascii() and text.isprintable() else _ANY_UNSEEN.sub("", text)


def without_loose_marks(text: str) -> str:
    """The text for comparisons, without combining marks that are not part of a composed letter."""
    return _LOOSE.sub("", unicodedata.normalize("NFC", text))


def clean(text: str) -> str:
    """The text for display, without meaningless invisible characters and without more than six marks in a row.

    Joiners stay within emoji, and where UAX 31 allows them in an identifier.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _STRAY.sub(lambda match: match["meant"] or "", unicodedata.normalize("NFC", text))
    return _HEAP.sub("", text)


def clean_line(text: str, *, longest: int | None = None) -> str:
    """Like `clean`, in one line of at most `longest` code points, for names. May be empty."""
    text = " ".join(clean(" ".join(text.split())).split())
    if is_blank(text):
        return ""
    return text if longest is None else shortened(text, longest)


def hides_something(text: str) -> bool:
    """Whether the text has meaningless invisible characters. Superfluous joiners do not count: keyboards write them."""
    return any(not match["meant"] and match[0] not in _FORGIVEN for match in _STRAY.finditer(text))


def is_blank(text: str) -> bool:
    """Whether the text has no visible character."""
    return _SEEN.search(text) is None


def shortened(text: str, longest: int, *, size: Callable[[str], int] = len) -> str:
    """The beginning of the text, of at most the size `longest`, cut where a reader sees the end of a character."""
    if size(text) <= longest:
        return text
    end, used = 0, 0
    for match in _GRAPHEME.finditer(text):
        used += size(match[0])
        if used > longest:
            break
        end = match.end()
    return text[:end].rstrip()


def utf16(text: str) -> int:
    """The length in UTF-16 units, as services and browsers count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
