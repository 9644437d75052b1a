"""What nicks that look alike have in common: a key under which two of them are one.

Case, compatibility forms (NFKC) and Unicode's table of confusable characters (UTS #39, as `confusable_homoglyphs`
ships it) are folded away. A key is for comparing only: nobody can read it.
"""

import re
import unicodedata
from functools import cache

# Drawn as nothing, or as nothing but blank, though not of a category that says so (Default_Ignorable_Code_Point,
# and the blank of Braille). The selectors of emoji are among them, which are allowed and mean nothing to a key.
UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
LONGEST = 255
_ALWAYS_RESERVED = ("staff", "admin", "administrator", "moderator", "mod", "system", "support", "you")


def key_of(nick: str) -> str:
    """Equal for nicks that a reader could take for one another.

    A letter counts as what its capital looks like, where that is a letter of ASCII, else as what it looks like
    itself: so the key is the same in every case. (The price: Greek “ν” counts as “n”, its capital's twin, not as “v”.)
    """
    text = UNSEEN.sub("", unicodedata.normalize("NFKC", nick).casefold())
    folded = "".join(map(_fold, unicodedata.normalize("NFD", text)))
    # “rn” and “m” are told apart by neither.
    key = "".join(map(_look, folded)).casefold()
    return "".join(key.split())[:LONGEST]


def is_reserved(nick: str, *, names: str) -> bool:
    """Whether it is a word that stands for staff, also among signs: “[Admin]”. `names`: more of them, one a line."""
    return _letters(nick) in {_letters(name) for name in (*_ALWAYS_RESERVED, *names.splitlines())} - {""}


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    return key_of("".join(char for char in plain if char.isalnum()))


@cache
def _fold(char: str) -> str:
    capital = _look(char.upper()) if len(char.upper()) == 1 else char
    return capital.casefold() if capital.isascii() else _look(char).casefold()


def _look(char: str) -> str:
    """The character, or the few, that stand for all that look like it."""
    return _skeletons().get(char, char)


@cache
def _skeletons() -> dict[str, str]:
    """From each confusable character to its prototype.

    The library's table has both directions: a prototype with all that look like it, each of those with it alone.
    """
    from confusable_homoglyphs.confusables import confusables_data

    alike = {
        _bare(char): {_bare(other["c"]) for other in others} - {_bare(char)}
        for char, others in confusables_data.items()
    }
    found: dict[str, str] = {}
    for char, others in alike.items():
        if len(char) != 1 or len(others) != 1:
            continue
        (other,) = others
        # Of two that have only each other the one that is plainer is the prototype.
        if len(alike.get(other, ())) > 1 or (len(other), other) < (len(char), char) or len(other) > 1:
            found[char] = other
    return found


def _bare(text: str) -> str:
    # The table's authors put marks around what is written from right to left.
    return text.replace("\u200e", "") or text
