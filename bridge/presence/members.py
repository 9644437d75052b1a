"""Who is in a room: several sockets are one member, several processes agree, and who is lost is missed.

Redis holds, for each room, an entry for each participant in each process, with the time until which it counts.
A process writes its own again every few seconds; what ran out is taken away by whichever process comes first, and
the one whose ZREM took the last entry of somebody tells the room. So each coming and going is told once.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bridge import signals
from bridge.chat import hooks, publishing
from bridge.infra import redis
from bridge.presence import team
from bridge.protocol import MAX_MEMBERS, Author, event_frame

logger = logging.getLogger(__name__)

FLUSH = 0.5
"""Seconds in which all who come and go are told together: a thousand who come at once are a few events."""
LIFE = 40.0
REFRESH = 8.0
"""Seconds. A process that died is missed LIFE after its last beat, at the next look of another: within a minute."""
GRACE = {True: 1.5, False: 10.0}
"""Seconds before who went (True) or was lost is told: a reload and a short hole in the line are nobody's news."""
AGAIN, PATIENCE = 60.0, 30.0
"""Seconds. Who left a room once in the last AGAIN is told as gone only after PATIENCE: nobody's name flickers."""
MOST_NAMED = 50
BATCH = 500

# KEYS of each script: the room's entries “participant process”, its processes. An entry counts until it is taken
# away, also when its time is over: whoever takes it away tells the others.
_PRESENT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function present(who)
  for _, process in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if redis.call('ZSCORE', KEYS[1], who .. ' ' .. process) then return true end
  end
  return false
end
"""
# ARGV: process, milliseconds, participants. Returns those who were not here before.
_HERE = (
    _PRESENT
    + """
local came = {}
for i = 3, #ARGV do
  if not present(ARGV[i]) then came[#came + 1] = ARGV[i] end
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[i] .. ' ' .. ARGV[1])
end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 3 * ARGV[2])
redis.call('PEXPIRE', KEYS[2], 3 * ARGV[2])
return came
"""
)
# ARGV: process, participants. Returns those who are nowhere any more.
_GONE = (
    _PRESENT
    + """
local gone = {}
for i = 2, #ARGV do
  if redis.call('ZREM', KEYS[1], ARGV[i] .. ' ' .. ARGV[1]) == 1 and not present(ARGV[i]) then
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
"""
)
# Takes away what ran out. Returns those who are nowhere any more.
_SWEEP = (
    _PRESENT
    + """
