"""The URL of the chat socket."""

from typing import Any

from django.urls import path

from bridge.infra.addresses import SOCKET
from bridge.live.consumers import ChatConsumer

websocket_urlpatterns: list[Any] = [
    path(SOCKET[1:], ChatConsumer.as_asgi()),  # type: ignore[arg-type]  # Channels' own way
]
