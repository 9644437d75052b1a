"""What all processes know of who is present, in Redis: entries (scope, member, process) that count for a time.

A process renews the deadline of all its entries in a scope at once. Redis does each step as a whole: whoever takes away
a member's last entry is the one who announces it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from bridge.infra import redis

NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
# KEYS of each script: the entries “member process” with what is known of each; the members, each with the number of
# its entries; the processes, each with its deadline. ARGV: process, milliseconds (0: it has no entries left),
# whether it takes away what others left behind, how many members leave, those, then each that is here and its value.
# An entry is there until it is taken away, also after its deadline: whoever takes it away announces that.
UPDATE = (
    NOW
    + """
if redis.call('EXISTS', unpack(KEYS)) < #KEYS then redis.call('DEL', unpack(KEYS)) end
local process, life, leaving = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local is_known = redis.call('ZSCORE', KEYS[3], process) and 1 or 0
local came, gone, lost = {}, {}, {}
local function take(entry, member, announced)
  if redis.call('HDEL', KEYS[1], entry) == 1 and redis.call('HINCRBY', KEYS[2], member, -1) == 0 then
    redis.call('HDEL', KEYS[2], member)
    announced[#announced + 1] = member
  end
end
for i = 5 + leaving, #ARGV, 2 do
  local is_new = redis.call('HSET', KEYS[1], ARGV[i] .. ' ' .. process, ARGV[i + 1]) == 1
  if is_new and redis.call('HINCRBY', KEYS[2], ARGV[i], 1) == 1 then came[#came + 1] = ARGV[i] end
end
for i = 5, 4 + leaving do take(ARGV[i] .. ' ' .. process, ARGV[i], gone) end
if life > 0 then redis.call('ZADD', KEYS[3], now + life, process) else redis.call('ZREM', KEYS[3], process) end
local over = ARGV[3] == '1' and redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now) or {}
for _, each in ipairs(over) do over[each] = true end
for _, entry in ipairs(#over > 0 and redis.call('HKEYS', KEYS[1]) or {}) do
  local member, where = string.match(entry, '^(%S+) (%S+)$')
  if over[where] then take(entry, member, lost) end
end
for _, each in ipairs(over) do redis.call('ZREM', KEYS[3], each) end
for _, key in ipairs(life > 0 and KEYS or {}) do redis.call('PEXPIRE', key, 3 * life) end
return {is_known, redis.call('HLEN', KEYS[2]), came, gone, lost}
"""
)
# ARGV: how many to name at most, then those that are asked for, if not any.
# Returns how many members there are, then members and values, one for each process that lives.
READ = (
    NOW
    + """
local processes = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. now, '+inf')
if #processes == 0 then return {0} end
local answer, members = {redis.call('HLEN', KEYS[2])}, {unpack(ARGV, 2)}
if #members == 0 and ARGV[1] ~= '0' then
  local some = redis.call('HSCAN', KEYS[2], 0, 'COUNT', ARGV[1])[2]
  for i = 1, math.min(#some, 2 * ARGV[1]), 2 do members[#members + 1] = some[i] end
end
for _, member in ipairs(members) do
  for _, process in ipairs(processes) do
    local value = redis.call('HGET', KEYS[1], member .. ' ' .. process)
    if value then answer[#answer + 1], answer[#answer + 2] = member, value end
  end
end
return answer
"""
)


class Scope(NamedTuple):
    """Where somebody is present: in an inbox, by its key; in a room, by its uid; on the team, also by inbox."""

    kind: Literal["inbox", "room", "team"]
    key: int | str = ""

    def keys(self) -> list[str]:
        # The braces keep them on one node of a cluster.
        name = f"chatbridge:presence:{{{self.kind}/{self.key}}}"
        return [name, f"{name}:members", f"{name}:processes"]


class Update(NamedTuple):
    """What an update changed for everybody."""

    is_known: bool
    """Whether Redis had entries of this process in this scope."""
    online: int
    came: list[str]
    gone: list[str]
    lost: list[str]
    """Those of processes that live no more."""


class Question(NamedTuple):
    """How many members a scope has; and besides at most so many of them, or the entries of these."""

    scope: Scope
    most: int = 0
    members: Sequence[str] = ()


class Answer(NamedTuple):
    online: int
    entries: list[tuple[str, str]]
    """Members and values: one for each process."""


async def update(
    scope: Scope,
    process: str,
    *,
    life: float,
    here: Mapping[str, object],
    gone: Collection[str] = (),
    sweep: bool = False,
) -> Update:
    """Write this process's changes, and that all its entries there count for `life` seconds; 0: it has none left."""
    script = redis.client().register_script(UPDATE)
    values = [text for member, value in here.items() for text in (member, str(value))]
    arguments: list[str | int] = [process, int(life * 1000), int(sweep), len(gone), *gone, *values]
    is_known, online, *moved = await script(keys=scope.keys(), args=arguments)
    return Update(bool(is_known), online, *([member.decode() for member in members] for members in moved))


async def read(*questions: Question) -> list[Answer]:
    """In one round trip."""
    return [_answer(*row) for row in await _ask(redis.client(), questions).execute()]


def read_blocking(*questions: Question) -> list[Answer]:
    """The same for code without an event loop."""
    return [_answer(*row) for row in _ask(redis.blocking_client(), questions).execute()]


def entries_blocking(scope: Scope) -> list[tuple[str, str]]:
    """All entries of a scope: members and values, one for each process."""
    pipeline = _ask(redis.blocking_client(), [Question(scope)]).hgetall(scope.keys()[0])
    (online,), entries = pipeline.execute()
    return [(key.decode().split(" ")[0], value.decode()) for key, value in entries.items() if online]


def _ask(client: Any, questions: Sequence[Question]) -> Any:
    pipeline = client.pipeline(transaction=False)
    for scope, most, members in questions:
        pipeline.eval(READ, 3, *scope.keys(), most, *members)
    return pipeline


def _answer(online: int, *found: bytes) -> Answer:
    texts = [text.decode() for text in found]
    return Answer(online, list(zip(texts[::2], texts[1::2], strict=True)))
