"""What a service brings in: its messages, edits and deletions, each once and in order (rules 7 and 8).

Everything here may be called twice with the same news. The watermark moves in the transaction that stores the message.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from bridge.chat.actions.authors import RemoteAuthor, participant_of
from bridge.chat.actions.changing import edit_message
from bridge.chat.actions.copying import RemoteFile, drop_files, to_copy
from bridge.chat.actions.noting import note_emojis
from bridge.chat.actions.opening import complete
from bridge.chat.actions.remote_ids import answered_there, locked, take_as_deleted
from bridge.chat.actions.states import reopen_connection
from bridge.chat.actions.storing import NewMessage, record_gap, store_arrival
from bridge.chat.speaking import Target
from bridge.models import (
    Attachment,
    Connection,
    Endpoint,
    Message,
    RemoteMessage,
)


@dataclass(frozen=True)
class Incoming:
    """A message of a service, in readable text."""

    remote_id: str
    author: RemoteAuthor | None
    """None: the visitor whose private conversation it is, who answers from there."""
    content: str
    created_at: datetime
    edited_at: datetime | None = None
    reply_to: str | None = None
    """The id there of the message that it answers."""
    files: tuple[RemoteFile, ...] = ()
    """Still to be copied from there."""
    uploads: tuple[int, ...] = ()
    """The keys of attachments that are kept already, and belong to no message yet."""


@transaction.atomic
def receive_message(endpoint_id: int, incoming: Incoming) -> Message | None:
    """Store a message and move the watermark. None where it was here already, or is gone again.

    A closed conversation is opened again by it, unless the visitor has begun a newer one: then it is a late answer,
    which the visitor's pages are told of all the same. It is `sent` until another service has it whose people read it,
    `delivered` where there is none.
    """
    endpoint = locked(endpoint_id)
    move_watermark(endpoint_id, incoming.remote_id)
    if RemoteMessage.objects.filter(endpoint=endpoint, remote_id=incoming.remote_id).exists():
        return None
    connection = endpoint.connection
    if not connection.is_open:
        if connection.kind == Connection.Kind.ROOM:
            # Closed in the admin, where it is opened again.
            return None
        open_or_complete(connection)
    answered = answered_there(endpoint, incoming.reply_to)
    author = participant_of(endpoint, incoming.author)
    uploads = Attachment.objects.filter(pk__in=incoming.uploads).order_by("pk") if incoming.uploads else ()
    new = NewMessage(
        Target.of(connection, author),
        incoming.content,
        service=endpoint.service,
        endpoint=endpoint.pk,
        # When it was written, which may be long ago: nobody looked then. Its place is where it became known.
        created_at=incoming.created_at,
        edited_at=incoming.edited_at,
        reply_to=answered,
        attachments=[*to_copy(incoming.files, inbox=connection.inbox), *uploads],
    )
    message = store_arrival(new, connection)
    remote = endpoint.remote_messages.create(
        remote_id=incoming.remote_id,
        ours=False,
        edited_at=incoming.edited_at,
        answers=None if answered else incoming.reply_to,
    )
    remote.parts.create(message=message, position=0)
    return message


def open_or_complete(connection: Connection) -> None:
    """Before something is said in a closed conversation, within the transaction that holds its row.

    Where it stays closed it gets the places that its visitor has by now, e.g. an address that they left later.
    """
    if not reopen_connection(connection):
        complete(connection)


@transaction.atomic
def receive_unreadable(endpoint_id: int, remote_id: str, *, edited_at: datetime | None) -> Message | None:
    """A message, or an edit of one, is over there and cannot be taken in: a gap says so on all sides, and the watermark
    moves on. None where that was said already, or where it is none of theirs.
    """
    endpoint = locked(endpoint_id)
    connection = endpoint.connection
    move_watermark(endpoint_id, remote_id)
    if not connection.is_open and connection.kind == Connection.Kind.ROOM:
        return None
    remote, new = RemoteMessage.objects.get_or_create(
        endpoint=endpoint, remote_id=remote_id, defaults={"ours": False, "edited_at": edited_at}
    )
    if not new:
        newer = edited_at is not None and (remote.edited_at is None or remote.edited_at < edited_at)
        if remote.ours or remote.deleted_at is not None or not newer:
            return None
        remote.edited_at = edited_at
        remote.save(update_fields=["edited_at"])
    elif not connection.is_open:
        open_or_complete(connection)
    return record_gap(connection, size=1)


@transaction.atomic
def receive_edit(
    endpoint_id: int,
    remote_id: str,
    *,
    content: str,
    edited_at: datetime,
    files: Collection[str] | None = None,
) -> bool:
    """Take over an edit of a message that is known; False where it is not, or the edit is not newer.

    `files`: the ids of those that it still has over there, None where nobody asked.
    """
    endpoint = locked(endpoint_id)
    remote = RemoteMessage.objects.filter(
        Q(edited_at__isnull=True) | Q(edited_at__lt=edited_at),
        endpoint=endpoint,
        remote_id=remote_id,
        ours=False,
        deleted_at__isnull=True,
    ).first()
    part = remote and remote.parts.first()
    if not remote or not part:
        return False
    remote.edited_at = edited_at
    remote.save(update_fields=["edited_at"])
    note_emojis(content=content)
    edit_message(part.message_id, content=content)
    if files is not None:
        drop_files(part.message_id, present=files)
    return True


@transaction.atomic
def receive_delete(endpoint_id: int, remote_id: str, *, deleted_at: datetime) -> bool:
    """Take over a deletion; False where it was known.

    What is not known leaves a tombstone, so that a create that comes later, or the answer to our own post,
    finds it deleted.
    """
    endpoint = locked(endpoint_id)
    remote, new = RemoteMessage.objects.get_or_create(
        endpoint=endpoint, remote_id=remote_id, defaults={"ours": False, "deleted_at": deleted_at}
    )
    if new or remote.deleted_at is not None:
        return new
    take_as_deleted(remote, deleted_at=deleted_at)
    return True


def known_in_thread(endpoint_id: int) -> list[int]:
    """The newest messages in the present thread, theirs and ours, that are not known to be deleted.

    What was said in a thread before it, which was deleted as a whole, stays on the page.
    """
    thread = int(Endpoint.objects.values_list("remote_id", flat=True).get(pk=endpoint_id) or 0)
    there = RemoteMessage.objects.filter(
        endpoint=endpoint_id, card=False, deleted_at__isnull=True, remote_id__isnull=False
    )
    newest = there.order_by("-pk").values_list("remote_id", flat=True)[:100]
    return [int(known) for known in newest if known and int(known) >= thread]


def move_watermark(endpoint_id: int, remote_id: str) -> None:
    """Everything up to here was looked at. Forward only: what comes late must not open a hole behind it. Other ids than
    numbers have no order.
    """
    if (position := position_of(remote_id)) is not None:
        behind = Q(watermark__isnull=True) | Q(watermark__lt=position)
        Endpoint.objects.filter(behind, pk=endpoint_id).update(watermark=position)


def position_of(remote_id: str) -> int | None:
    """As far as the column can hold it."""
    position = int(remote_id) if remote_id.isascii() and remote_id.isdigit() else None
    return position if position is not None and position < 2**63 else None
