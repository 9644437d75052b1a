"""Edits and deletes messages, on behalf of their authors, for all sides."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from bridge import signals
from bridge.chat import hooks
from bridge.chat.access import Viewer, message_for
from bridge.chat.actions.announcing import change_message
from bridge.chat.actions.attaching import discard
from bridge.chat.actions.speaking_rules import speak
from bridge.errors import BridgeError, Code
from bridge.models import Connection, Delivery, Message, MessageVersion


@transaction.atomic
def edit_own_message(viewer: Viewer, uid: UUID, *, content: str) -> Message:
    """Like `edit_message`, for the visitor who wrote it.

    Raises:
        BridgeError: as `message_for` does; `not_permitted` if the inbox's time limit has passed or the visitor may
            not write here; `throttled` by slow mode; `closed` in a closed conversation.
    """
    message = _own(viewer, uid)
    if not message.connection.is_open:
        raise BridgeError(Code.CLOSED, "This conversation is closed.")
    if message.content != content and message.author:
        speak(message.author, now=timezone.now())
    return _edit(message, content=content)


@transaction.atomic
def delete_own_message(viewer: Viewer, uid: UUID) -> Message:
    """Like `delete_message`, for the visitor who wrote it; also in a closed conversation.

    Raises:
        BridgeError: as `message_for` does; `not_permitted` if the inbox's time limit has passed.
    """
    return _delete(_own(viewer, uid))


@transaction.atomic
def edit_message(message_id: int, *, content: str) -> Message:
    """Change the content of a message, on every other endpoint too. Does nothing if the content is the same.

    Raises:
        BridgeError: `not_found` if it was deleted.
    """
    message = _locked(message_id)
    if message.deleted_at:
        raise BridgeError(Code.NOT_FOUND, "The message was deleted.")
    return _edit(message, content=content)


@transaction.atomic
def delete_message(message_id: int) -> Message:
    """Replace a message by a tombstone without content. Does nothing if it is already deleted."""
    message = _locked(message_id)
    if message.deleted_at:
        return message
    return _delete(message)


def _own(viewer: Viewer, uid: UUID) -> Message:
    """The visitor's message, if they may still change it."""
    message = message_for(viewer, uid, own=True, lock=True)
    window = message.connection.inbox.edit_window
    if not window:
        raise BridgeError(Code.NOT_PERMITTED, "Messages cannot be changed here.", window=0)
    if timezone.now() - message.created_at > timedelta(seconds=window):
        raise BridgeError(
            Code.NOT_PERMITTED,
            f"A message can be changed within {_period(window)} of writing it, and this time has passed.",
            window=window,
        )
    return message


def _period(seconds: int) -> str:
    """The period in words: 90 seconds, 15 minutes, 2 hours."""
    sizes = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
    unit, size = next((unit, size) for unit, size in sizes.items() if seconds % size == 0)
    count = seconds // size
    return f"{count:,} {unit}{'s' if count != 1 else ''}"


def _locked(pk: int) -> Message:
    """The message, read after its connection was locked, so that decisions use its current state."""
    Connection.objects.lock(Message.objects.values_list("connection_id", flat=True).get(pk=pk))
    return Message.objects.select_related("connection").get(pk=pk)


def _edit(message: Message, *, content: str) -> Message:
    if message.content != content:
        MessageVersion.objects.create(message=message, content=message.content)
        hooks.tell_on_commit(signals.message_edited, [message.pk])
        _change(message, "message.edited", Delivery.Operation.EDIT, content=content, edited_at=Now())
    return message


def _delete(message: Message) -> Message:
    message.versions.all().delete()
    discard(message.attachments.all())
    hooks.tell_on_commit(signals.message_deleted, [message.pk])
    _change(message, "message.deleted", Delivery.Operation.DELETE, content="", deleted_at=Now())
    return message


def _change(message: Message, event: str, operation: Delivery.Operation, **fields: Any) -> None:
    # We cannot change a message in the service that it came from.
    change_message(message, event, operation, source=message.endpoint_id, **fields)
