"""Composes the events that webhooks receive: one for each request, each with an ID."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Max
from django.utils import timezone

from bridge import files
from bridge.chat import wire
from bridge.errors import DeliveryFailed
from bridge.infra import addresses
from bridge.models import Connection, Delivery, Endpoint, Message, RemotePart, Webhook
from bridge.protocol.frames import rfc3339
from bridge.protocol.outgoing import AttachmentOut
from bridge.services import words
from bridge.services.requests import Delete, Edit, Post, React

Change = Post | Edit | Delete | React
OPERATIONS: dict[type[Change], tuple[Delivery.Operation, ...]] = {
    Post: (Delivery.Operation.POST,),
    React: (Delivery.Operation.REACT,),
}


@dataclass(frozen=True)
class Parcel:
    """An event, ready to be signed and sent. `message`: the uid of its message."""

    webhook: Webhook
    event: str
    body: bytes
    message: str


def place(webhook: Webhook, connection: Connection) -> str:
    """The remote ID of a conversation's endpoint for this webhook."""
    return f"{webhook.pk}:{connection.uid}"


def webhook_at(remote_id: str) -> int:
    """The key of the webhook in such a remote ID."""
    return int(remote_id.partition(":")[0])


def webhook_of(endpoint: Endpoint) -> Webhook | None:
    """The endpoint's webhook; None if it was deleted."""
    return Webhook.objects.filter(pk=webhook_at(endpoint.remote_id or "0")).first()


def parcel_of(request: Change) -> Parcel:
    """The event for this request. Raises DeliveryFailed if the webhook is turned off.

    Its ID is the same whenever it is tried again, also by staff, and also if it was recomposed. A later change has
    another ID, so a receiver can distinguish events by their IDs alone.
    """
    parts = RemotePart.objects.filter(remote=request.remote_pk).order_by("position")
    part = parts.select_related("remote__endpoint").first()
    webhook = webhook_of(part.remote.endpoint) if part else None
    if part is None or webhook is None or not webhook.enabled:
        raise DeliveryFailed("webhook_off", "The webhook is turned off.", permanent=True, certain=True)
    # The deliveries are read before the message: a change between the two becomes an event of its own.
    changes = Delivery.objects.filter(
        message=part.message_id,
        endpoint=part.remote.endpoint_id,
        operation__in=OPERATIONS.get(type(request), (Delivery.Operation.EDIT, Delivery.Operation.DELETE)),
    )
    revision = changes.aggregate(latest=Max("revision"))["latest"] or 0
    message = Message.objects.select_related("connection__inbox").get(pk=part.message_id)
    event = f"msg_{message.uid.hex}_{revision}"
    if isinstance(request, React):
        # Clearing the reactions of a message takes several requests.
        event += f"_{int(request.add)}{hashlib.sha256(request.emoji.encode()).hexdigest()[:8]}"
    return Parcel(webhook, event, orjson.dumps(_event(request, message)), str(message.uid))


def _event(request: Change, message: Message) -> dict[str, Any]:
    connection = message.connection
    wire.load([message])
    body = wire.message_out(message, connection=str(connection.uid))
    body["attachments"] = [_reachable(attachment) for attachment in body["attachments"]]
    data: dict[str, Any] = {
        "message": body,
        "text": words.plain(message),
        "html": words.html(message),
        "connection": {
            **wire.connection_state(connection),
            "inbox": connection.inbox.name,
            "nick": connection.nick or connection.name,
            "properties": connection.properties,
        },
    }
    if isinstance(request, React):
        data["emoji"] = request.emoji
    kind, at = _kind(request, message)
    return {"type": kind, "timestamp": rfc3339(at), "data": data}


def _kind(request: Change, message: Message) -> tuple[str, datetime]:
    """The event's type and time; the time is now if it is not known."""
    now = timezone.now()
    match request:
        case Post():
            return "message.posted", message.created_at
        case Edit():
            return "message.edited", message.edited_at or now
        case Delete():
            return "message.deleted", message.deleted_at or now
        case React():
            return f"reaction.{'added' if request.add else 'removed'}", now


def _reachable(attachment: AttachmentOut) -> AttachmentOut:
    """With URLs that open without a login, if the site's own address (SITE_URL) is known."""
    site = addresses.origin()
    if not site or attachment["state"] != "stored":
        return attachment
    uid = UUID(attachment["uid"])
    thumbnail = attachment["thumbnail"]
    return {
        **attachment,
        "url": files.link(attachment["url"], site=site, uid=uid),
        "thumbnail": files.link(thumbnail, site=site, uid=uid) if thumbnail else "",
    }
