"""An event that says nothing, for staff who want to know whether a webhook is heard."""

import uuid

import aiohttp
import orjson
from asgiref.sync import async_to_sync
from django.utils import timezone

from bridge.errors import DeliveryFailed
from bridge.models import Webhook
from bridge.protocol.frames import rfc3339
from bridge.services.webhook.failing import failure_of, failure_of_status, note_failure, note_success
from bridge.services.webhook.sending import Answered, Sender


def send_test(webhook: Webhook) -> None:
    """Waits for the answer. Raises DeliveryFailed where it is none, or none that counts; either is noted."""
    data = {"webhook": webhook.name, "inbox": webhook.inbox.name}
    body = orjson.dumps({"type": "webhook.test", "timestamp": rfc3339(timezone.now()), "data": data})
    try:
        answered = async_to_sync(_send)(webhook, body)
        if not 200 <= answered.status < 300:
            raise failure_of_status(answered.status)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        failure = failure_of(error)
        note_failure(webhook, failure)
        raise failure from error
    except DeliveryFailed as failure:
        note_failure(webhook, failure)
        raise
    note_success(webhook)


async def _send(webhook: Webhook, body: bytes) -> Answered:
    sender = Sender()
    try:
        return await sender.send(webhook, event=f"msg_{uuid.uuid4().hex}", body=body)
    finally:
        await sender.close()
