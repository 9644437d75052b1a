"""What a request that did not succeed means, and what is noted of it."""

import errno
from datetime import timedelta
from http import HTTPStatus

import aiohttp
from django.db.models.functions import Now
from django.utils import timezone

from bridge.errors import DeliveryFailed
from bridge.models import Webhook

GONE = "webhook_gone"
REASONS = {
    "webhook_gone": "The receiver answered that the webhook is gone, so it was turned off.",
    "webhook_refused": "The webhook's receiver refused this event: see its answer.",
    "webhook_failed": "The webhook's receiver answered with errors for three days.",
    "webhook_timed_out": "The webhook's receiver did not answer in time for three days.",
    "webhook_unreachable": "The webhook's receiver could not be reached for three days.",
    "webhook_address": "The webhook's address is invalid or not allowed. Correct it, then try again.",
    "webhook_off": "The webhook was turned off.",
}
"""What its reasons mean, and what staff can do."""
REFUSED = frozenset({400, 413, 414, 415, 422})
"""The receiver understood and does not want this one."""


def failure_of(error: Exception) -> DeliveryFailed:
    """Nobody answered. Certain where there was no connection to write to."""
    if isinstance(error, TimeoutError):
        detail = "It did not answer in time."
        return DeliveryFailed("webhook_timed_out", detail, permanent=False, certain=False)
    if isinstance(error, aiohttp.ClientConnectorError):
        if error.os_error.errno == errno.EACCES:
            detail = error.os_error.strerror or str(error.os_error)
            return DeliveryFailed("webhook_address", detail, permanent=False, certain=True)
        return DeliveryFailed("webhook_unreachable", _words(error), permanent=False, certain=True)
    if isinstance(error, aiohttp.InvalidURL):
        return DeliveryFailed("webhook_address", _words(error), permanent=False, certain=True)
    return DeliveryFailed("webhook_unreachable", _words(error), permanent=False, certain=False)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def failure_of_status(status: int) -> DeliveryFailed:
    """It answered something else than 2xx, so whether it has stored it nobody knows, whatever it says."""
    detail = f"It answered {status} {_phrase(status)}".strip() + "."
    if status == HTTPStatus.GONE:
        detail += " This means that it is gone, so the webhook was turned off."
        return DeliveryFailed(GONE, detail, permanent=True, certain=True)
    if 300 <= status < 400:
        detail += " Redirects are not followed: enter the final address."
    reason = "webhook_refused" if status in REFUSED else "webhook_failed"
    return DeliveryFailed(reason, detail, permanent=False, certain=False)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def note_success(webhook: Webhook) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(succeeded_at=Now(), rests_until=None)


def note_failure(webhook: Webhook, failure: DeliveryFailed, *, rest: timedelta | None = None) -> None:
    """For staff; and `rest`, for how long nothing is sent there. Whoever answers that it is gone is switched off."""
    changed: dict[str, object] = {"failed_at": Now(), "failure": (failure.detail or failure.reason)[:300]}
    if rest:
        changed["rests_until"] = timezone.now() + rest
    if failure.reason == GONE:
        changed["enabled"] = False
    Webhook.objects.filter(pk=webhook.pk).update(**changed)
