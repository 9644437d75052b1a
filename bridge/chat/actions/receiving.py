"""Receives messages, edits and deletions from services, each once and in order (rules 7 and 8).

Everything here may be called again for the same event. The watermark moves in the transaction that stores the message.
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
    """None: the visitor of the private conversation, who writes from that service."""
    content: str
    created_at: datetime
    edited_at: datetime | None = None
    reply_to: str | None = None
    """The ID of the answered message in the service."""
    files: tuple[RemoteFile, ...] = ()
    """Files that still have to be copied from there."""
    uploads: tuple[int, ...] = ()
    """The keys of attachments that are already stored and do not belong to a message yet."""


@transaction.atomic
def receive_message(endpoint_id: int, incoming: Incoming) -> Message | None:
    """Store a message and move the watermark. None if it is already stored or was already deleted.

    It reopens a closed conversation, unless the visitor has begun a newer one. Then it is a late answer, which is
    shown on the visitor's pages too. It is `sent` until another service with readers has it, and `delivered` if
    there is no such service.
    """
    endpoint = locked(endpoint_id)
    move_watermark(endpoint_id, incoming.remote_id)
    if RemoteMessage.objects.filter(endpoint=endpoint, remote_id=incoming.remote_id).exists():
        return None
    connection = endpoint.connection
    if not connection.is_open:
        if connection.kind == Connection.Kind.ROOM:
            # A room is closed in the admin, and can only be reopened there.
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
        # When it was written, which may be long ago if the bot was away. Its position is where it became known.
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
    """Reopen a closed conversation before a message, within the transaction that has its lock.

    If it stays closed, add endpoints that have become possible since, e.g. for an e-mail address.
    """
    if not reopen_connection(connection):
        complete(connection)


@transaction.atomic
def receive_unreadable(endpoint_id: int, remote_id: str, *, edited_at: datetime | None) -> Message | None:
    """Store a gap for a message or an edit that cannot be read, and move the watermark.

    None if there already is a gap for it, or if it is one of our own messages.
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
    """Store an edit of a known message. False if the message is unknown or the edit is not newer.

    `files`: the IDs of the files that it still has in the service; None if unknown.
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
    """Store a deletion. False if it was already known.

    A deletion of an unknown message leaves a tombstone. So if its creation, or the answer to our own post, arrives
    later, the message is known to be deleted.
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
    """The newest messages in the current thread, theirs and ours, that are not known to be deleted.

    Messages from a former thread, which was deleted as a whole, stay on the page.
    """
    thread = int(Endpoint.objects.values_list("remote_id", flat=True).get(pk=endpoint_id) or 0)
    messages = RemoteMessage.objects.filter(
        endpoint=endpoint_id, card=False, deleted_at__isnull=True, remote_id__isnull=False
    )
    newest = messages.order_by("-pk").values_list("remote_id", flat=True)[:100]
    return [int(known) for known in newest if known and int(known) >= thread]


def move_watermark(endpoint_id: int, remote_id: str) -> None:
    """Record that everything up to this ID was looked at. Only forward, so that a late event does not move it back.
    IDs that are not numbers have no order.
    """
    if (position := position_of(remote_id)) is not None:
        behind = Q(watermark__isnull=True) | Q(watermark__lt=position)
        Endpoint.objects.filter(behind, pk=endpoint_id).update(watermark=position)


def position_of(remote_id: str) -> int | None:
    """The ID as a number, if it is one and fits into the column."""
    position = int(remote_id) if remote_id.isascii() and remote_id.isdigit() else None
    return position if position is not None and position < 2**63 else None
