"""What reached the HTTP door, and when: for tests that wait for a request and for measuring."""

import asyncio
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 20_000
_NUMBER = "*"


@dataclass(slots=True)
class Entry:
    number: int
    at: float  # time.monotonic(), which all processes of a machine share
    method: str
    path: str
    content: str | None = None
    nonce: str | int | None = None
    status: int | None = None  # None: not answered (yet)
    fault: str | None = None


class RequestLog:
    """A bounded log with counters beside it, so that asking for a count costs nothing."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=_KEPT)
        self.counts: Counter[str] = Counter()
        self.total = 0
        self._arrived = asyncio.Event()

    def add(self, method: str, path: str) -> Entry:
        self.total += 1
        entry = Entry(self.total, time.monotonic(), method, path)
        self.entries.append(entry)
        self.counts[shape(method, path)] += 1
        self._arrived.set()
        return entry

    def since(self, number: int) -> list[dict[str, Any]]:
        """Return what came after the request with this number, as far as it is kept."""
        found: list[Entry] = []
        for entry in reversed(self.entries):
            if entry.number <= number:
                break
            found.append(entry)
        return [asdict(entry) for entry in reversed(found)]

    async def wait(self, route: str, count: int, seconds: float) -> int:
        """Wait until `count` requests of this shape arrived, at most so long; return how many did."""
        deadline = time.monotonic() + seconds
        while self.counts[route] < count and (left := deadline - time.monotonic()) > 0:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except TimeoutError:
                break
        return self.counts[route]


def shape(method: str, path: str) -> str:
    """Return "POST /channels/*/messages" for a request: what names something is a star."""
    parts = path.split("/")
    for place, part in enumerate(parts):
        if part.isdecimal() or (place > 0 and parts[place - 1] == "reactions"):
            parts[place] = _NUMBER
    if len(parts) > 3 and parts[1] == "webhooks":
        parts[3] = _NUMBER
    return f"{method} {'/'.join(parts)}"
