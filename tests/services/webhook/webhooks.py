"""Another program at the other end of a webhook: what it brings in it signs with a library of others, and posts."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from standardwebhooks import Webhook as Signer

from bridge.models import Endpoint, Inbox, Webhook
from bridge.services.webhook.service import WebhookService
from tests.services.contract import Rig, Trouble, Wiring
from tests.services.webhook.receiver import Fault, Receiver
from tests.time_machine import db


def signed(secret: str, body: bytes, *, at: datetime | None = None, event: str = "") -> dict[str, str]:
    """The headers, as Django's test client takes them."""
    at = at or datetime.now(UTC)
    event = event or f"msg_{uuid.uuid4().hex}"
    return {
        "webhook-id": event,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Signer(secret).sign(event, at, body.decode()),
    }


def post(webhook: Webhook, body: bytes, headers: dict[str, str]) -> HttpResponse:
    """As from outside: with Django's CSRF check, without a cookie."""
    url = reverse("bridge:webhook:take", args=[webhook.uid])
    client = Client(enforce_csrf_checks=True)
    answer: Any = client.post(url, body, content_type="application/json", headers=headers)
    return answer  # type: ignore[no-any-return]


def bring(webhook: Webhook, what: dict[str, Any]) -> HttpResponse:
    body = json.dumps(what).encode()
    return post(webhook, body, signed(webhook.secret, body))


FAULTS: dict[Trouble, Fault] = {"away": "cut", "refused": 400, "answer lost": "cut after"}


async def add(inbox: Inbox, receiver: Receiver, *, name: str = "Ours") -> Webhook:
    """A webhook to this receiver, which learns its secret."""
    webhook: Webhook = await db(Webhook.objects.create, inbox=inbox, name=name, url=receiver.url)
    receiver.secret = webhook.secret
    return webhook


class WebhookRig(Rig):
    def __init__(self, wiring: Wiring, receiver: Receiver) -> None:
        super().__init__(WebhookService(), wiring)
        self._receiver = receiver

    async def prepare(self) -> None:
        self.webhook = await add(self.wiring.inbox, self._receiver)

    async def held(self, endpoint: Endpoint) -> list[str]:
        return self._receiver.holds(await db(lambda: endpoint.connection.uid))

    async def have(self, trouble: Trouble | None) -> None:
        self._receiver.trouble = FAULTS[trouble] if trouble else None

    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        uid = await db(lambda: endpoint.connection.uid)
        said = {"type": "message.send", "connection": str(uid), "id": f"written-{key}", "content": text}
        response = await db(bring, self.webhook, said | {"author": {"id": "7", "name": "Grace"}})
        assert response.status_code == 200, response.content
