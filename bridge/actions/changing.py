"""Change and take back what was said: by its author, in one place for all sides."""

from django.db import transaction
from django.db.models.functions import Now

from bridge.actions.posting import fan_out
from bridge.actions.settling import publish_messages
from bridge.errors import BridgeError, Code
from bridge.models import Connection, Delivery, Message


@transaction.atomic
def edit_message(message_id: int, *, content: str) -> Message:
    """Give a message new content, and carry that to every other endpoint. The same content again is nothing.

    Raises:
        BridgeError: `not_found` where it was deleted.
    """
    message = _locked(message_id)
    if message.deleted_at:
        raise BridgeError(Code.NOT_FOUND, "The message was deleted.")
    if message.content == content:
        return message
    return _change(message, "message.edited", Delivery.Operation.EDIT, content=content, edited_at=Now())


@transaction.atomic
def delete_message(message_id: int) -> Message:
    """Leave a tombstone without content. Deleting twice is nothing."""
    message = _locked(message_id)
    if message.deleted_at:
        return message
    return _change(message, "message.deleted", Delivery.Operation.DELETE, content="", deleted_at=Now())


def _locked(message_id: int) -> Message:
    """The message as it is once its connection's row is held: what is decided on is read after the lock."""
    connection_id = Message.objects.values_list("connection_id", flat=True).get(pk=message_id)
    Connection.objects.lock(connection_id)
    return Message.objects.select_related("author", "connection").get(pk=message_id)


def _change(message: Message, event: str, operation: Delivery.Operation, **fields: object) -> Message:
    advance = Connection.objects.advance(message.connection_id)
    Message.objects.filter(pk=message.pk).update(revision=advance.revision, **fields)
    message.refresh_from_db(fields=["revision", *fields])
    waits = fan_out(message, operation=operation)
    publish_messages(event, [message], connection=message.connection, advance=advance, nudge=waits)
    return message
