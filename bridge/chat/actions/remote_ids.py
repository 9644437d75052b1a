"""The IDs of messages in a service: records those of our own messages, and finds messages by their ID there.

Everything here runs within the transaction that has the connection's lock (`locked`).
"""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from bridge.chat.actions.announcing import publish_changed
from bridge.chat.actions.changing import delete_message
from bridge.models import Connection, Endpoint, Message, RemoteMessage, RemotePart


def locked(endpoint_id: int) -> Endpoint:
    """The endpoint, read after its connection was locked, so that what follows is checked against current data."""
    connection_id = Endpoint.objects.values_list("connection_id", flat=True).get(pk=endpoint_id)
    Connection.objects.lock(connection_id)
    return Endpoint.objects.select_related("connection__inbox").get(pk=endpoint_id)


def answered_there(endpoint: Endpoint, remote_id: str | None) -> Message | None:
    """The message that a reply in the service answers. Of several joined messages, the first that is not deleted.

    None if it is unknown.
    """
    if remote_id is None:
        return None
    parts = RemotePart.objects.filter(remote__endpoint=endpoint, remote__remote_id=remote_id)
    present_first = F("message__deleted_at").asc(nulls_first=True)
    part = parts.order_by(present_first, "position").select_related("message__author").first()
    return part.message if part and part.message.kind == Message.Kind.MESSAGE else None


def take_as_deleted(remote: RemoteMessage, *, deleted_at: datetime) -> None:
    """Store that it was deleted in the service, within the transaction that has the connection's lock.

    Staff can also delete a visitor's message. Then it is deleted on the page, with all messages joined to it, and its
    other parts are deleted in the service. Our own deletions, e.g. of the last part of a text that became shorter, do
    not delete the message. The deletion of a whole thread is handled elsewhere and deletes no messages.
    """
    RemoteMessage.objects.filter(pk=remote.pk).update(deleted_at=deleted_at)
    if remote.unwanted:
        return
    held = Message.objects.filter(remote_parts__remote=remote, kind=Message.Kind.MESSAGE)
    for message_id in held.order_by("seq").values_list("pk", flat=True):
        delete_message(message_id)


@transaction.atomic
def receive_echo(endpoint_id: int, *, nonce: str, remote_id: str) -> None:
    """Record the ID of our own message, recognised by its nonce, in case the answer to our request was lost."""
    locked(endpoint_id)
    sent = RemoteMessage.objects.filter(
        endpoint=endpoint_id, ours=True, nonce=nonce, remote_id__isnull=True
    ).first()
    if sent is not None:
        learn_remote_id(sent, remote_id)


def learn_remote_id(remote: RemoteMessage, remote_id: str) -> None:
    """Record the ID of one of our messages, within the transaction that has the connection's lock.

    The answer, the echo or a look-up may be first. If a deletion came before them, it left a tombstone, which belongs
    to this message. Otherwise the message would seem lost and be sent again.
    """
    known = RemoteMessage.objects.filter(endpoint=remote.endpoint_id, remote_id=remote_id).first()
    if known is not None and known.ours:
        return
    deleted_at = known.deleted_at if known is not None else None
    if known is not None:
        known.delete()
    remote.remote_id = remote_id
    remote.save(update_fields=["remote_id", "sender"])
    _answer(remote.endpoint, remote_id)
    if deleted_at is not None:
        take_as_deleted(remote, deleted_at=deleted_at)


def _answer(endpoint: Endpoint, remote_id: str) -> None:
    """Link replies that arrived before the ID of the answered message was known."""
    replies = RemoteMessage.objects.filter(endpoint=endpoint, answers=remote_id)
    messages = [
        part.message for part in RemotePart.objects.filter(remote__in=replies).select_related("message")
    ]
    answered = answered_there(endpoint, remote_id) if messages else None
    if answered is None:
        return
    for message in messages:
        message.reply_to = answered
    publish_changed("message.edited", messages, ["reply_to"], connection=endpoint.connection)
    replies.update(answers=None)
