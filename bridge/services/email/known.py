"""Finds the text of our own mails in what quotes them, in time linear in both."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from itertools import islice

PLACES = 20
"""Occurrences of a frequent word that are tried."""
LEAST = 4
"""Consecutive words that count as a quote though they are not a whole line: somebody kept a part of it."""
TRIES = 50
"""Comparisons for each word of both texts. A quote that needs more is not found, and stays."""
_AROUND = "<>()[]*_„“”\"'—–-•·|"


class Known:
    """Finds whole lines however a mail program wraps them again, each only as often as our mails contain it.

    A single word of a line is not found: it may well be an answer.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        lines = [line for text in texts for line in text.split("\n")]
        self._addresses = {address for line in lines for address in addresses_of(line)}
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
        """For each of these lines, whether it is in our mails and was not taken before. These are now taken.

        Lines of punctuation alone are always found. `parts`: so are parts of our lines.
        """
        wanted = [words_of(line) for line in lines]
        self._tries = TRIES * (sum(map(len, wanted)) + len(self._words))
        ours = [
            not words and all(address in self._addresses for address in addresses_of(line))
            for words, line in zip(wanted, lines, strict=True)
        ]
        at = 0
        while at < len(wanted):
            behind = self._take_whole(wanted, at) if wanted[at] else at
            for index in range(at, behind):
                ours[index] = ours[index] or bool(wanted[index])
            at = max(behind, at + 1)
        for at, words in enumerate(wanted):
            ours[at] = ours[at] or (parts and len(words) >= LEAST and self._take_part(words))
        return ours

    def begins(self, line: str) -> bool:
        """Whether a line of our mails begins like this. False for punctuation alone."""
        words = words_of(line)
        places = islice(self._starts.get(words[0], ()), PLACES) if words else ()
        return any(
            self._words[at : at + len(words)] == words
            and (len(words) >= LEAST or at + len(words) in self._ends)
            for at in places
        )

    def _take_whole(self, wanted: Sequence[list[str]], first: int) -> int:
        """The index after the lines from `first` on that are whole lines of ours; `first` if there are none."""
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
        """Where a line may begin: after the previous one, or where its first word occurs and was not taken."""
        yield self._next
        positions = places.get(word, deque())
        while positions and self._taken[positions[0]]:
            positions.popleft()
        yield from islice(positions, PLACES)


def once(text: str, other: str) -> list[str]:
    """The plain-text version of a mail, and those lines of its HTML version that are not in it."""
    counts = Counter(tuple(words_of(line)) for line in text.split("\n"))
    only: list[str] = []
    for line in other.split("\n"):
        key = tuple(words_of(line))
        counts[key] -= 1
        if counts[key] < 0:
            only.append(line)
    return [text, "\n".join(only)]


def words_of(text: str) -> list[str]:
    """Without the punctuation around them, and without URLs, because some mail servers replace these."""
    words = (word.strip(_AROUND).casefold() for word in text.replace("\u00a0", " ").split())
    return [word for word in words if word and "://" not in word]


def addresses_of(text: str) -> list[str]:
    return [word.strip(_AROUND) for word in text.split() if "://" in word]
