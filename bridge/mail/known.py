"""Whether words are ours: what our mails said, to be found again in what quotes them. Linear in both."""

from collections import deque
from collections.abc import Iterable
from itertools import islice

PLACES = 20
"""Where a word that occurs often is looked for: at so many of its places."""
_AROUND = "<>()[]*_„“”\"'—–-•·|"


class Known:
    """Lines of a quote are found however a mail program broke them anew, each as often as it was said."""

    def __init__(self, texts: Iterable[str]) -> None:
        texts = list(texts)
        self._words = [word for text in texts for word in words_of(text)]
        self._addresses = {each for text in texts for each in addresses_of(text)}
        self._taken = bytearray(len(self._words))
        self._places: dict[str, deque[int]] = {}
        for at, word in enumerate(self._words):
            self._places.setdefault(word, deque()).append(at)
        self._next = 0

    def take(self, line: str) -> bool:
        """Whether this line is said there, and was not taken before; that is taken. A line of mere signs is."""
        wanted = words_of(line)
        if not wanted:
            return all(each in self._addresses for each in addresses_of(line))
        if (start := self._find(wanted)) is None:
            return False
        self._next = start + len(wanted)
        self._taken[start : self._next] = b"\x01" * len(wanted)
        return True

    def has(self, line: str) -> bool:
        """The same, without taking it. Mere signs are nothing."""
        wanted = words_of(line)
        return bool(wanted) and self._find(wanted) is not None

    def _find(self, wanted: list[str]) -> int | None:
        for at in self._candidates(wanted[0]):
            end = at + len(wanted)
            if self._words[at:end] == wanted and not any(self._taken[at:end]):
                return at
        return None

    def _candidates(self, word: str) -> Iterable[int]:
        """Where a line can begin: behind the one before, or wherever its first word is and was not taken."""
        yield self._next
        places = self._places.get(word, deque())
        while places and self._taken[places[0]]:
            places.popleft()
        yield from islice(places, PLACES)


def words_of(text: str) -> list[str]:
    """Without signs around them, and without addresses: some mail servers put others in their place."""
    found = (word.strip(_AROUND).casefold() for word in text.replace("\u00a0", " ").split())
    return [word for word in found if word and "://" not in word]


def addresses_of(text: str) -> list[str]:
    return [word.strip(_AROUND) for word in text.split() if "://" in word]
