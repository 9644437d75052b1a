"""Webhooks as a service: each enabled one of an inbox is an endpoint of each of its conversations."""

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
"""Requests to one webhook at a time in one process: one that is slow leaves room for the others."""
NOTED_EVERY = timedelta(minutes=1)
"""How often its last success is written down, while one follows the other."""


class WebhookService(Service):
    name: ClassVar[str] = "webhook"
    # As long as anything that is said here: nothing is split.
    max_length: ClassVar[int] = 1_000_000
    joins = Joining.NONE
    # Each event has an id, by which its receiver knows it again.
    idempotent = True
    # An event has them all, as links.
    file_limits = FileLimits(sys.maxsize, sys.maxsize)
    # A program hears it. Whether somebody has read it, it cannot say.
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
        """Three days, as the specification has it. What it refuses as it stands holds up the rest for ten minutes."""
        return timedelta(minutes=10) if failure.reason == "webhook_refused" else timedelta(days=3)

    @classmethod
    def urls(cls) -> Sequence[Any]:
        # Not above: the worker that sends has no use for what takes.
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
        # Not each: the row would be written as often as all messages of its conversations together.
        if (
            before is None
            or timezone.now() - before > NOTED_EVERY
            or (failed is not None and failed > before)
        ):
            await self._database.run(note_success, webhook)

    async def close(self) -> None:
        await self._sender.close()
        await self._database.close()