local gone = {}
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], entry)
  local who = string.sub(entry, 1, string.find(entry, ' ') - 1)
  if not present(who) then gone[#gone + 1] = who end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
return gone
"""
)
# ARGV: how many to name at most. Returns the number of participants, then some of them.
_ROSTER = """
if tonumber(ARGV[1]) == 0 and redis.call('ZCARD', KEYS[2]) < 2 then return {redis.call('ZCARD', KEYS[1])} end
local answer, seen, count = {0}, {}, 0
for _, entry in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local who = string.sub(entry, 1, string.find(entry, ' ') - 1)
  if not seen[who] then
    seen[who], count = true, count + 1
    if count <= tonumber(ARGV[1]) then answer[count + 1] = who end
  end
end
answer[1] = count
return answer
"""


def _keys(room: str) -> list[str]:
    # The braces keep both on one node of a cluster.
    return [f"chatbridge:room:{{{room}}}", f"chatbridge:room:{{{room}}}:processes"]


@dataclass(slots=True)
class _Member:
    author: Author
    sockets: int = 0


class Members:
    """The members whose sockets this process has, and what Redis knows of all."""

    def __init__(self) -> None:
        self._name = uuid.uuid4().hex
        self._here: dict[str, dict[str, _Member]] = {}
        self._came: set[tuple[str, str]] = set()
        # Whose last socket closed: when that is told, and whether he went or was lost.
        self._going: dict[tuple[str, str], tuple[float, bool]] = {}
        # When it was last told that somebody left, of those of whom that was a moment ago.
        self._left: dict[tuple[str, str], float] = {}
        self._refresh_at = 0.0
        self._flushing = asyncio.Lock()

    def arrive(self, room: str, author: Author) -> None:
        member = self._here.setdefault(room, {}).setdefault(author["id"], _Member(author))
        member.author = author
        member.sockets += 1
        self._going.pop((room, author["id"]), None)
        if member.sockets == 1:
            self._came.add((room, author["id"]))

    def leave(self, room: str, participant: str, *, clean: bool, at_once: bool = False) -> None:
        """One socket less. `clean`: he went; else he was lost. `at_once`: he said so himself."""
        member = self._here[room][participant]
        member.sockets -= 1
        if member.sockets == 0:
            now = time.monotonic()
            grace = 0.0 if at_once else GRACE[clean]
            if now - self._left.get((room, participant), -AGAIN) < AGAIN:
                grace = PATIENCE
            self._going[room, participant] = (now + grace, clean)

    def rename(self, room: str, author: Author) -> None:
        """He is called so where he is named next."""
        if member := self._here.get(room, {}).get(author["id"]):
            member.author = author

    async def roster(self, room: str, *, most: int = MAX_MEMBERS) -> tuple[int, list[str]]:
        """How many are here in all processes, and some of them; while Redis is away only those of this one."""
        here = {uid for uid, member in self._here.get(room, {}).items() if member.sockets}
        try:
            count, *named = await self._call(_ROSTER, room, most)
        except redis.RedisError:
            count, named = 0, []
        found = {name.decode() for name in named}
        # Who came a moment ago is not in Redis yet.
        fresh = {uid for at, uid in self._came if at == room} & here - found
        return max(count + len(fresh), len(here)), sorted(found | fresh)[:most]

    async def online(self, rooms: Sequence[str]) -> dict[str, int]:
        """How many are in each of these rooms, in one round trip; while Redis is away only those of this process."""
        here = {room: sum(1 for each in self._here.get(room, {}).values() if each.sockets) for room in rooms}
        try:
            answers = await _counting(redis.client().pipeline(transaction=False), rooms).execute()
        except redis.RedisError:
            return here
        return {room: max(here[room], answer[0]) for room, answer in zip(rooms, answers, strict=True)}

    async def flush(self) -> None:
        """Tell Redis, and the rooms, who came and went. Raises RedisError where Redis is away: nothing is lost."""
        async with self._flushing:
            now = time.monotonic()
            if now >= self._refresh_at:
                self._came |= {(room, uid) for room, members in self._here.items() for uid in members}
                for room in tuple(self._here):
                    await self._sweep(room)
                self._refresh_at = now + REFRESH
                self._left = {key: at for key, at in self._left.items() if now - at < AGAIN}
            for room in {room for room, _ in self._came}:
                await self._enter(room)
            due = {key: clean for key, (until, clean) in self._going.items() if until <= now}
            for room, clean in {(room, clean) for (room, _), clean in due.items()}:
                await self._go(
                    room, [uid for (at, uid), how in due.items() if (at, how) == (room, clean)], clean
                )

    async def _enter(self, room: str) -> None:
        members = self._here.get(room, {})
        came = [uid for at, uid in self._came if at == room and uid in members]
        fresh: list[Author] = []
        for start in range(0, len(came), BATCH):
            batch = came[start : start + BATCH]
            answer = await self._call(_HERE, room, self._name, int(LIFE * 1000), *batch)
            fresh += [members[uid.decode()].author for uid in answer if uid.decode() in members]
            self._came -= {(room, uid) for uid in batch}
        self._came -= {key for key in self._came if key[0] == room and key[1] not in members}
        if fresh:
            more = max(0, len(fresh) - MOST_NAMED)
            named = fresh[:MOST_NAMED]
            hooks.tell(signals.participant_joined, (uuid.UUID(each["id"]) for each in fresh))
            await self._tell("participant.joined", room, {"participants": named, "more": more})

    async def _go(self, room: str, gone: Sequence[str], clean: bool) -> None:
        answer = await self._call(_GONE, room, self._name, *gone)
        for uid in gone:
            # He may have come back while Redis was asked: then he is entered again, as somebody who came.
            if (room, uid) in self._going:
                del self._going[room, uid], self._here[room][uid]
                self._left[room, uid] = time.monotonic()
            else:
                self._came.add((room, uid))
        if not self._here[room]:
            del self._here[room]
        await self._tell_left(room, answer, clean=clean)

    async def _sweep(self, room: str) -> None:
        await self._tell_left(room, await self._call(_SWEEP, room), clean=False)

    async def _tell_left(self, room: str, gone: Iterable[bytes], *, clean: bool) -> None:
        if participants := [uid.decode() for uid in gone]:
            hooks.tell(signals.participant_left, map(uuid.UUID, participants), clean=clean)
            await self._tell("participant.left", room, {"participants": participants, "clean": clean})

    async def _tell(
        self,
        event: Literal["participant.joined", "participant.left"],
        room: str,
        payload: dict[str, Any],
    ) -> None:
        (online,) = await self._call(_ROSTER, room, 0)
        publishing.tell(room, event_frame(event, payload | {"online": online}, connection=room))

    async def _call(self, script: str, room: str, *arguments: str | int) -> list[Any]:
        answer: list[Any] = await redis.client().register_script(script)(keys=_keys(room), args=arguments)
        return answer


def online_in(rooms: Sequence[str]) -> dict[str, int]:
    """How many are in each of these rooms. Blocks. Raises RedisError where Redis is away."""
    pipeline = _counting(team.blocking_client().pipeline(transaction=False), rooms)
    return {room: answer[0] for room, answer in zip(rooms, pipeline.execute(), strict=True)}


def _counting(pipeline: Any, rooms: Sequence[str]) -> Any:
    """The same questions for redis-py's two kinds of pipelines."""
    for room in rooms:
        pipeline.eval(_ROSTER, 2, *_keys(room), 0)
    return pipeline
