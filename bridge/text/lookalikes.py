"""Compares nicks by their looks: nicks that look alike have the same key, and reserved words are found in them.

Skeletons are compared: only letters and digits, without case, compatibility forms (NFKC) and loose marks, and with
look-alikes replaced (UTS #39, from the table of `confusable_homoglyphs`). They are for comparisons only and not
readable.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import combinations, groupby
from typing import NamedTuple
from unicodedata import category, name, normalize

import regex

from bridge.text.characters import without_loose_marks, without_unseen

LONGEST = 255
CHARACTERS = 4096
"""How many characters the caches hold: more than people use. The limit is needed because anybody can send a million."""
_RESERVED = """
    staff staffs admin admins administrator administrators administration sysadmin mod mods moderator moderators
    moderation system support supporter supporters team teams official operator operators owner owners helpdesk
    chatbot webmaster
""".split()
_RESERVED_PHRASES = ["help desk", "service desk", "customer service", "customer care"]
# The page calls its reader “you”, so nobody may have this name. It may be part of a name.
_RESERVED_WHOLE = "you"
_SIGNS = regex.compile(r"(?V1)[^\p{L}\p{N}\p{M}\p{Alphabetic}]")
_SIGNS_IN_A_WORD = regex.compile(r"(?V1)[^\p{L}\p{N}\p{M}\p{Alphabetic}\s]")
# Where a word ends that is written together with another: StaffAda, ADAStaff, Staff1.
_SEAM = regex.compile(
    r"(?V1)(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})|(?<=\p{N})(?=\p{L})|(?<=[\p{L}\p{M}])(?=\p{N})"
)
RUNNING = regex.compile(
    r"(?V1)[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
)
"""A character of a script without spaces between words."""
# Signs and digits that people write instead of a letter, to avoid filters.
_WRITTEN_FOR = str.maketrans("@$!|€£+0134567829", "asileltoieasgtbzg")

Look = Callable[[str], str]
"""Returns what one character counts as."""


def key_of(nick: str) -> str:
    """A key that is equal for nicks that a reader could confuse. It consists of signs if the nick has nothing else.

    A letter counts as what its capital looks like if that is an ASCII letter, otherwise as what it looks like itself.
    So the key does not depend on case. (The disadvantage: Greek “ν” counts as “n”, like its capital, not as “v”.)
    """
    signs_left_out, signs_read = _spellings(nick)
    key = _skeleton(signs_left_out, _by_capital) or _skeleton(signs_read, _by_capital)
    return (key or _signs_of(nick))[:LONGEST]


def readings(nick: str) -> frozenset[str]:
    """The key of the nick and everything else that a reader may see in it: signs as letters, letters by themselves.

    They are compared with the keys of names that nobody else may have.
    """
    keys = {
        _skeleton(spelling, look)[:LONGEST]
        for spelling in _spellings(nick)
        for look in (_by_capital, _by_itself)
    }
    return frozenset(keys - {""} | {key_of(nick)})


def is_reserved(nick: str, *, names: str) -> bool:
    """Whether the nick contains a word for staff, in any spelling. `names`: more such words, one per line.

    A word ends at a space or a sign, or where a capital or a digit begins another: “StaffAda” and “s.t.a.f.f” are
    reserved, but neither “Teamster” nor “Modesty”.
    """
    return any(
        _names_staff(spelling, _reserved(names, look), look)
        for spelling in _spellings(nick)
        for look in (_by_capital, _by_itself)
    )


def _names_staff(spelling: str, reserved: "_Reserved", look: Look) -> bool:
    groups = [
        [key for piece in _pieces(group) if (key := _skeleton(piece, look))] for group in spelling.split()
    ]
    joined = ["".join(group) for group in groups if group]
    whole = "".join(joined)
    single = (
        "".join(run) for is_letter, run in groupby(joined, lambda letters: len(letters) == 1) if is_letter
    )
    return (
        whole == reserved.whole
        or not reserved.words.isdisjoint((whole, *single, *_stretches(groups)))
        or any(_is_made_of(letters, reserved.words) for letters in joined)
        or not reserved.phrases.isdisjoint(_stretches([joined]))
        or any(word in whole for word in reserved.running)
    )


def _pieces(group: str) -> Iterator[str]:
    for written_together in _SIGNS.split(group):
        yield from _SEAM.split(written_together)


def _stretches(groups: Iterable[Sequence[str]]) -> Iterator[str]:
    """All runs of neighbours within a group, each joined."""
    for group in groups:
        for begin, end in combinations(range(len(group) + 1), 2):
            yield "".join(group[begin:end])


def _is_made_of(text: str, words: frozenset[str]) -> bool:
    """Whether the text consists only of these words, written together."""
    ends = {0}
    for end in range(1, len(text) + 1):
        if any(text[begin:end] in words for begin in ends):
            ends.add(end)
    return len(text) in ends and bool(text)


class _Reserved(NamedTuple):
    words: frozenset[str]
    phrases: frozenset[str]
    running: frozenset[str]
    """Words in scripts without spaces, which are found anywhere."""
    whole: str


@lru_cache(maxsize=128)
def _reserved(names: str, look: Look) -> _Reserved:
    every = [*_RESERVED, *_RESERVED_PHRASES, *filter(None, (line.strip() for line in names.splitlines()))]
    keys = {word: _skeleton(_spellings(word)[0], look) for word in every}
    return _Reserved(
        words=frozenset(key for word, key in keys.items() if key and len(word.split()) == 1),
        phrases=frozenset(key for word, key in keys.items() if key and len(word.split()) > 1),
        running=frozenset(key for word, key in keys.items() if key and RUNNING.search(word)),
        whole=_skeleton(_RESERVED_WHOLE, look),
    )


def _spellings(nick: str) -> tuple[str, str]:
    """The nick without its signs, and the nick with signs and digits read as the letters that they replace."""
    text = without_unseen(nick)
    without_signs = normalize("NFKC", "".join(map(_lettered, _SIGNS_IN_A_WORD.sub("-", text))))
    with_signs = normalize("NFKC", "".join(map(_lettered, text))).translate(_WRITTEN_FOR)
    return without_signs, with_signs


@lru_cache(maxsize=CHARACTERS)
def _lettered(char: str) -> str:
    """The letter in a sign: in a circle, in a box, or as half of a flag."""
    if category(char) != "So":
        return char
    letter = name(char, "").rpartition(" LETTER ")[2]
    return letter.lower() if len(letter) == 1 else char


def _signs_of(nick: str) -> str:
    text = without_loose_marks(without_unseen(normalize("NFKC", without_unseen(nick))))
    return "".join(text.casefold().split())


def _skeleton(text: str, look: Look) -> str:
    text = normalize("NFKC", text.casefold()) if look is _by_capital else text
    text = normalize("NFD", without_loose_marks(without_unseen(text)))
    # “rn” and “m” get the same key.
    key = "".join(map(_look, "".join(map(look, text)))).casefold()
    return _SIGNS.sub("", key)


@lru_cache(maxsize=CHARACTERS)
def _by_capital(char: str) -> str:
    capital = _look(char.upper()) if len(char.upper()) == 1 else char
    return capital.casefold() if capital.isascii() else _look(char).casefold()


@lru_cache(maxsize=CHARACTERS)
def _by_itself(char: str) -> str:
    return "".join(map(_by_capital, _look(char)))


def _look(char: str) -> str:
    """The one or more characters that represent all that look like this one."""
    return _skeletons().get(char, char)


@cache
def _skeletons() -> dict[str, str]:
    """The prototype of each confusable character.

    The library's table has both directions: a prototype lists all its look-alikes, each of those only the prototype.
    """
    from confusable_homoglyphs.confusables import confusables_data

    alike = {
        _bare(char): {_bare(other["c"]) for other in others} - {_bare(char)}
        for char, others in confusables_data.items()
    }
    prototypes: dict[str, str] = {}
    for char, others in alike.items():
        if len(char) != 1 or len(others) != 1:
            continue
        (other,) = others
        # If two list only each other, the shorter, then the smaller one is the prototype.
        if len(alike.get(other, ())) > 1 or (len(other), other) < (len(char), char) or len(other) > 1:
            prototypes[char] = other
    return prototypes


@cache
def twins() -> dict[int, str]:
    """What each letter outside ASCII looks like, for `str.translate` on folded text."""
    return {ord(char): alike.casefold() for char, alike in _skeletons().items() if not char.isascii()}


@cache
def twins_of_capitals() -> dict[int, str]:
    """Like `twins`, but by what the capital looks like if that is ASCII."""
    capitals = {char.casefold(): alike for char, alike in _skeletons().items() if not char.isascii()}
    return twins() | {
        ord(char): alike.casefold()
        for char, alike in capitals.items()
        if len(char) == 1 and not char.isascii() and alike.isascii()
    }


def _bare(text: str) -> str:
    # The table has direction marks around characters that are written from right to left.
    return text.replace("\u200e", "") or text
