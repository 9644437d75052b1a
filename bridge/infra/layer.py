"""The channel layer for a project's CHANNEL_LAYERS: that of channels_redis, with ChatBridge's Redis.

CHANNEL_LAYERS = {"default": {"BACKEND": "bridge.infra.layer.ChannelLayer"}}
"""

import logging
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

from bridge.conf import settings
from bridge.infra import redis


class ChannelLayer(RedisPubSubChannelLayer):
    """Accepts the CONFIG of channels_redis; the default is REDIS_URL or the embedded Valkey."""

    def __init__(self, **config: Any) -> None:
        hosts = [{"address": settings.REDIS_URL, **redis.LAYER_OPTIONS}]
        super().__init__(**{"hosts": hosts, "prefix": "chatbridge", **config})


def _in_one_line(record: logging.LogRecord) -> bool:
    """Shortens what is logged every second while Redis is unavailable. The traceback is always the same."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, redis.RedisError):
        record.msg, record.args, record.exc_info = f"{record.getMessage()}: {error}", (), None
    return True


logging.getLogger("channels_redis.pubsub").addFilter(_in_one_line)
