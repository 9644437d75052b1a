"""The warehouse keeps the contract of all services. And its door opens to nobody else."""

import email
import email.policy
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncClient
from orders.warehouse import WarehouseService

from bridge.errors import DeliveryFailed
from bridge.models import Endpoint, Message
from bridge.services.requests import Answer, Request
from tests.services.contract import Rig, ServiceContract, Trouble, Wiring

TOO_LONG = "x" * 300
"""No file system takes a name of this length."""


class WarehouseRig(Rig):
    def __init__(self, wiring: Wiring, folder: Path) -> None:
        super().__init__(WarehouseService(), wiring)
        self._folder = folder
        wiring.settings.WAREHOUSE_DIR = folder
        self._trouble: Trouble | None = None
        self._perform = self.service.perform
        self.service.perform = self._troubled  # type: ignore[method-assign]  # a disk refuses no words by itself

    async def _troubled(self, request: Request) -> Answer:
        if self._trouble == "refused":
            raise DeliveryFailed("refused", "Not such words.", permanent=True, certain=True)
        answer = await self._perform(request)
        if self._trouble == "answer lost":
            raise DeliveryFailed("cut", "The disk went away.", permanent=False, certain=False)
        return answer

    async def held(self, endpoint: Endpoint) -> list[str]:
        files = (self._folder / str(endpoint.remote_id) / "new").glob("*")
        in_order = sorted(files, key=lambda file: file.stat().st_ctime_ns)
        mails = (
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in in_order
        )
        return [mail.get_content() for mail in mails]

    async def have(self, trouble: Trouble | None) -> None:
        self._trouble = trouble
        self.wiring.settings.WAREHOUSE_DIR = self._folder / TOO_LONG if trouble == "away" else self._folder

    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        response = await answer(str(endpoint.remote_id), text, key=str(key))
        assert response.status_code == 202


async def answer(place: str, text: str, *, key: str, token: str = "for trying out only") -> Any:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    path = f"/chat/services/warehouse/{place}/"
    return await AsyncClient().post(path, text.encode(), content_type="text/plain", headers=headers)


class TestWarehouse(ServiceContract):
    path = "orders.warehouse.WarehouseService"

    @pytest.fixture
    async def rig(self, wiring: Wiring, tmp_path: Path) -> Rig:
        return WarehouseRig(wiring, tmp_path / "warehouse")

    async def test_a_stranger_does_not_speak_for_it(self, rig: Rig, endpoint: Endpoint) -> None:
        response = await answer(str(endpoint.remote_id), "Send it to me", key="1", token="guessed")
        assert response.status_code == 401
        response = await answer(str(uuid.uuid4()), "Nobody hears this", key="2")
        assert response.status_code == 404
        assert not await Message.objects.filter(content__in=["Send it to me", "Nobody hears this"]).aexists()
