"""The ids that messages have in a service: ours as they become known, and what is known of a message by its id there.

Everything here runs within the transaction that holds the connection's row (`locked`).
"""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from bridge.chat.actions.announcing import publish_changed
from bridge.chat.actions.changing import delete_message
from bridge.models import Connection, Endpoint, Message, RemoteMessage, RemotePart


def locked(endpoint_id: int) -> Endpoint:
    """The endpoint, once its connection's row is held: whether something is new is read after the lock."""
    connection_id = Endpoint.objects.values_list("connection_id", flat=True).get(pk=endpoint_id)
    Connection.objects.lock(connection_id)
    return Endpoint.objects.select_related("connection__inbox").get(pk=endpoint_id)


def answered_there(endpoint: Endpoint, remote_id: str | None) -> Message | None:
    """What a reply over there answers: of several that went as one, the first that was not deleted.

    None where it is not known here.
    """
    if remote_id is None:
        return None
    parts = RemotePart.objects.filter(remote__endpoint=endpoint, remote__remote_id=remote_id)
    present_first = F("message__deleted_at").asc(nulls_first=True)
    part = parts.order_by(present_first, "position").select_related("message__author").first()
    return part.message if part and part.message.kind == Message.Kind.MESSAGE else None


def take_as_deleted(remote: RemoteMessage, *, deleted_at: datetime) -> None:
    """It is gone over there, within the transaction that holds the connection's row.

    Staff delete what a visitor wrote, too: it goes from the page, with all that went as one with it, and the other
    pieces of it go from the service. Only what we deleted ourselves, e.g. the end of a text that became shorter, says
    nothing of the message. A thread that is deleted as a whole comes another way, and takes nothing with it.
    """
    RemoteMessage.objects.filter(pk=remote.pk).update(deleted_at=deleted_at)
    if remote.unwanted:
        return
    held = Message.objects.filter(remote_parts__remote=remote, kind=Message.Kind.MESSAGE)
    for message_id in held.order_by("seq").values_list("pk", flat=True):
        delete_message(message_id)


@transaction.atomic
def receive_echo(endpoint_id: int, *, nonce: str, remote_id: str) -> None:
    """Our own message, seen with its nonce: its id is known even if the answer was lost."""
    locked(endpoint_id)
    sent = RemoteMessage.objects.filter(
        endpoint=endpoint_id, ours=True, nonce=nonce, remote_id__isnull=True
    ).first()
    if sent is not None:
        learn_remote_id(sent, remote_id)


def learn_remote_id(remote: RemoteMessage, remote_id: str) -> None:
    """Note the id of one of ours, within the transaction that holds the connection's row.

    Answer, echo and look-up may each be first. A deletion that was seen before all of them left a tombstone: it is
    this message's, or it would be taken for lost and sent again.
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
    """Replies that came before the id of what they answer was known: now they quote it."""
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
