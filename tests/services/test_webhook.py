"""Webhooks keep the contract: a real server receives, and checks each signature with another's library."""

from collections.abc import AsyncIterator

import pytest

from bridge.models import Endpoint, Webhook
from bridge.webhook.service import WebhookService
from tests.bot.stage import db
from tests.services.contract import Rig, ServiceContract, Trouble, Wiring
from tests.services.receiver import Fault, Receiver
from tests.services.webhooks import bring

FAULTS: dict[Trouble, Fault] = {"away": "cut", "refused": 400, "answer lost": "cut after"}


class WebhookRig(Rig):
    def __init__(self, wiring: Wiring, receiver: Receiver) -> None:
        super().__init__(WebhookService(), wiring)
        self._receiver = receiver

    async def prepare(self) -> None:
        self.webhook = await db(
            Webhook.objects.create, inbox=self.wiring.inbox, name="Ours", url=self._receiver.url
        )
        self._receiver.secret = self.webhook.secret

    async def held(self, endpoint: Endpoint) -> list[str]:
        return self._receiver.holds(await db(lambda: endpoint.connection.uid))

    async def have(self, trouble: Trouble | None) -> None:
        self._receiver.trouble = FAULTS[trouble] if trouble else None

    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        uid = await db(lambda: endpoint.connection.uid)
        said = {"type": "message.send", "connection": str(uid), "id": f"written-{key}", "content": text}
        response = await db(bring, self.webhook, said | {"author": {"id": "7", "name": "Grace"}})
        assert response.status_code == 200, response.content


class TestWebhook(ServiceContract):
    path = "bridge.webhook.service.WebhookService"

    @pytest.fixture
    async def rig(self, wiring: Wiring) -> AsyncIterator[Rig]:
        wiring.settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
        async with Receiver() as receiver:
            rig = WebhookRig(wiring, receiver)
            yield rig
            await rig.service.close()
