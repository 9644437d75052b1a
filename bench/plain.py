"""The measure: what Channels itself does, as its tutorial has it."""

import os

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
pages = get_asgi_application()

from bridge import redis  # noqa: E402

redis.start()


class Echo(AsyncWebsocketConsumer):
    """Sends back what it gets."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data=text_data)


class Idle(AsyncWebsocketConsumer):
    """Joined to two groups, as a chat's consumer is: its conversation and its visitor."""

    async def connect(self) -> None:
        await self.channel_layer.group_add(f"connection.{id(self)}", self.channel_name)
        await self.channel_layer.group_add(f"visitor.{id(self)}", self.channel_name)
        await self.accept()


application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": URLRouter([path("echo/", Echo.as_asgi()), path("idle/", Idle.as_asgi())]),
    }
)
