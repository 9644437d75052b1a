"""The cast: Ada and Grace, each a customer with an order, and a stranger whom nobody knows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.test import Client
from orders.models import Order

from bridge.live.worker import Worker
from bridge.models import Inbox
from bridge.protocol import SUBPROTOCOL

PATIENCE = 60.0


class Page:
    """A socket as the chat's page opens it, with the cookies of a browser."""

    def __init__(self, client: Client) -> None:
        from shop.asgi import application

        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        headers = [(b"host", b"testserver"), (b"origin", b"http://testserver"), (b"cookie", cookies.encode())]
        self._socket = WebsocketCommunicator(
            application, "/ws/chat/", headers=headers, subprotocols=[SUBPROTOCOL]
        )
        self._socket.scope["client"] = ["192.0.2.1", 50000]
        self.events: list[dict[str, Any]] = []

    async def start(self) -> None:
        await self._socket.connect(timeout=PATIENCE)
        await self.ok("session.start")

    async def ask(self, command: str, **payload: Any) -> dict[str, Any]:
        await self._socket.send_json_to({"command": command, "id": "1", "payload": payload})
        while "reply" not in (frame := await self._socket.receive_json_from(timeout=PATIENCE)):
            self.events.append(frame)
        reply: dict[str, Any] = frame
        return reply

    async def ok(self, command: str, **payload: Any) -> dict[str, Any]:
        reply = await self.ask(command, **payload)
        assert reply["ok"], reply
        payload = reply["payload"]
        return payload

    async def leave(self) -> None:
        await self._socket.disconnect(timeout=PATIENCE)


Open = Callable[[str], Awaitable[Page]]


@pytest.fixture
def shop(transactional_db: None) -> Inbox:
    """The inbox that knows customers by the shop's login, and an order for each of them."""
    inbox, _ = Inbox.objects.update_or_create(name="default", defaults={"identity": Inbox.Identity.LOGIN})
    for name, number in {"ada": "A-1", "grace": "G-1"}.items():
        customer = get_user_model().objects.create_user(name)
        Order.objects.create(number=number, customer=customer, state=Order.State.SENT)
    return inbox


@pytest_asyncio.fixture
async def chat(valkey_url: str, shop: Inbox) -> AsyncIterator[Open]:
    """Opens the chat as a customer, or, with an empty name, as a stranger."""
    pages: list[Page] = []

    async def chat(name: str) -> Page:
        client = Client()
        if name:
            user = await get_user_model().objects.aget(username=name)
            await sync_to_async(client.force_login)(user)
        await sync_to_async(client.get)("/chat/")
        pages.append(Page(client))
        await pages[-1].start()
        return pages[-1]

    yield chat
    for page in pages:
        await page.leave()
    await Worker.current().stop()
