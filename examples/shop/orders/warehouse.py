"""A service: each conversation is a folder of mails that the warehouse reads, in Maildir form, as any mail program can.

It answers with a POST to /chat/services/warehouse/<the folder's name>/, the text as its body.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
from bridge.errors import DeliveryFailed
from bridge.models import Connection, Delivery, Endpoint
from bridge.services.base import Drop, Go, Joining, Service, Verdict
from bridge.services.requests import Answer, Delete, Done, Edit, Post, Request, Stored


class WarehouseService(Service):
    name = "warehouse"
    id_type = uuid.UUID
    max_length = 100_000
    joins = Joining.NONE
    idempotent = True  # a mail's file is called after its nonce
    reports = False  # a mail that lies there was read by nobody yet

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        return (str(connection.uid),)

    @classmethod
    def urls(cls) -> Sequence[Any]:
        return [path("<uuid:place>/", answered)]

    def consider(self, waiting: Sequence[Delivery], endpoint: Endpoint, *, now: datetime) -> Verdict:
        reactions = [delivery for delivery in waiting if delivery.operation == Delivery.Operation.REACT]
        return Drop(reactions) if reactions else Go()

    async def perform(self, request: Request) -> Answer:
        try:
            return await sync_to_async(_perform)(request)
        except OSError as error:
            raise DeliveryFailed("disk", str(error), permanent=False, certain=True) from error


def _perform(request: Request) -> Answer:
    match request:
        case Post():
            _keep(request.thread, request.nonce, request.text)
            return Stored(request.nonce)
        case Edit():
            _keep(request.thread, request.remote_id, request.text)
        case Delete():
            _file(request.thread, request.remote_id).unlink(missing_ok=True)
        case _:
            raise AssertionError(f"nobody asks this of a warehouse: {request}")
    return Done()


def _keep(place: str, name: str, text: str) -> None:
    mail = EmailMessage()
    mail["Subject"] = f"Chat {place[:8]}"
    mail["Message-ID"] = f"<{name}@shop>"
    mail.set_content(text)
    draft = _file(place, name).parent.parent / "tmp" / name
    for folder in (draft.parent, draft.parent.parent / "new", draft.parent.parent / "cur"):
        folder.mkdir(parents=True, exist_ok=True)
    draft.write_bytes(mail.as_bytes())
    draft.rename(_file(place, name))  # whole or not at all, also where one is there already


def _file(place: str, name: str) -> Path:
    folder: Path = settings.WAREHOUSE_DIR
    return folder / place / "new" / name


@csrf_exempt
@require_POST
def answered(request: HttpRequest, place: uuid.UUID) -> HttpResponse:
    """The same `Idempotency-Key` twice is one answer."""
    if not constant_time_compare(
        request.headers.get("Authorization", ""), f"Bearer {settings.WAREHOUSE_TOKEN}"
    ):
        return HttpResponse(status=401)
    endpoint = get_object_or_404(Endpoint, service=WarehouseService.name, remote_id=str(place))
    key = request.headers.get("Idempotency-Key") or uuid.uuid4().hex
    warehouse = RemoteAuthor(remote_id="warehouse", nick="The warehouse")
    receive_message(endpoint.pk, Incoming(key, warehouse, request.body.decode(), created_at=timezone.now()))
    return HttpResponse(status=202)
