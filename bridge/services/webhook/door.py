"""Receives commands of staff from webhooks, as signed POST requests to services/webhook/<uid>/."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from bridge.chat import wire
from bridge.chat.actions.authors import RemoteAuthor
from bridge.chat.actions.receiving import Incoming, receive_delete, receive_edit, receive_message
from bridge.chat.actions.states import close_connection
from bridge.errors import BridgeError, Code
from bridge.infra.bodies import response_to, too_large
from bridge.live.registry import refusal_of
from bridge.models import Connection, Endpoint, Message, RemoteMessage, Webhook
from bridge.protocol import MAX_CONTENT, MAX_FRAME
from bridge.protocol.frames import too_long
from bridge.protocol.values import Content, Line, Payload, Uuid
from bridge.services.webhook import signing

Id = Annotated[Line, Field(min_length=1, max_length=200)]


class Author(Payload):
    """A member of the team. `id` identifies them at the webhook."""

    id: Id
    name: Annotated[Line, Field(min_length=1, max_length=80)]
    avatar: Annotated[str, Field(max_length=300, pattern=r"^https://[\x21-\x7e]+$")] | Literal[""] = ""


class Send(Payload):
    type: Literal["message.send"]
    connection: Uuid
    id: Id
    """The webhook's own ID. The same ID means the same message."""
    content: Content
    author: Author
    reply_to: Id | None = None
    """An ID of the webhook's own, or the uid of a message that it received."""
    timestamp: AwareDatetime | None = None


class Edit(Payload):
    type: Literal["message.edit"]
    connection: Uuid
    id: Id
    content: Content
    timestamp: AwareDatetime
    """When it was edited. The latest edit counts, in whatever order they arrive."""


class Delete(Payload):
    type: Literal["message.delete"]
    connection: Uuid
    id: Id
    """An ID of its own, or the uid of a message that it received, because staff can delete visitors' messages."""


class Close(Payload):
    type: Literal["connection.close"]
    connection: Uuid


Command = Send | Edit | Delete | Close
_command: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


@csrf_exempt
@require_POST
def take(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    try:
        body = request.read(MAX_FRAME + 1)
        if len(body) > MAX_FRAME:
            raise too_large(MAX_FRAME)
        webhook = _sender(request, uid, body)
        return JsonResponse(_perform(_command.validate_json(body), webhook))
    except ValidationError as error:
        return response_to(refusal_of(error))
    except BridgeError as error:
        return response_to(error)


def _sender(request: HttpRequest, uid: uuid.UUID, body: bytes) -> Webhook:
    # An unknown webhook gets a random secret, so it causes the same answer after the same work.
    webhook = Webhook.objects.filter(uid=uid).first() or Webhook(enabled=False)
    headers = {name.lower(): value for name, value in request.headers.items()}
    signing.verify(headers, body=body, secrets=webhook.secrets())
    if not webhook.enabled:
        raise BridgeError(Code.NOT_PERMITTED, "The webhook is turned off.")
    return webhook


def _perform(command: Command, webhook: Webhook) -> dict[str, Any]:
    endpoints = Endpoint.objects.filter(service="webhook", remote_id=f"{webhook.pk}:{command.connection}")
    endpoint = endpoints.select_related("connection").first()
    if endpoint is None:
        raise BridgeError(Code.NOT_FOUND, "This conversation does not exist.")
    if isinstance(command, Send | Edit) and len(command.content) > MAX_CONTENT:
        raise too_long(command.content)
    match command:
        case Send():
            return _send(command, endpoint, webhook)
        case Edit():
            return _edit(command, endpoint)
        case Delete():
            return {"changed": receive_delete(endpoint.pk, command.id, deleted_at=timezone.now())}
        case Close():
            if endpoint.connection.kind == Connection.Kind.ROOM:
                raise BridgeError(Code.NOT_PERMITTED, "Close a room in the admin.")
            return {"changed": close_connection(endpoint.connection, at=endpoint)}


def _send(command: Send, endpoint: Endpoint, webhook: Webhook) -> dict[str, Any]:
    author = RemoteAuthor(
        # Two webhooks of one inbox may both have an author with the ID 1.
        remote_id=f"{webhook.pk}:{command.author.id}",
        nick=command.author.name,
        avatar=command.author.avatar,
    )
    incoming = Incoming(
        remote_id=command.id,
        author=author,
        content=command.content,
        created_at=_past(command.timestamp),
        reply_to=command.reply_to,
    )
    receive_message(endpoint.pk, incoming)
    remote = _remote(endpoint, command.id)
    if remote is None:
        raise BridgeError(Code.CLOSED, "This room is closed.")
    message = Message.objects.filter(remote_parts__remote=remote).first()
    if message is None:
        # It was deleted before it arrived.
        return {"message": None}
    wire.load([message])
    return {"message": wire.message_out(message, connection=str(command.connection))}


def _edit(command: Edit, endpoint: Endpoint) -> dict[str, Any]:
    if _remote(endpoint, command.id) is None:
        raise BridgeError(Code.NOT_FOUND, "You have no such message.")
    edited_at = _past(command.timestamp)
    return {"changed": receive_edit(endpoint.pk, command.id, content=command.content, edited_at=edited_at)}


def _remote(endpoint: Endpoint, remote_id: str) -> RemoteMessage | None:
    return RemoteMessage.objects.filter(endpoint=endpoint, remote_id=remote_id, ours=False).first()


def _past(at: datetime | None) -> datetime:
    """The time, but not in the future: clocks differ."""
    now = timezone.now()
    return min(at or now, now)


app_name = "webhook"
urlpatterns = [path("<uuid:uid>/", take, name="take")]
