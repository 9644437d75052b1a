"""Whether the team behind an inbox is online, as Redis knows it for a time. Visitors are in `presence.online`."""

from collections.abc import Iterable
from functools import cache

from redis import Redis as SyncRedis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bridge.conf import settings
from bridge.infra import redis

GATEWAY_TTL = 15
STAFF_TTL = 30 * 60
"""Seconds. The team is online while the bot is connected and one of them wrote or typed in this time."""

_GATEWAY = "chatbridge:gateway"
_BOT_NAME = "chatbridge:bot_name"


def _staff(inbox: int) -> str:
    return f"chatbridge:staff:{inbox}"


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
