"""What another program does that brings something in: it signs with a library of others, and posts."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from standardwebhooks import Webhook as Signer

from bridge.models import Webhook


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
