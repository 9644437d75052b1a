"""Whether words are ours: what our mails said, to be found again in what quotes them. Linear in both."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from itertools import islice

PLACES = 20
"""Where a word that occurs often is looked for: at so many of its places."""
LEAST = 4
"""Words in a row that are ours though they are not a whole line: a quote of which somebody kept a part."""
TRIES = 50
"""Words that are compared for each one that is read or ours. What takes more to be found stays."""
_AROUND = "<>()[]*_„“”\"'—–-•·|"


class Known:
    """Whole lines of a quote are found however a mail program broke them anew, each as often as it was said.

    A word alone is none of ours, though we said it in some line: it may well be an answer.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        lines = [line for text in texts for line in text.split("\n")]
        self._addresses = {each for line in lines for each in addresses_of(line)}
        self._words: list[str] = []
        self._ends: set[int] = set()
        self._starts: dict[str, deque[int]] = defaultdict(deque)
        self._places: dict[str, deque[int]] = defaultdict(deque)
        for words in filter(None, map(words_of, lines)):
            self._starts[words[0]].append(len(self._words))
            for at, word in enumerate(words, len(self._words)):
                self._places[word].append(at)
            self._words += words
            self._ends.add(len(self._words))
        self._taken = bytearray(len(self._words))
        self._next = 0
        self._tries = 0

    def take(self, lines: Sequence[str], *, parts: bool = False) -> list[bool]:
        """Which of these lines are said there, and were not taken before; those are taken. Lines of mere signs are.

        `parts`: also where a part of a line is left of the quote.
        """
        wanted = [words_of(line) for line in lines]
        self._tries = TRIES * (sum(map(len, wanted)) + len(self._words))
        ours = [
            not words and all(each in self._addresses for each in addresses_of(line))
            for words, line in zip(wanted, lines, strict=True)
        ]
        at = 0
        while at < len(wanted):
            behind = self._take_whole(wanted, at) if wanted[at] else at
            for each in range(at, behind):
                ours[each] = ours[each] or bool(wanted[each])
            at = max(behind, at + 1)
        for at, words in enumerate(wanted):
            ours[at] = ours[at] or (parts and len(words) >= LEAST and self._take_part(words))
        return ours

    def begins(self, line: str) -> bool:
        """Whether a mail of ours, or a line of one, begins like this. Mere signs are nothing."""
        words = words_of(line)
        places = islice(self._starts.get(words[0], ()), PLACES) if words else ()
        return any(
            self._words[at : at + len(words)] == words
            and (len(words) >= LEAST or at + len(words) in self._ends)
            for at in places
        )

    def _take_whole(self, wanted: Sequence[list[str]], first: int) -> int:
        """The line behind those from `first` on that are one or more whole lines of ours; `first` if none are."""
        for start in self._candidates(self._starts, wanted[first][0]):
            at, end = first, start
            if start and start not in self._ends:
                continue
            while at < len(wanted) and self._is_at(end, wanted[at]):
                end += len(wanted[at])
                at += 1
                if end in self._ends:
                    self._mark(start, end)
                    return at
        return first

    def _take_part(self, words: list[str]) -> bool:
        for start in self._candidates(self._places, words[0]):
            if self._is_at(start, words):
                self._mark(start, start + len(words))
                return True
        return False

    def _is_at(self, start: int, words: list[str]) -> bool:
        self._tries -= len(words) + 1
        end = start + len(words)
        return self._tries > 0 and self._words[start:end] == words and not any(self._taken[start:end])

    def _mark(self, start: int, end: int) -> None:
        self._taken[start:end] = b"\x01" * (end - start)
        self._next = end

    def _candidates(self, places: dict[str, deque[int]], word: str) -> Iterable[int]:
        """Where a line can begin: behind the one before, or wherever its first word is and was not taken."""
        yield self._next
        found = places.get(word, deque())
        while found and self._taken[found[0]]:
            found.popleft()
        yield from islice(found, PLACES)


def once(text: str, other: str) -> list[str]:
    """Two versions of one mail, as text and as HTML: a line of both was said once."""
    said = Counter(tuple(words_of(line)) for line in text.split("\n"))
    only: list[str] = []
    for line in other.split("\n"):
        key = tuple(words_of(line))
        said[key] -= 1
        if said[key] < 0:
            only.append(line)
    return [text, "\n".join(only)]


def words_of(text: str) -> list[str]:
    """Without signs around them, and without addresses: some mail servers put others in their place."""
    found = (word.strip(_AROUND).casefold() for word in text.replace("\u00a0", " ").split())
    return [word for word in found if word and "://" not in word]


def addresses_of(text: str) -> list[str]:
    return [word.strip(_AROUND) for word in text.split() if "://" in word]
