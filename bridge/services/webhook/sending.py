"""Sends signed POST requests to webhooks, interprets the answers, and records the results."""

import errno
import math
import time
import uuid
from datetime import timedelta
from http import HTTPStatus
from http.client import responses

import aiohttp
import orjson
from asgiref.sync import async_to_sync
from django.db.models.functions import Now
from django.utils import timezone
from yarl import URL

from bridge import __version__
from bridge.errors import DeliveryFailed
from bridge.infra.clock import Clock
from bridge.models import Webhook
from bridge.protocol.frames import rfc3339
from bridge.services.attempts import Attempt, current_attempt
from bridge.services.webhook import signing
from bridge.services.webhook.addresses import guarded

ANSWER_WITHIN = 15.0
"""Seconds, as the specification recommends."""
REST = 30
"""Seconds that a webhook is left alone after it did not answer in time."""
LONGEST_REST = 3600
"""The most seconds that it can ask for with `Retry-After`."""
GONE = "webhook_gone"
REASONS = {
    GONE: "The receiver answered that the webhook is gone, so it was turned off.",
    "webhook_refused": "The webhook's receiver refused this event: see its answer.",
    "webhook_failed": "The webhook's receiver answered with errors for three days.",
    "webhook_timed_out": "The webhook's receiver did not answer in time for three days.",
    "webhook_unreachable": "The webhook's receiver could not be reached for three days.",
    "webhook_address": "The webhook's address is invalid or not allowed. Correct it, then try again.",
    "webhook_off": "The webhook was turned off.",
}
"""What the reasons mean, and what staff can do."""
REFUSED = frozenset({400, 413, 414, 415, 422})
"""Statuses that mean that the receiver does not want this event."""


class NotAccepted(DeliveryFailed):
    """`rest`: seconds until the webhook may be used again. All reasons but GONE are temporary."""

    def __init__(self, reason: str, detail: str, *, certain: bool = False, rest: float = 0) -> None:
        super().__init__(reason, detail[:300], permanent=reason == GONE, certain=certain)
        self.rest = rest


class Sender:
    """Sends requests without redirects, cookies and proxies of the environment. It never reads a response's body."""

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def send(self, webhook: Webhook, *, event: str, body: bytes) -> None:
        """Send an event to a webhook. Raises NotAccepted."""
        attempt = current_attempt() or Attempt(clock=Clock(), until=math.inf)
        attempt.begin(write=True)
        signed = signing.headers(event=event, body=body, secrets=webhook.secrets(), now=time.time())
        url = URL(webhook.url)
        try:
            async with self._session(encrypted=url.scheme == "https").post(
                url,
                data=body,
                headers={**signed, "Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN),
                allow_redirects=False,
            ) as response:
                status, retry_after = response.status, response.headers.get("Retry-After", "")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            failure = _unanswered(error)
            attempt.unreached() if failure.certain else attempt.broke()
            raise failure from error
        attempt.answered(status)
        if not 200 <= status < 300:
            raise _refusal(status, retry_after)

    def _session(self, *, encrypted: bool) -> aiohttp.ClientSession:
        if encrypted not in self._sessions:
            self._sessions[encrypted] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=guarded(encrypted=encrypted)),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"ChatBridge/{__version__}"},
                auto_decompress=False,
                trust_env=False,
            )
        return self._sessions[encrypted]

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


def _unanswered(error: Exception) -> NotAccepted:
    """Certain if there was no connection."""
    detail = f"{type(error).__name__}: {error}"
    match error:
        case TimeoutError():
            return NotAccepted("webhook_timed_out", "It did not answer in time.", rest=REST)
        case aiohttp.ClientConnectorError(os_error=OSError(errno=errno.EACCES) as refusal):
            return NotAccepted("webhook_address", refusal.strerror or str(refusal), certain=True)
        case aiohttp.InvalidURL():
            return NotAccepted("webhook_address", detail, certain=True)
        case _:
            unreached = isinstance(error, aiohttp.ClientConnectorError)
            return NotAccepted("webhook_unreachable", detail, certain=unreached)


def _refusal(status: int, retry_after: str) -> NotAccepted:
    """Not certain, except for 410: the receiver may have stored the event before it failed."""
    detail = f"It answered {status} {responses.get(status, '')}".strip() + "."
    if status == HTTPStatus.GONE:
        detail += " This means that it is gone, so the webhook was turned off."
        return NotAccepted(GONE, detail, certain=True)
    if 300 <= status < 400:
        detail += " Redirects are not followed: enter the final address."
    # A date, which is rare, is ignored.
    is_number = retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 10
    rest = min(int(retry_after), LONGEST_REST) if is_number else 0
    return NotAccepted("webhook_refused" if status in REFUSED else "webhook_failed", detail, rest=rest)


def note_success(webhook: Webhook) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(succeeded_at=Now(), rests_until=None)


def note_failure(webhook: Webhook, failure: NotAccepted) -> None:
    """Record the failure for staff. A webhook that is gone is turned off."""
    changed: dict[str, object] = {"failed_at": Now(), "failure": failure.detail}
    if failure.rest:
        changed["rests_until"] = timezone.now() + timedelta(seconds=failure.rest)
    if failure.reason == GONE:
        changed["enabled"] = False
    Webhook.objects.filter(pk=webhook.pk).update(**changed)


def send_test(webhook: Webhook) -> None:
    """Send a test event, for staff who want to know whether it arrives. Raises NotAccepted."""
    data = {"webhook": webhook.name, "inbox": webhook.inbox.name}
    body = orjson.dumps({"type": "webhook.test", "timestamp": rfc3339(timezone.now()), "data": data})
    try:
        async_to_sync(_send_once)(webhook, body)
    except NotAccepted as failure:
        note_failure(webhook, failure)
        raise
    note_success(webhook)


async def _send_once(webhook: Webhook, body: bytes) -> None:
    sender = Sender()
    try:
        await sender.send(webhook, event=f"msg_{uuid.uuid4().hex}", body=body)
    finally:
        await sender.close()
