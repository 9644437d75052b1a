"""The one Redis client: for throttles and presence. The channel layer has its own, with the same options.

Redis may be away at any time. A call then fails with `RedisError`: at once when nothing listens, after about
three seconds when it hangs. Its caller goes on without: nothing in Redis is the truth of anything.
"""

import asyncio
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisError
from redis.retry import Retry as SyncRetry

from bridge.conf import settings
from bridge.infra import valkey

__all__ = ["LAYER_OPTIONS", "OPTIONS", "RedisError", "blocking_client", "client", "start"]

# One try more, at once: a connection that went stale while Redis restarted is replaced unnoticed.
# The client's own default sleeps for seconds between tries, while the channel layer holds a lock.
OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": 1,
    "socket_timeout": 1,
    "retry": Retry(NoBackoff(), 1),
    # Each connection would look up the client's version in the package's files, which takes longer than to connect.
    "driver_info": DriverInfo(),
}

# The client's default, version 3, has it write the text of each event that it hears, for a log that nobody reads.
LAYER_OPTIONS: dict[str, Any] = OPTIONS | {"protocol": 2}

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = WeakKeyDictionary()


def start() -> None:
    """For whatever serves, at its start: brings up the embedded Valkey where no other is configured."""
    if settings.VALKEY_DIR:
        valkey.keep(settings.VALKEY_DIR)


def client() -> Redis:
    """The client of the running event loop, since connections belong to their loop. It answers with bytes."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = Redis.from_url(settings.REDIS_URL, **OPTIONS)
    return _clients[loop]


@cache
def blocking_client() -> SyncRedis:
    """The client for synchronous code, one for all threads."""
    return SyncRedis.from_url(settings.REDIS_URL, **OPTIONS | {"retry": SyncRetry(NoBackoff(), 1)})
