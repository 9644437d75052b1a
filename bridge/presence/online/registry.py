"""What a process tells Redis of the sessions that its sockets have."""

import uuid
from collections.abc import Collection
from typing import Any

from django.utils import timezone

from bridge.infra import redis
from bridge.presence.online.entries import PROCESSES, key_of

TTL = 30
"""Seconds after which the visitors of a process that no longer beats count as gone."""
SWEEP_EVERY = 30
"""Beats after which a process takes out what others, which died, left behind."""


class _Here:
    __slots__ = ("identified", "since", "sockets")

    def __init__(self) -> None:
        self.sockets = self.identified = 0
        self.since = int(timezone.now().timestamp())

    def __str__(self) -> str:
        return f"{self.sockets} {self.identified} {self.since}"


class Registry:
    """The sessions that sockets of this process have."""

    def __init__(self) -> None:
        self._name = uuid.uuid4().hex
        self._here: dict[int, dict[uuid.UUID, _Here]] = {}
        self._changed: set[tuple[int, uuid.UUID]] = set()
        self._beats = 0

    def arrive(self, inbox: int, visitor: uuid.UUID, *, identified: bool) -> None:
        here = self._here.setdefault(inbox, {}).setdefault(visitor, _Here())
        here.sockets += 1
        here.identified += identified
        self._changed.add((inbox, visitor))

    def leave(self, inbox: int, visitor: uuid.UUID, *, identified: bool) -> None:
        visitors = self._here[inbox]
        here = visitors[visitor]
        here.sockets -= 1
        here.identified -= identified
        if not here.sockets:
            del visitors[visitor]
        if not visitors:
            del self._here[inbox]
        self._changed.add((inbox, visitor))

    async def beat(self) -> None:
        """Say that this process lives, and who came and went. Raises RedisError where Redis is away."""
        changed, self._changed = self._changed, set()
        try:
            await self._write(changed)
        except BaseException:
            self._changed |= changed
            raise
        if self._beats % SWEEP_EVERY == 0:
            await _sweep()
        self._beats += 1

    async def _write(self, changed: Collection[tuple[int, uuid.UUID]]) -> None:
        inboxes = tuple(self._here)
        looking = redis.client().pipeline(transaction=False)
        for inbox in inboxes:
            looking.expire(key_of(inbox, self._name), TTL)
        known = await looking.execute()
        # Redis was restarted, or nobody was here: all of them.
        whole = {inbox for inbox, is_known in zip(inboxes, known, strict=True) if not is_known}
        writing = redis.client().pipeline(transaction=True)
        for inbox in inboxes:
            self._write_inbox(writing, inbox, None if inbox in whole else changed)
        for inbox in {inbox for inbox, _ in changed} - set(inboxes):
            writing.delete(key_of(inbox, self._name))
            writing.srem(PROCESSES, f"{inbox} {self._name}")
        await writing.execute()

    def _write_inbox(
        self, writing: Any, inbox: int, changed: Collection[tuple[int, uuid.UUID]] | None
    ) -> None:
        """`changed`: None for all of them."""
        here, key = self._here.get(inbox, {}), key_of(inbox, self._name)
        mine = here.keys() if changed is None else {visitor for where, visitor in changed if where == inbox}
        if came := {visitor.hex: str(here[visitor]) for visitor in mine if visitor in here}:
            writing.hset(key, mapping=came)
        if gone := [visitor.hex for visitor in mine if visitor not in here]:
            writing.hdel(key, *gone)
        writing.expire(key, TTL)
        writing.sadd(PROCESSES, f"{inbox} {self._name}")

    async def stop(self) -> None:
        writing = redis.client().pipeline(transaction=True)
        for inbox in self._here:
            writing.delete(key_of(inbox, self._name))
            writing.srem(PROCESSES, f"{inbox} {self._name}")
        await writing.execute()


async def _sweep() -> None:
    entries = _texts(await redis.client().smembers(PROCESSES))
    looking = redis.client().pipeline(transaction=False)
    for entry in entries:
        inbox, name = entry.split(" ")
        looking.exists(key_of(int(inbox), name))
    there = await looking.execute()
    if gone := [entry for entry, is_there in zip(entries, there, strict=True) if not is_there]:
        await redis.client().srem(PROCESSES, *gone)


def _texts(members: Any) -> list[str]:
    return [member.decode() for member in members]
