"""Webhooks keep the contract: a real server receives, and checks each signature with another's library."""

from collections.abc import AsyncIterator

import pytest

from tests.services.contract import Rig, ServiceContract, Wiring
from tests.services.webhook.receiver import Receiver
from tests.services.webhook.webhooks import WebhookRig


class TestWebhook(ServiceContract):
    path = "bridge.services.webhook.service.WebhookService"

    @pytest.fixture
    async def rig(self, wiring: Wiring) -> AsyncIterator[Rig]:
        wiring.settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
        async with Receiver() as receiver:
            rig = WebhookRig(wiring, receiver)
            yield rig
            await rig.service.close()
