"""The channel layer for a project's CHANNEL_LAYERS: channels_redis' own, where the rest of ChatBridge has its Redis.

CHANNEL_LAYERS = {"default": {"BACKEND": "bridge.layer.ChannelLayer"}}
"""

from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

from bridge import redis
from bridge.conf import settings


class ChannelLayer(RedisPubSubChannelLayer):
    """Takes what channels_redis takes as CONFIG; without it REDIS_URL, or the embedded Valkey."""

    def __init__(self, **config: Any) -> None:
        hosts = [{"address": settings.REDIS_URL, **redis.LAYER_OPTIONS}]
        super().__init__(**{"hosts": hosts, "prefix": "chatbridge", **config})
