"""What a webhook brings in: signed POSTs to services/webhook/<its uid>/, each a command of staff."""

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
from bridge.infra.bodies import response_to
from bridge.live.registry import refusal_of
from bridge.models import Connection, Endpoint, Message, RemoteMessage, Webhook, new_webhook_secret
from bridge.protocol import MAX_CONTENT, MAX_FRAME
from bridge.protocol.frames import too_long
from bridge.protocol.values import Content, Line, Payload, Uuid
from bridge.services.webhook import signing

Id = Annotated[Line, Field(min_length=1, max_length=200)]


class Author(Payload):
    """Who of the staff says it. `id`: his own at the webhook, by which he is known again."""

    id: Annotated[Line, Field(min_length=1, max_length=200)]
    name: Annotated[Line, Field(min_length=1, max_length=80)]
    avatar: Annotated[str, Field(max_length=300, pattern=r"^https://[\x21-\x7e]+$")] | Literal[""] = ""


class Send(Payload):
    type: Literal["message.send"]
    connection: Uuid
    id: Id
    """Its own at the webhook. What comes again under the same is the same."""
    content: Content
    author: Author
    reply_to: Id | None = None
    """What it answers: an id of the webhook's own, or the uid of a message that it was told of."""
    timestamp: AwareDatetime | None = None


class Edit(Payload):
    type: Literal["message.edit"]
    connection: Uuid
    id: Id
    content: Content
    timestamp: AwareDatetime
    """When it was edited. Of several edits the latest counts, in whichever order they come."""


class Delete(Payload):
    type: Literal["message.delete"]
    connection: Uuid
    id: Id
    """Of one of its own, or the uid of a message that it was told of: staff take back what a visitor wrote, too."""


class Close(Payload):
    type: Literal["connection.close"]
    connection: Uuid


Brought = Send | Edit | Delete | Close
_brought: TypeAdapter[Brought] = TypeAdapter(Annotated[Brought, Field(discriminator="type")])


@csrf_exempt
@require_POST
def take(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    try:
        answer = _take(request, uid)
    except BridgeError as error:
        return response_to(error)
    return JsonResponse(answer)


def _take(request: HttpRequest, uid: uuid.UUID) -> dict[str, Any]:
    body = _body(request)
    webhook = Webhook.objects.filter(uid=uid).first()
    # One that does not exist and a wrong signature get the same answer, after the same work.
    secrets = webhook.secrets() if webhook else [new_webhook_secret()]
    given = {name.lower(): value for name, value in request.headers.items()}
    signing.verify(given, body=body, secrets=secrets)
    if webhook is None:
        raise BridgeError(Code.NOT_IDENTIFIED, "The signature is invalid.")
    if not webhook.enabled:
        raise BridgeError(Code.NOT_PERMITTED, "The webhook is turned off.")
    try:
        brought = _brought.validate_json(body)
    except ValidationError as error:
        raise refusal_of(error) from None
    return _do(brought, webhook)


def _body(request: HttpRequest) -> bytes:
    announced = request.headers.get("Content-Length", "")
    if not announced.isdecimal() or int(announced) > MAX_FRAME or len(request.body) > MAX_FRAME:
        text = f"A Content-Length of at most {MAX_FRAME:,} bytes is required."
        raise BridgeError(Code.TOO_LARGE, text, limit=MAX_FRAME)
    return request.body


def _do(brought: Brought, webhook: Webhook) -> dict[str, Any]:
    place = f"{webhook.pk}:{brought.connection}"
    endpoint = (
        Endpoint.objects.select_related("connection").filter(service="webhook", remote_id=place).first()
    )
    if endpoint is None:
        raise BridgeError(Code.NOT_FOUND, "This conversation does not exist.")
    match brought:
        case Send():
            return _send(brought, endpoint, webhook)
        case Edit():
            return _edit(brought, endpoint)
        case Delete():
            return {"changed": receive_delete(endpoint.pk, brought.id, deleted_at=timezone.now())}
        case Close():
            if endpoint.connection.kind == Connection.Kind.ROOM:
                raise BridgeError(Code.NOT_PERMITTED, "Close a room in the admin.")
            return {"changed": close_connection(endpoint.connection, at=endpoint)}


def _send(brought: Send, endpoint: Endpoint, webhook: Webhook) -> dict[str, Any]:
    _check_length(brought.content)
    author = RemoteAuthor(
        # Two webhooks of one inbox may each have an author 1.
        remote_id=f"{webhook.pk}:{brought.author.id}",
        nick=brought.author.name,
        avatar=brought.author.avatar,
    )
    incoming = Incoming(
        remote_id=brought.id,
        author=author,
        content=brought.content,
        created_at=_past(brought.timestamp),
        reply_to=brought.reply_to,
    )
    if receive_message(endpoint.pk, incoming) is None and not _remote(endpoint, brought.id):
        raise BridgeError(Code.CLOSED, "This room is closed.")
    message = Message.objects.filter(
        remote_parts__remote__endpoint=endpoint, remote_parts__remote__remote_id=brought.id
    ).first()
    if message is None:
        # It was deleted before it came.
        return {"message": None}
    wire.load([message])
    return {"message": wire.message_out(message, connection=str(brought.connection))}


def _edit(brought: Edit, endpoint: Endpoint) -> dict[str, Any]:
    _check_length(brought.content)
    if not _remote(endpoint, brought.id):
        raise BridgeError(Code.NOT_FOUND, "You have no such message.")
    edited_at = _past(brought.timestamp)
    return {"changed": receive_edit(endpoint.pk, brought.id, content=brought.content, edited_at=edited_at)}


def _check_length(content: str) -> None:
    if len(content) > MAX_CONTENT:
        raise too_long(content)


def _remote(endpoint: Endpoint, remote_id: str) -> bool:
    return RemoteMessage.objects.filter(endpoint=endpoint, remote_id=remote_id, ours=False).exists()


def _past(at: datetime | None) -> datetime:
    """Clocks differ, and nothing was said in the future."""
    now = timezone.now()
    return min(at, now) if at else now


app_name = "webhook"
urlpatterns = [path("<uuid:uid>/", take, name="take")]
