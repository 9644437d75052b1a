"""Files from services: recorded with their message at once, and copied to our storage later."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import transaction

from bridge.chat.actions.announcing import publish_changed
from bridge.chat.actions.attaching import attach, discard
from bridge.files import Kept
from bridge.models import Attachment, Connection, Endpoint, Inbox, Message, RemotePart

MOST = 25 * 1024 * 1024
"""The limit in bytes for files of staff if the inbox accepts no files of visitors."""


@dataclass(frozen=True)
class RemoteFile:
    remote_id: str
    name: str
    url: str
    content_type: str = ""
    size: int = 0
    """Bytes; 0 if unknown."""


def limit_of(inbox: Inbox) -> int:
    """The maximum size in bytes of a file that is copied from a service."""
    return inbox.max_upload_bytes or MOST


def to_copy(files: Sequence[RemoteFile], *, inbox: Inbox) -> list[Attachment]:
    """The rows for the files of a message. Files that are too large stay in the service and are never copied."""
    limit = limit_of(inbox)
    return [
        Attachment(
            inbox=inbox,
            name=file.name,
            content_type=file.content_type[:100],
            size=file.size,
            remote_id=file.remote_id,
            remote_url=file.url[:1000],
            state=Attachment.State.REMOTE if file.size > limit else Attachment.State.PENDING,
        )
        for file in files
    ]


@transaction.atomic
def add_files(endpoint_id: int, remote_id: str, files: Sequence[RemoteFile]) -> None:
    """Record files that were added to a message in the service after it was received."""
    connection_id = Endpoint.objects.values_list("connection_id", flat=True).get(pk=endpoint_id)
    Connection.objects.lock(connection_id)
    parts = RemotePart.objects.filter(
        remote__endpoint=endpoint_id,
        remote__remote_id=remote_id,
        remote__ours=False,
        message__deleted_at=None,
    )
    part = parts.select_related("message__connection__inbox").first()
    if part is None:
        return
    known = set(part.message.attachments.values_list("remote_id", flat=True))
    new = [file for file in files if file.remote_id not in known]
    if new:
        attachments = to_copy(new, inbox=part.message.connection.inbox)
        attach(attachments, message=part.message_id, after=len(known))
        _show(part.message_id)


def drop_files(message_id: int, *, present: Collection[str]) -> None:
    """Delete the files that the message no longer has in the service. The caller has the connection's lock."""
    gone = Attachment.objects.filter(message=message_id).exclude(remote_id__in=present)
    if discard(gone):
        _show(message_id)


@transaction.atomic
def settle_file(pk: int, copy: Kept | None) -> bool:
    """Record that a file was copied to the storage, or, without `copy`, that it stays in its service.

    False if its message was deleted in the meantime, or if the file was settled before.
    """
    connection_id = Attachment.objects.filter(pk=pk).values_list("message__connection_id", flat=True).first()
    if connection_id is None:
        return False
    Connection.objects.lock(connection_id)
    # Read after the lock, because deleting a message also deletes its files.
    pending = Attachment.objects.filter(pk=pk, state=Attachment.State.PENDING)
    message_id = pending.values_list("message_id", flat=True).first()
    if message_id is None:
        return False
    if copy is None:
        pending.update(state=Attachment.State.REMOTE)
    else:
        pending.update(state=Attachment.State.STORED, **copy._asdict())
    _show(message_id)
    return True


def _show(message_id: int) -> None:
    message = Message.objects.select_related("connection").get(pk=message_id)
    publish_changed("message.edited", [message], [], connection=message.connection)
