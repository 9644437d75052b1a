"""Throttling: token buckets in Redis, from which each process leases tokens in advance.

A bucket of `amount` tokens fills evenly in `seconds`. A process takes a tenth of it at a time and spends these tokens
by itself, so most commands need no round trip. While Redis is unavailable, it uses its own buckets of the same size.
"""

import asyncio
import ipaddress
import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.errors import BridgeError, Code
from bridge.infra import redis
from bridge.infra.limits import Limit, Network, throttles

logger = logging.getLogger(__name__)

PREFIX = "chatbridge:throttle:"
LEASE = 10
"""A lease is the limit divided by this."""
FORGET_AFTER = 60.0
RETRY_REDIS_AFTER = 2.0

# KEYS: buckets. ARGV, for each bucket: amount, tokens per second, wanted. Returns for each bucket: the granted tokens,
# and if there are none, the milliseconds until the next one. It uses Redis' clock because machines share the buckets.
TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local answer = {}
for i, key in ipairs(KEYS) do
  local amount, rate, want = tonumber(ARGV[3*i-2]), tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i])
  local bucket = redis.call('HMGET', key, 'tokens', 'at')
  local tokens, at = tonumber(bucket[1]) or amount, tonumber(bucket[2]) or now
  tokens = math.min(amount, tokens + math.max(0, now - at) * rate)
  local granted = math.min(want, math.floor(tokens))
  redis.call('HSET', key, 'tokens', tostring(tokens - granted), 'at', tostring(now))
  redis.call('PEXPIRE', key, math.ceil(amount / rate * 1000))
  answer[2*i-1] = granted
  answer[2*i] = granted > 0 and 0 or math.ceil((1 - tokens) / rate * 1000)
