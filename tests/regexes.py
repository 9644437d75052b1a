"""Whether a regular expression can be slow: worse than in proportion to the length of what it is matched with.

A backtracking matcher is slow where a pattern can go two ways through the same text and then fail. Each pattern becomes
an automaton whose states are its characters (Glushkov), and the two known signs are looked for: two ways from a state
back to itself (exponential), and a way from one loop to another along a word that both repeat (polynomial); a search,
which begins anew at each place, counts as a loop around all of it. Weber & Seidl, “On the degree of ambiguity of finite
automata”; Weideman et al., “Analyzing matching time behavior of backtracking regular expression matchers”.

It errs on the strict side: what is told is a reason to write a pattern more plainly.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

MANY = 300
"""Repeats beyond which a bound is none."""
_SAMPLES = [chr(code) for code in range(128)] + [*"éßЖ日١①\u00a0\u200b\u202e\ufeff"]
_CATEGORIES = {
    c.CATEGORY_DIGIT: r"\d",
    c.CATEGORY_NOT_DIGIT: r"\D",
    c.CATEGORY_SPACE: r"\s",
    c.CATEGORY_NOT_SPACE: r"\S",
    c.CATEGORY_WORD: r"\w",
    c.CATEGORY_NOT_WORD: r"\W",
}

Holds = Callable[[str, str], bool]
"""Whether one may go on between this character and the next."""


@dataclass
class Piece:
    """Part of a pattern: where it begins and ends, under which conditions, and which ways through it are empty."""

    first: list[tuple[int, tuple[Holds, ...]]] = field(default_factory=list)
    last: list[tuple[int, tuple[Holds, ...], bool]] = field(default_factory=list)
    empty: list[tuple[Holds, ...]] = field(default_factory=list)


class Automaton:
    """`anchored`: it is tried at one place only. `whole`: it has to reach the text's end."""

    def __init__(self, pattern: str | bytes, flags: int, *, anchored: bool, whole: bool) -> None:
        self._tree = _parser.parse(pattern, flags)
        self._flags = self._tree.state.flags
        self._holds: list[Callable[[str], bool]] = []
        self._edges: dict[tuple[int, int], list[tuple[Holds, ...]]] = {}
        piece = self._sequence(self._tree)
        if not anchored:
            around = self._position(lambda char: True)
            self._loop(around)
            piece = self._then(around, piece)
        self._done = {pos for pos, guards, free in piece.last if free and not guards and not whole}
        self._letters = self._alphabet()
        self._steps = self._transitions()

    # ------------------------------------------------------------- building

    def _position(self, holds: Callable[[str], bool]) -> Piece:
        self._holds.append(holds)
        at = len(self._holds) - 1
        return Piece([(at, ())], [(at, (), True)], [])

    def _join(self, last: Iterable[Any], first: Iterable[Any]) -> None:
        for (end, before, _), (start, after) in product(last, first):
            self._edges.setdefault((end, start), []).append((*before, *after))

    def _loop(self, piece: Piece) -> None:
        self._join(piece.last, piece.first)

    def _then(self, one: Piece, two: Piece) -> Piece:
        self._join(one.last, two.first)
        return Piece(
            one.first + [(pos, skip + guards) for skip in one.empty for pos, guards in two.first],
            two.last + [(pos, guards + skip, free) for skip in two.empty for pos, guards, free in one.last],
            [a + b for a in one.empty for b in two.empty][:4],
        )

    def _sequence(self, items: Any) -> Piece:
        found = Piece(empty=[()])
        for name, value in items:
            found = self._then(found, self._item(name, value))
            if name is c.AT and value in {c.AT_END, c.AT_END_STRING, c.AT_BOUNDARY, c.AT_NON_BOUNDARY}:
                found.last = [(pos, guards, False) for pos, guards, _ in found.last]
            if name in {c.ASSERT, c.ASSERT_NOT} and value[0] > 0:
                found.last = [(pos, guards, False) for pos, guards, _ in found.last]
        return found

    def _item(self, name: Any, value: Any) -> Piece:
        if name in {c.LITERAL, c.NOT_LITERAL, c.ANY, c.IN}:
            return self._position(self._members(name, value))
        if name is c.BRANCH:
            return self._either([self._sequence(branch) for branch in value[1]])
        if name is c.SUBPATTERN:
            return self._sequence(value[3])
        if name is c.ATOMIC_GROUP:
            return self._sequence(value)
        if name in {c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT}:
            return self._repeat(*value)
        if name is c.AT:
            return Piece(empty=[(self._between(value),)])
        if name in {c.ASSERT, c.ASSERT_NOT}:
            return self._look(name, *value)
        raise AssertionError(f"{name} is not known here: write the pattern without it")

    def _either(self, ways: list[Piece]) -> Piece:
        return Piece(
            [each for way in ways for each in way.first],
            [each for way in ways for each in way.last],
            [each for way in ways for each in way.empty],
        )

    def _repeat(self, least: int, most: int, body: Any) -> Piece:
        found = Piece(empty=[()])
        for _ in range(min(least, 2)):
            found = self._then(found, self._sequence(body))
        if most > MANY:
            more = self._sequence(body)
            self._loop(more)
            return self._then(found, self._either([more, Piece(empty=[()])]))
        for _ in range(min(most - least, 2)):
            found = self._then(found, self._either([self._sequence(body), Piece(empty=[()])]))
        return found

    def _look(self, name: Any, direction: int, body: Any) -> Piece:
        if direction > 0:
            # Gone into from here, and left again: a way that ends.
            inside = self._sequence(body)
            return Piece(first=inside.first, empty=[()])
        single = list(body)
        if len(single) != 1 or single[0][0] not in {c.LITERAL, c.NOT_LITERAL, c.IN}:
            return Piece(empty=[()])
        member, wanted = self._members(*single[0]), name is c.ASSERT
        return Piece(empty=[(lambda before, after: member(before) is wanted,)])

    def _between(self, place: Any) -> Holds:
        word = re.compile(r"\w", self._flags & re.ASCII).match
        if place in {c.AT_BOUNDARY, c.AT_NON_BOUNDARY}:
            wanted = place is c.AT_BOUNDARY
            return lambda before, after: (bool(word(before)) != bool(word(after))) is wanted
        if place is c.AT_BEGINNING and self._flags & re.MULTILINE:
            return lambda before, after: before == "\n"
        if place is c.AT_END and self._flags & re.MULTILINE:
            return lambda before, after: after == "\n"
        return lambda before, after: False

    def _members(self, name: Any, value: Any) -> Callable[[str], bool]:
        if name is c.ANY:
            return lambda char: bool(self._flags & re.DOTALL) or char != "\n"
        items = value if name is c.IN else [(c.LITERAL, value)]
        negative = name is c.NOT_LITERAL or bool(items and items[0][0] is c.NEGATE)
        fold = self._flags & re.IGNORECASE

        def holds(char: str) -> bool:
            forms = {char, char.lower(), char.upper()} if fold else {char}
            return any(self._has(item, form) for item in items for form in forms if len(form) == 1)

        return lambda char: holds(char) is not negative

    def _has(self, item: Any, char: str) -> bool:
        name, value = item
        if name is c.LITERAL:
            return ord(char) == value
        if name is c.RANGE:
            return bool(value[0] <= ord(char) <= value[1])
        if name is c.CATEGORY:
            return bool(re.match(_CATEGORIES[value], char, self._flags & re.ASCII))
        return False

    # ------------------------------------------------------------- judging

    def _alphabet(self) -> list[str]:
        """One character of each kind that the pattern tells apart."""
        kinds: dict[tuple[bool, ...], str] = {}
        word = re.compile(r"\w").match
        for char in _SAMPLES + [chr(code) for code in _codes(self._tree)]:
            kinds.setdefault((*(holds(char) for holds in self._holds), bool(word(char)), char == "\n"), char)
        return list(kinds.values())

    def _transitions(self) -> dict[tuple[int, str, str], list[int]]:
        """By state, the character that led to it and the next one: the next states, twice where two ways lead there."""
        steps: dict[tuple[int, str, str], list[int]] = {}
        for (start, end), ways in self._edges.items():
            for before, after in product(self._letters, self._letters):
                if self._holds[start](before) and self._holds[end](after):
                    open_ways = [way for way in ways if all(guard(before, after) for guard in way)]
                    steps.setdefault((start, before, after), []).extend([end] * len(open_ways))
        return steps

    def _next(self, state: int, before: str, after: str) -> list[int]:
        return self._steps.get((state, before, after), [])

    def _reach(self, starts: Iterable[Any], onward: Callable[[Any], Iterator[Any]]) -> set[Any]:
        seen, todo = set(starts), list(starts)
        while todo:
            for each in onward(todo.pop()):
                if each not in seen:
                    seen.add(each)
                    todo.append(each)
        return seen

    def trouble(self) -> str:
        """What is wrong with it; empty where it takes time in proportion."""
        loops = [state for state in range(len(self._holds)) if self._around(state)]
        for state in loops:
            if state not in self._done and self._two_ways_back(state):
                return "exponential"
        for one, two in product(loops, loops):
            if one != two and two not in self._done and self._both_repeat(one, two):
                return "polynomial"
        return ""

    def _around(self, state: int) -> bool:
        def onward(at: int) -> Iterator[int]:
            return (end for start, end in self._edges if start == at)

        return state in self._reach(onward(state), onward)

    def _two_ways_back(self, state: int) -> bool:
        def onward(at: Any) -> Iterator[Any]:
            one, two, before, apart = at
            for after in self._letters:
                for pair in product(self._next(one, before, after), self._next(two, before, after)):
                    yield (*pair, after, apart or pair[0] != pair[1])
                if one == two and len(set(here := self._next(one, before, after))) < len(here):
                    yield from ((end, end, after, True) for end in here if here.count(end) > 1)

        starts = [(state, state, char, False) for char in self._letters if self._holds[state](char)]
        found = self._reach([each for start in starts for each in onward(start)], onward)
        return any((state, state, char, True) in found for char in self._letters)

    def _both_repeat(self, one: int, two: int) -> bool:
        """Whether a word leads from each of them to itself and from the first to the second."""

        def onward(at: Any) -> Iterator[Any]:
            *states, before = at
            for after in self._letters:
                for ends in product(*(self._next(state, before, after) for state in states)):
                    yield (*ends, after)

        for char in self._letters:
            if self._holds[one](char):
                # Two has read another word until now: what led to it is not asked.
                starts = [(one, one, two, char)] if self._holds[two](char) else []
                if any((one, two, two, last) in self._reach(starts, onward) for last in self._letters):
                    return True
        return False


def _codes(tree: Any) -> Iterator[int]:
    """Characters that are named in a pattern."""
    for item in tree:
        if isinstance(item, tuple) and item and item[0] in {c.LITERAL, c.NOT_LITERAL}:
            yield item[1]
        elif isinstance(item, tuple) and item and item[0] is c.RANGE:
            yield from item[1]
        elif isinstance(item, tuple | list | _parser.SubPattern):
            yield from _codes(item)


def trouble(pattern: str | bytes, flags: int = 0, *, anchored: bool = False, whole: bool = False) -> str:
    """“exponential” or “polynomial”; empty where the time is in proportion to the text."""
    return Automaton(pattern, int(flags), anchored=anchored, whole=whole).trouble()
