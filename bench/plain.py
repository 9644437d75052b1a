"""The measure: what Channels itself does, as its tutorial has it."""

import os

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
pages = get_asgi_application()

from bridge.infra import redis  # noqa: E402

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


class Group(AsyncWebsocketConsumer):
    """A room as Channels' tutorial has it: what one sends goes to the group, and by it to everybody."""

    async def connect(self) -> None:
        await self.channel_layer.group_add("room", self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard("room", self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.channel_layer.group_send("room", {"type": "room.message", "text": text_data})

    async def room_message(self, event: dict[str, str]) -> None:
        await self.send(text_data=event["text"])


application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": URLRouter(
            [path("echo/", Echo.as_asgi()), path("idle/", Idle.as_asgi()), path("group/", Group.as_asgi())]
        ),
    }
)
