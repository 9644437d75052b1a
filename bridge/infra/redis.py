"""The Redis client for throttles and presence. The channel layer has its own client, with the same options.

Redis may be unavailable at any time. Calls then fail with `RedisError`: at once if nothing listens, after about
three seconds if Redis hangs. The caller continues without Redis, because no truth is stored there.
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

# One immediate retry replaces a connection that became stale when Redis was restarted.
# The client's default sleeps for seconds between retries, while the channel layer holds a lock.
OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": 1,
    "socket_timeout": 1,
    "retry": Retry(NoBackoff(), 1),
    # Otherwise each connection reads the client's version from the package's files, which is slower than connecting.
    "driver_info": DriverInfo(),
}

# With version 3, the default, the client formats each event that it receives for a log that nobody reads.
LAYER_OPTIONS: dict[str, Any] = OPTIONS | {"protocol": 2}

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = WeakKeyDictionary()


def start() -> None:
    """Start the embedded Valkey if no Redis is configured. Every serving process calls this at its start."""
    if settings.VALKEY_DIR:
        valkey.keep(settings.VALKEY_DIR)


def client() -> Redis:
    """The client of the running event loop, because connections belong to a loop. It returns bytes."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = Redis.from_url(settings.REDIS_URL, **OPTIONS)
    return _clients[loop]


@cache
def blocking_client() -> SyncRedis:
    """The client for synchronous code, shared by all threads."""
    return SyncRedis.from_url(settings.REDIS_URL, **OPTIONS | {"retry": SyncRetry(NoBackoff(), 1)})
