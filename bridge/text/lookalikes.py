"""What nicks that look alike have in common: a key under which two of them are one, and the words in them.

Compared are skeletons: letters and digits only, without case, compatibility forms (NFKC), marks that belong to no
letter, and what looks like another character (UTS #39, as `confusable_homoglyphs` ships it). They are for comparing
only: nobody can read them.
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
"""Of so many characters it is kept what they look like: more than people write with. Anybody may send a million."""
_RESERVED = """
    staff staffs admin admins administrator administrators administration sysadmin mod mods moderator moderators
    moderation system support supporter supporters team teams official operator operators owner owners helpdesk
    chatbot webmaster
""".split()
_RESERVED_PHRASES = ["help desk", "service desk", "customer service", "customer care"]
# What the page calls its reader: as a part of a name it is nobody's.
_RESERVED_WHOLE = "you"
_SIGNS = regex.compile(r"(?V1)[^\p{L}\p{N}\p{M}\p{Alphabetic}]")
_SIGNS_IN_A_WORD = regex.compile(r"(?V1)[^\p{L}\p{N}\p{M}\p{Alphabetic}\s]")
# Where a word ends inside of what is written together: StaffAda, ADAStaff, Staff1.
_SEAM = regex.compile(
    r"(?V1)(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})|(?<=\p{N})(?=\p{L})|(?<=[\p{L}\p{M}])(?=\p{N})"
)
RUNNING = regex.compile(
    r"(?V1)[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
)
"""A character of a script without spaces between words."""
# What is written for a letter where letters are watched.
_WRITTEN_FOR = str.maketrans("@$!|€£+0134567829", "asileltoieasgtbzg")

Look = Callable[[str], str]
"""What one character counts as."""


def key_of(nick: str) -> str:
    """Equal for nicks that a reader could take for one another. Of signs alone where it has nothing else.

    A letter counts as what its capital looks like, where that is a letter of ASCII, else as what it looks like
    itself: so the key is the same in every case. (The price: Greek “ν” counts as “n”, its capital's twin, not as “v”.)
    """
    signs_left_out, signs_read = _spellings(nick)
    key = _skeleton(signs_left_out, _by_capital) or _skeleton(signs_read, _by_capital)
    return (key or _signs_of(nick))[:LONGEST]


def readings(nick: str) -> frozenset[str]:
    """Its key and whatever else a reader may take it for: signs read as letters, letters read as they are.

    For comparing with the keys of names that nobody else may have.
    """
    found = {
        _skeleton(each, look)[:LONGEST] for each in _spellings(nick) for look in (_by_capital, _by_itself)
    }
    return frozenset(found - {""} | {key_of(nick)})


def is_reserved(nick: str, *, names: str) -> bool:
    """Whether a word of it stands for staff, however it is spelt. `names`: more of them, one a line.

    A word is what stands by itself between spaces and signs, or is told apart by its capital or a digit: “StaffAda”
    and “s.t.a.f.f”, but neither “Teamster” nor “Modesty”.
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
    single = ("".join(run) for is_letter, run in groupby(joined, lambda each: len(each) == 1) if is_letter)
    return (
        whole == reserved.whole
        or not reserved.words.isdisjoint((whole, *single, *_stretches(groups)))
        or any(_is_made_of(each, reserved.words) for each in joined)
        or not reserved.phrases.isdisjoint(_stretches([joined]))
        or any(word in whole for word in reserved.running)
    )


def _pieces(group: str) -> Iterator[str]:
    for written_together in _SIGNS.split(group):
        yield from _SEAM.split(written_together)


def _stretches(groups: Iterable[Sequence[str]]) -> Iterator[str]:
    """All that stands side by side within a group, joined."""
    for group in groups:
        for begin, end in combinations(range(len(group) + 1), 2):
            yield "".join(group[begin:end])


def _is_made_of(text: str, words: frozenset[str]) -> bool:
    """Whether it is nothing but some of these words, written together."""
    ends = {0}
    for end in range(1, len(text) + 1):
        if any(text[begin:end] in words for begin in ends):
            ends.add(end)
    return len(text) in ends and bool(text)


class _Reserved(NamedTuple):
    words: frozenset[str]
    phrases: frozenset[str]
    running: frozenset[str]
    """Of scripts that have no spaces: found anywhere."""
    whole: str


@lru_cache(maxsize=128)
def _reserved(names: str, look: Look) -> _Reserved:
    every = [*_RESERVED, *_RESERVED_PHRASES, *filter(None, (line.strip() for line in names.splitlines()))]
    keys = {each: _skeleton(_spellings(each)[0], look) for each in every}
    return _Reserved(
        words=frozenset(key for each, key in keys.items() if key and len(each.split()) == 1),
        phrases=frozenset(key for each, key in keys.items() if key and len(each.split()) > 1),
        running=frozenset(key for each, key in keys.items() if key and RUNNING.search(each)),
        whole=_skeleton(_RESERVED_WHOLE, look),
    )


def _spellings(nick: str) -> tuple[str, str]:
    """The nick with its signs left out, and with those read as letters that are written for some."""
    text = without_unseen(nick)
    without_signs = normalize("NFKC", "".join(map(_lettered, _SIGNS_IN_A_WORD.sub("-", text))))
    with_signs = normalize("NFKC", "".join(map(_lettered, text))).translate(_WRITTEN_FOR)
    return without_signs, with_signs


@lru_cache(maxsize=CHARACTERS)
def _lettered(char: str) -> str:
    """The letter that a sign shows: in a circle, in a box, as half of a flag."""
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
    # “rn” and “m” are told apart by neither.
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


@cache
def twins() -> dict[int, str]:
    """For `str.translate`: what each letter outside of ASCII looks like. Of small letters and of those without case."""
    return {ord(char): alike.casefold() for char, alike in _skeletons().items() if not char.isascii()}


@cache
def twins_of_capitals() -> dict[int, str]:
    """The same by what its capital looks like, where that is a letter of ASCII."""
    capitals = {char.casefold(): alike for char, alike in _skeletons().items() if not char.isascii()}
    return twins() | {
        ord(char): alike.casefold()
        for char, alike in capitals.items()
        if len(char) == 1 and not char.isascii() and alike.isascii()
    }


def _bare(text: str) -> str:
    # The table's authors put marks around what is written from right to left.
    return text.replace("\u200e", "") or text
