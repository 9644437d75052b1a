"""The service `webhook`: each enabled webhook of an inbox is an endpoint of each of its conversations."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.utils import timezone

from bridge.errors import DeliveryFailed
from bridge.infra.database import DatabaseThreads
from bridge.models import Connection, Delivery, Endpoint, Webhook
from bridge.services.base import Drop, FileLimits, Go, Hold, Joining, Service, Verdict
from bridge.services.requests import Answer, Delete, Done, Edit, Post, React, Request, Stored
from bridge.services.webhook.events import Parcel, parcel_of, place, webhook_at, webhook_of
from bridge.services.webhook.sending import REASONS, NotAccepted, Sender, note_failure, note_success

AT_ONCE = 10
"""Requests to one webhook at a time in one process, so that a slow one does not block the others."""
NOTED_EVERY = timedelta(minutes=1)
"""How often the time of the last success is updated."""


class WebhookService(Service):
    name: ClassVar[str] = "webhook"
    # Longer than any message, so none is split.
    max_length: ClassVar[int] = 1_000_000
    joins = Joining.NONE
    # Each event has an ID by which its receiver recognises a repeat.
    idempotent = True
    # An event has a link to each file.
    file_limits = FileLimits(sys.maxsize, sys.maxsize)
    # The receiver is a program, and does not know whether anybody has read the message.
    reports = False
    reasons = REASONS
    longest_pause = timedelta(minutes=10)

    def __init__(self) -> None:
        self._sender = Sender()
        self._database = DatabaseThreads("webhook", threads=1, gives_way=True)
        self._busy: Counter[int] = Counter()

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        enabled = Webhook.objects.filter(inbox=connection.inbox_id, enabled=True).order_by("pk")
        return [place(webhook, connection) for webhook in enabled.only("pk")]

    @classmethod
    def patience(cls, failure: DeliveryFailed) -> timedelta | None:
        """Three days, as in the specification. An event that the receiver refuses blocks the others for ten minutes."""
        return timedelta(minutes=10) if failure.reason == "webhook_refused" else timedelta(days=3)

    @classmethod
    def urls(cls) -> Sequence[Any]:
        # Imported here because the process that sends does not need the views.
        from bridge.services.webhook.door import urlpatterns

        return urlpatterns

    @classmethod
    def register_admin(cls) -> None:
        from bridge.services.webhook import admin  # noqa: F401  (registers itself)

    def consider(self, waiting: Sequence[Delivery], endpoint: Endpoint, *, now: datetime) -> Verdict:
        webhook = webhook_of(endpoint)
        if webhook is None or not webhook.enabled:
            return Drop(waiting)
        if webhook.rests_until is not None and webhook.rests_until > now:
            return Hold(webhook.rests_until)
        return Hold(now + timedelta(seconds=1)) if self._busy[webhook.pk] >= AT_ONCE else Go()

    async def perform(self, request: Request) -> Answer:
        assert isinstance(request, Post | Edit | Delete | React)  # noqa: S101  # nothing is opened, nothing read back
        webhook = webhook_at(request.thread)
        self._busy[webhook] += 1
        try:
            parcel = await self._database.run(parcel_of, request)
            await self._send(parcel)
        finally:
            self._busy[webhook] -= 1
        return Stored(parcel.message) if isinstance(request, Post) else Done()

    async def _send(self, parcel: Parcel) -> None:
        webhook = parcel.webhook
        try:
            await self._sender.send(webhook, event=parcel.event, body=parcel.body)
        except NotAccepted as failure:
            await self._database.run(note_failure, webhook, failure)
            raise
        before, failed = webhook.succeeded_at, webhook.failed_at
        # Not each one: that would be one more write for each message of all its conversations.
        if (
            before is None
            or timezone.now() - before > NOTED_EVERY
            or (failed is not None and failed > before)
        ):
            await self._database.run(note_success, webhook)

    async def close(self) -> None:
        await self._sender.close()
        await self._database.close()
