"""Who is online: the team behind an inbox, and visitors across all web processes.

Everything here lives in Redis with a time to live. A process that dies is forgotten within a minute, and what
Redis forgot is written again whole at the next beat.
"""

import uuid
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import cast

from redis import Redis as SyncRedis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bridge import redis
from bridge.conf import settings

GATEWAY_TTL = 15
STAFF_TTL = 30 * 60
"""Seconds. The team is online while the bot is connected and one of them wrote or typed in this time."""
ONLINE_TTL = 30
"""Seconds after which the visitors of a process that no longer beats count as gone."""

_GATEWAY = "chatbridge:gateway"
_PROCESSES = "chatbridge:online"
_BOT_NAME = "chatbridge:bot_name"


def _staff(inbox: int) -> str:
    return f"chatbridge:staff:{inbox}"


def _process(name: str) -> str:
    return f"chatbridge:online:{name}"


async def gateway_up() -> None:
    """The bot sees Discord. To be said again well within GATEWAY_TTL."""
    await redis.client().set(_GATEWAY, 1, ex=GATEWAY_TTL)


async def gateway_down() -> None:
    await redis.client().delete(_GATEWAY)


async def staff_seen(inbox: int) -> None:
    """Staff of this inbox wrote or typed just now."""
    await redis.client().set(_staff(inbox), 1, ex=STAFF_TTL)


async def staff_online(inbox: int) -> bool:
    return (await staff_online_in([inbox]))[inbox]


async def staff_online_in(inboxes: Iterable[int]) -> dict[int, bool]:
    wanted = list(inboxes)
    gateway, *seen = await redis.client().mget(_GATEWAY, *map(_staff, wanted))
    return {inbox: bool(gateway and staff) for inbox, staff in zip(wanted, seen, strict=True)}


class Presence:
    """The conversations whose visitors have a socket in this process."""

    def __init__(self) -> None:
        self._name = uuid.uuid4().hex
        self._sockets: Counter[str] = Counter()
        self._changed: set[str] = set()

    def arrive(self, connection: str) -> None:
        self._sockets[connection] += 1
        if self._sockets[connection] == 1:
            self._changed.add(connection)

    def leave(self, connection: str) -> None:
        self._sockets[connection] -= 1
        if self._sockets[connection] <= 0:
            del self._sockets[connection]
            self._changed.add(connection)

    async def beat(self) -> None:
        """Say that this process lives, and who came and went. Raises RedisError where Redis is away."""
        client, key = redis.client(), _process(self._name)
        changed, self._changed = self._changed, set()
        try:
            known = await client.expire(key, ONLINE_TTL)
            pipeline = client.pipeline(transaction=True)
            if not known:
                # Redis was restarted, or nobody was here: all of them.
                changed = set(self._sockets)
                pipeline.sadd(_PROCESSES, self._name)
            if here := [each for each in changed if each in self._sockets]:
                pipeline.sadd(key, *here)
            if gone := [each for each in changed if each not in self._sockets]:
                pipeline.srem(key, *gone)
            pipeline.expire(key, ONLINE_TTL)
            await pipeline.execute()
        except BaseException:
            self._changed |= changed
            raise

    async def stop(self) -> None:
        await redis.client().delete(_process(self._name))
        await redis.client().srem(_PROCESSES, self._name)


async def bot_named(name: str) -> None:
    """What the bot is called in Discord: nobody else may be."""
    await redis.client().set(_BOT_NAME, name)


async def bot_name() -> str:
    """Empty where the bot never was there."""
    name = await redis.client().get(_BOT_NAME)
    return name.decode() if isinstance(name, bytes) else ""


@cache
def blocking_client() -> SyncRedis:
    """For what has no event loop: views, the admin."""
    return SyncRedis.from_url(
        settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 1)
    )


def online(connections: Iterable[str]) -> set[str]:
    """Those of these conversations whose visitor has a page open, in whatever process. Blocks.

    Raises RedisError where Redis is away.
    """
    wanted = list(connections)
    client = blocking_client()
    processes = [name.decode() for name in cast(set[bytes], client.smembers(_PROCESSES))]
    if not wanted or not processes:
        return set()
    pipeline = client.pipeline(transaction=False)
    for name in processes:
        pipeline.exists(_process(name))
        pipeline.smismember(_process(name), wanted)
    answers = pipeline.execute()
    found: set[str] = set()
    for name, exists, members in zip(processes, answers[::2], answers[1::2], strict=True):
        if not exists:
            # It died, or has nobody: one that lives enters itself again with its next visitor.
            client.srem(_PROCESSES, name)
        found |= {uid for uid, is_member in zip(wanted, members, strict=True) if is_member}
    return found
