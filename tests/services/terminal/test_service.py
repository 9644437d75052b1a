"""The console keeps the contract: a screen that keeps what it was given, as the staff's terminal does."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from bridge.chat.actions.places import add_endpoint
from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
from bridge.errors import DeliveryFailed
from bridge.models import Endpoint
from bridge.services.terminal.service import ConsoleService, Shown
from tests.services.contract import Rig, ServiceContract, Trouble, Wiring
from tests.services.discord.bot.stage import db


class Screen:
    """Shows a message once, whatever brings it twice, and the newest text of it."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, int], str] = {}
        self.trouble: Trouble | None = None

    def show(self, shown: Shown) -> None:
        if self.trouble == "away":
            raise OSError("the terminal is gone")
        if self.trouble == "refused":
            raise DeliveryFailed("unprintable", permanent=True, certain=True)
        self.lines[shown.place, shown.seq] = shown.text
        if self.trouble == "answer lost":
            raise DeliveryFailed("cut", permanent=False, certain=False)


class ConsoleRig(Rig):
    def __init__(self, wiring: Wiring) -> None:
        self.screen = Screen()
        super().__init__(ConsoleService(self.screen.show), wiring)

    async def held(self, endpoint: Endpoint) -> list[str]:
        known = sorted(self.screen.lines.items(), key=lambda each: each[0][1])
        return [text for (place, _), text in known if place == endpoint.remote_id and text]

    async def have(self, trouble: Trouble | None) -> None:
        self.screen.trouble = trouble

    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        author = RemoteAuthor(remote_id="user:1", nick="Ada")
        incoming = Incoming(f"typed-{key}", author, text, created_at=timezone.now())
        await db(receive_message, endpoint.pk, incoming)


class TestConsole(ServiceContract):
    path = "bridge.services.terminal.service.ConsoleService"

    @pytest.fixture
    async def rig(self, wiring: Wiring) -> Rig:
        return ConsoleRig(wiring)

    async def _open(self, rig: Rig, visitor: uuid.UUID) -> Endpoint:
        """Somebody opens it in a terminal: until then it has no place there."""
        connection = await self._connection(rig, visitor)
        place = f"terminal/{connection.uid}"
        endpoint, made = await db(add_endpoint, connection.pk, service="console", remote_id=place)
        assert made
        return endpoint

    async def _connection(self, rig: Rig, visitor: uuid.UUID) -> Any:
        with pytest.raises(Endpoint.DoesNotExist):
            await super()._open(rig, visitor)
        return await db(rig.wiring.inbox.connections.get, visitor=visitor)
