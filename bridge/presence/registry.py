"""The presence registry of a process: the members of each scope by its sockets, and when changes are announced.

All sockets of a member count as one, in all processes. Every few seconds a process renews its entries in
`presence.shared`. Those of a dead process expire, and another process removes them.
"""

import asyncio
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.utils import timezone

from bridge.infra import redis
from bridge.presence import shared
from bridge.presence.shared import Question, Scope
from bridge.protocol import MAX_MEMBERS
from bridge.protocol.outgoing import Author

FLUSH = 0.5
"""Seconds. Changes within this time are announced together: a thousand people who come at once are a few events."""
LIFE = 40.0
REFRESH = 8.0
"""Seconds. Entries expire LIFE after the last beat, and another process removes them at its next beat."""
GRACE = {True: 1.5, False: 10.0}
"""Seconds before it is announced that a member went (True) or was lost (False), so that a reload or a short loss of the
connection is not announced."""
AGAIN, PATIENCE = 60.0, 30.0
"""Seconds. If a member left in the last AGAIN, the next time is only announced after PATIENCE: names do not flicker."""


@dataclass(slots=True)
class Entry:
    """A member with sockets in this process."""

    author: Author | None = None
    sockets: int = 0
    identified: int = 0
    since: int = field(default_factory=lambda: int(timezone.now().timestamp()))
    is_shared: bool = False

    def __str__(self) -> str:
        return f"{self.sockets} {self.identified} {self.since}"


class Moves(NamedTuple):
    """The members who came to a scope and who left it, across all processes, and how many are there now."""

    scope: Scope
    came: list[Author | None]
    went: list[str]
    lost: list[str]
    online: int


class Registry:
    """The entries of one process. Each change is passed to `announce` in exactly one process."""

    def __init__(self, announce: Callable[[Moves], None]) -> None:
        self._announce = announce
        self._name = uuid.uuid4().hex
        self._here: dict[Scope, dict[str, Entry]] = {}
        # Members whose entries have to be written, and for those who left, whether they went.
        self._changed: defaultdict[Scope, dict[str, bool]] = defaultdict(dict)
        # Members without sockets: when they leave, and whether they went or were lost.
        self._leaving: dict[tuple[Scope, str], tuple[float, bool]] = {}
        # When members left, for AGAIN seconds.
        self._left: dict[tuple[Scope, str], float] = {}
        self._beaten_at = float("-inf")
        self._flushing = asyncio.Lock()

    def arrive(
        self, scope: Scope, member: str, *, identified: bool = False, author: Author | None = None
    ) -> None:
        """Count one more socket."""
        entry = self._here.setdefault(scope, {}).setdefault(member, Entry())
        entry.author = author
        entry.sockets += 1
        entry.identified += identified
        self._leaving.pop((scope, member), None)
        self._changed[scope][member] = False

    def leave(
        self,
        scope: Scope,
        member: str,
        *,
        identified: bool = False,
        clean: bool = True,
        at_once: bool = False,
    ) -> None:
        """Count one socket less. `clean`: the member left and was not lost. `at_once`: they asked to leave."""
        entry = self._here[scope][member]
        entry.sockets -= 1
        entry.identified -= identified
        self._changed[scope][member] = False
        if not entry.sockets:
            now = time.monotonic()
            grace = 0.0 if at_once else GRACE[clean]
            if now - self._left.get((scope, member), -AGAIN) < AGAIN:
                grace = PATIENCE
            if scope.kind != "room":
                # Nothing is announced.
                grace = 0.0
            self._leaving[scope, member] = (now + grace, clean)

    def rename(self, scope: Scope, author: Author) -> None:
        """Announce a member under this name from now on."""
        if entry := self._here.get(scope, {}).get(author["id"]):
            entry.author = author

    async def roster(self, scope: Scope) -> tuple[int, list[str]]:
        """Return the number of members and some of them; while Redis is away, only those of this process."""
        try:
            (answer,) = await shared.read(Question(scope, MAX_MEMBERS))
        except redis.RedisError:
            here = self._with_sockets(scope)
            return len(here), sorted(here)[:MAX_MEMBERS]
        here, named = self._with_sockets(scope), {member for member, _ in answer.entries}
        # Members whose entries are not in Redis yet.
        fresh = {member for member in here if not self._here[scope][member].is_shared} - named
        return max(answer.online + len(fresh), len(here)), sorted(named | fresh)[:MAX_MEMBERS]

    async def counts(self, scopes: Sequence[Scope]) -> dict[Scope, int]:
        """Return the number of members of each scope; while Redis is away, only those of this process."""
        here = {scope: len(self._with_sockets(scope)) for scope in scopes}
        try:
            answers = await shared.read(*map(Question, scopes))
        except redis.RedisError:
            return here
        return {scope: max(here[scope], answer.online) for scope, answer in zip(scopes, answers, strict=True)}

    def _with_sockets(self, scope: Scope) -> set[str]:
        return {member for member, entry in self._here.get(scope, {}).items() if entry.sockets}

    async def flush(self) -> None:
        """Write and announce all changes. Raises RedisError if Redis is away; the next call tries again."""
        async with self._flushing:
            now = time.monotonic()
            since = now - self._beaten_at
            self._let_go(now)
            if since < REFRESH:
                for scope in tuple(self._changed):
                    await self._write(scope)
                return
            for scope in self._here.keys() | self._changed.keys():
                # After an outage the entries of all processes have expired: they have until the next beat to return.
                await self._write(scope, sweep=since < 2 * REFRESH)
            self._beaten_at = now
            self._left = {key: at for key, at in self._left.items() if now - at < AGAIN}

    def _let_go(self, now: float) -> None:
        """Remove the members whose grace period is over."""
        for (scope, member), (until, clean) in tuple(self._leaving.items()):
            if until <= now:
                del self._leaving[scope, member], self._here[scope][member]
                self._changed[scope][member] = clean
                self._left[scope, member] = now
                if not self._here[scope]:
                    del self._here[scope]

    async def _write(self, scope: Scope, *, sweep: bool = False) -> None:
        entries, changed = self._here.get(scope, {}), self._changed.pop(scope, {})
        here = {member: entries[member] for member in changed if member in entries}
        gone = changed.keys() - here.keys()
        try:
            update = await shared.update(
                scope, self._name, life=LIFE if entries else 0, here=here, gone=gone, sweep=sweep
            )
        except BaseException:
            self._changed[scope] = changed | self._changed[scope]
            raise
        for entry in here.values():
            entry.is_shared = True
        went = [member for member in update.gone if changed[member]]
        lost = [member for member in update.gone if not changed[member]] + update.lost
        came = [here[member].author for member in update.came]
        if came or went or lost:
            self._announce(Moves(scope, came, went, lost, update.online))
        if not update.is_known and (others := entries.keys() - here.keys()):
            # Redis lost its data, or another process considered this one dead.
            self._changed[scope] = dict.fromkeys(others, False) | self._changed[scope]
            await self._write(scope)
