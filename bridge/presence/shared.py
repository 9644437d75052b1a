"""Presence of all processes, in Redis: entries (scope, member, process) that expire.

A process renews the deadline of all its entries in a scope at once. Each update is one script, so exactly one process
removes a member's last entry, and that process announces it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from bridge.infra import redis

NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
# KEYS of both scripts: the entries (“member process”) and their values; the members and how many entries they have;
# the processes and their deadlines. ARGV: process, milliseconds (0: it has no entries left), whether to remove expired
# entries, the number of members who leave, these members, then members and values that are here.
# An expired entry exists until a process removes it, because that process announces it.
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
for _, dead in ipairs(over) do over[dead] = true end
for _, entry in ipairs(#over > 0 and redis.call('HKEYS', KEYS[1]) or {}) do
  local member, owner = string.match(entry, '^(%S+) (%S+)$')
  if over[owner] then take(entry, member, lost) end
end
for _, dead in ipairs(over) do redis.call('ZREM', KEYS[3], dead) end
for _, key in ipairs(life > 0 and KEYS or {}) do redis.call('PEXPIRE', key, 3 * life) end
return {is_known, redis.call('HLEN', KEYS[2]), came, gone, lost}
"""
)
# ARGV: how many members to name at most, or 0 and the members to look up.
# Returns the number of members, then members and values, one pair for each live process.
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
    """An inbox, by its primary key; a room, by its uid; the team of an inbox, or the bot of all of them."""

    kind: Literal["inbox", "room", "team"]
    key: int | str = ""

    def keys(self) -> list[str]:
        # The braces keep all three on one node of a cluster.
        name = f"chatbridge:presence:{{{self.kind}/{self.key}}}"
        return [name, f"{name}:members", f"{name}:processes"]


class Update(NamedTuple):
    """The result of an update, across all processes."""

    is_known: bool
    """Whether Redis already had entries of this process in this scope."""
    online: int
    came: list[str]
    gone: list[str]
    lost: list[str]
    """Members whose last entry belonged to a dead process."""


class Question(NamedTuple):
    """Asks for the number of members of a scope, and for some of them or for those in `members`."""

    scope: Scope
    most: int = 0
    members: Sequence[str] = ()


class Answer(NamedTuple):
    online: int
    entries: list[tuple[str, str]]
    """Members and values, one pair for each process."""


async def update(
    scope: Scope,
    process: str,
    *,
    life: float,
    here: Mapping[str, object],
    gone: Collection[str] = (),
    sweep: bool = False,
) -> Update:
    """Write a process's changes. All its entries in the scope expire after `life` seconds; 0 if it has none left."""
    script = redis.client().register_script(UPDATE)
    values = [text for member, value in here.items() for text in (member, str(value))]
    arguments: list[str | int] = [process, int(life * 1000), int(sweep), len(gone), *gone, *values]
    is_known, online, *moved = await script(keys=scope.keys(), args=arguments)
    return Update(bool(is_known), online, *([member.decode() for member in members] for members in moved))


async def read(*questions: Question) -> list[Answer]:
    """Answer all questions in one round trip."""
    return [_answer(*row) for row in await _ask(redis.client(), questions).execute()]


def read_blocking(*questions: Question) -> list[Answer]:
    """The same for synchronous code."""
    return [_answer(*row) for row in _ask(redis.blocking_client(), questions).execute()]


def entries_blocking(scope: Scope) -> list[tuple[str, str]]:
    """Return all entries of a scope: members and values, one pair for each process."""
    pipeline = _ask(redis.blocking_client(), [Question(scope)]).hgetall(scope.keys()[0])
    (online,), entries = pipeline.execute()
    return [(key.decode().split(" ")[0], value.decode()) for key, value in entries.items() if online]


def _ask(client: Any, questions: Sequence[Question]) -> Any:
    pipeline = client.pipeline(transaction=False)
    for scope, most, members in questions:
        pipeline.eval(READ, 3, *scope.keys(), most, *members)
    return pipeline


def _answer(online: int, *items: bytes) -> Answer:
    texts = [text.decode() for text in items]
    return Answer(online, list(zip(texts[::2], texts[1::2], strict=True)))