end
return answer
"""


@dataclass(slots=True)
class _Bucket:
    """The same bucket in this process, without Redis."""

    tokens: float
    at: float
    full_at: float = 0.0

    def take(self, limit: Limit, want: int, now: float) -> tuple[int, float]:
        """The granted tokens, and if there are none, the seconds until the next one."""
        rate = limit.amount / limit.seconds
        self.tokens = min(limit.amount, self.tokens + max(0.0, now - self.at) * rate)
        self.at = now
        granted = min(want, int(self.tokens))
        self.tokens -= granted
        self.full_at = now + (limit.amount - self.tokens) / rate
        return granted, 0.0 if granted else (1 - self.tokens) / rate


@dataclass(slots=True)
class _Lease:
    """Tokens that this process may spend, or the time before which asking for more is useless."""

    tokens: int = 0
    until: float = 0.0
    refused_until: float = 0.0


class InboxFull(BridgeError):
    """The common limit of all visitors of an inbox is reached. None of them did anything wrong."""


Key = tuple[str, str | int]
"""A throttle's name, and what it counts: an address, a network, an inbox, or the number of a visitor's UUID."""
Demand = tuple[Key, Limit]


def _redis_key(key: Key) -> str:
    name, who = key
    return f"{PREFIX}{name}:a:{who}" if isinstance(who, str) else f"{PREFIX}{name}:v:{who:032x}"


class Throttler:
    """The leases and buckets of one process."""

    def __init__(self) -> None:
        self._leases: dict[Key, _Lease] = {}
        self._buckets: dict[Key, _Bucket] = {}
        self._wanted: dict[Key, Limit] = {}
        self._refill: asyncio.Task[None] | None = None
        self._redis_after = 0.0
        self._tidy_at = 0.0
        self._throttles = throttles()

    async def take(
        self, name: str, *, visitor: uuid.UUID | None, address: str, inbox: int | None = None
    ) -> None:
        """Count one use. Raises BridgeError (`throttled`) if there were too many, and InboxFull if only the limit of
        the inbox is exceeded.
        """
        demands = list(self._demands(name, visitor=visitor, address=address, inbox=inbox))
        # Others spend from the same lease, so it may be used up again after the refill, for example by ten files at
        # once. There are enough tokens until a bucket reports that it is empty.
        while not self._spend(demands):
            if self._is_refused(demands):
                break
            await self._refilled(demands)
        else:
            return
        now = time.monotonic()
        waits = {key: self._leases[key].refused_until - now for key, _ in demands if key in self._leases}
        retry_after = max(1, round(max(waits.values()) + 0.5))
        if all(wait <= 0 or _is_inbox(key) for key, wait in waits.items()):
            text = "Very many people are writing here right now. Please wait a moment."
            raise InboxFull(Code.THROTTLED, text, retry_after=retry_after)
        raise BridgeError(Code.THROTTLED, "Too many requests. Please wait a moment.", retry_after=retry_after)

    def give_back(
        self, name: str, *, visitor: uuid.UUID | None, address: str, inbox: int | None = None
    ) -> None:
        """Return the tokens of a use that did not happen, so that nobody waits because of it."""
        for key, _ in self._demands(name, visitor=visitor, address=address, inbox=inbox):
            if (lease := self._leases.get(key)) is not None:
                lease.tokens += 1

    def _demands(
        self, name: str, *, visitor: uuid.UUID | None, address: str, inbox: int | None
    ) -> Iterator[Demand]:
        throttle = self._throttles[name]
        yield (name, address), throttle.address
        if visitor is not None:
            yield (name, visitor.int), throttle.visitor
        for network in throttle.networks:
            if (within := _network(address, network)) is not None:
                yield (f"{name}:network", within), network.limit
        if throttle.inbox is not None and inbox is not None:
            yield (f"{name}:inbox", str(inbox)), throttle.inbox

    def _is_refused(self, demands: Sequence[Demand]) -> bool:
        now = time.monotonic()
        leases = [self._leases[key] for key, _ in demands if key in self._leases]
        return any(lease.tokens < 1 and lease.refused_until > now for lease in leases)

    def _spend(self, demands: Sequence[Demand]) -> bool:
        """Spend one token of each lease, or none at all."""
        now = time.monotonic()
        leases = []
        for key, _ in demands:
            lease = self._leases.get(key)
            if lease is None or lease.tokens < 1 or lease.until < now:
                return False
            leases.append(lease)
        for lease in leases:
            lease.tokens -= 1
        return True

    async def _refilled(self, demands: Sequence[Demand]) -> None:
        """Refill the leases with one round trip, shared by all tasks that wait at this moment."""
        now = time.monotonic()
        for key, limit in demands:
            lease = self._leases.setdefault(key, _Lease())
            if (lease.tokens < 1 or lease.until < now) and lease.refused_until <= now:
                self._wanted[key] = limit
        if not self._wanted:
            return
        if self._refill is None or self._refill.done():
            self._refill = asyncio.create_task(self._fill())
        # A waiting task may be cancelled, but the refill is shared.
        await asyncio.shield(self._refill)

    async def _fill(self) -> None:
        # Wait for one iteration of the loop, to include all tasks that ask in this one.
        await asyncio.sleep(0)
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            granted = await self._from_redis(wanted)
            now = time.monotonic()
            for key, (tokens, wait) in granted.items():
                lease = self._leases.setdefault(key, _Lease())
                lease.tokens = tokens
                lease.until = now + wanted[key].seconds
                lease.refused_until = now + wait if not tokens else 0.0
            self._tidy(now)

    async def _from_redis(self, wanted: dict[Key, Limit]) -> dict[Key, tuple[int, float]]:
        now = time.monotonic()
        if now < self._redis_after:
            return self._from_buckets(wanted)
        arguments: list[float] = []
        for limit in wanted.values():
            arguments += (limit.amount, limit.amount / limit.seconds, _share(limit))
        try:
            script = redis.client().register_script(TAKE)
            answer = await script(keys=list(map(_redis_key, wanted)), args=arguments)
        except redis.RedisError as error:
            logger.warning("Redis is unavailable; each process counts throttles by itself: %r", error)
            self._redis_after = now + RETRY_REDIS_AFTER
            return self._from_buckets(wanted)
        self._buckets.clear()
        return {key: (answer[2 * i], answer[2 * i + 1] / 1000) for i, key in enumerate(wanted)}

    def _from_buckets(self, wanted: dict[Key, Limit]) -> dict[Key, tuple[int, float]]:
        now = time.monotonic()
        answer = {}
        for key, limit in wanted.items():
            bucket = self._buckets.setdefault(key, _Bucket(limit.amount, now))
            answer[key] = bucket.take(limit, _share(limit), now)
        return answer

    def _tidy(self, now: float) -> None:
        if now < self._tidy_at:
            return
        self._tidy_at = now + FORGET_AFTER
        leases, buckets = self._leases.items(), self._buckets.items()
        self._leases = {key: lease for key, lease in leases if max(lease.until, lease.refused_until) >= now}
        # Buckets grow in number while Redis is unavailable. A full bucket is the same as a new one.
        self._buckets = {key: bucket for key, bucket in buckets if bucket.full_at >= now}


def _share(limit: Limit) -> int:
    return max(1, limit.amount // LEASE)


def _is_inbox(key: Key) -> bool:
    return key[0].endswith(":inbox")


def _network(address: str, network: Network) -> str | None:
    """The network of this kind that contains the address, or None."""
    try:
        within = ipaddress.ip_network((address, network.prefix), strict=False)
    except ValueError:
        return None
    return str(within) if within.version == network.version else None
