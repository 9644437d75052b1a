"""Files of messages: stores uploads, attaches them to messages, and deletes them with their rows."""

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet

from bridge import files
from bridge.chat import wire
from bridge.errors import BridgeError, Code
from bridge.files import Kept
from bridge.infra.database import after_commit
from bridge.models import Attachment
from bridge.protocol.outgoing import AttachmentOut

if TYPE_CHECKING:
    from bridge.chat.actions.posting import Item


def keep_upload(upload: Kept, *, inbox: int, visitor: uuid.UUID) -> Attachment:
    """Create the row of an upload that waits to be sent. The file is already in the storage."""
    return Attachment.objects.create(inbox_id=inbox, visitor=visitor, **upload._asdict())


def claim(items: "Sequence[Item]") -> None:
    """Give each post its files, or a refusal as its result.

    Within the transaction that stores the messages. The answer is the same for a file of somebody else, a file that
    was already sent, and a file that never existed.
    """
    wanted = {uid for item in items if item.post.uploads for uid in item.post.uploads.uids}
    # Rows locked by another transaction, which is sending them, are skipped. Waiting for them could be a deadlock.
    unsent = Attachment.objects.select_for_update(skip_locked=True).filter(
        uid__in=wanted, message__isnull=True
    )
    by_uid = {attachment.uid: attachment for attachment in unsent}
    taken: dict[uuid.UUID, uuid.UUID | None] = {}
    for item in items:
        client_id, uploads = item.post.client_id, item.post.uploads
        if uploads is None:
            continue
        free = [
            attachment
            for attachment in map(by_uid.get, uploads.uids)
            if attachment
            and (attachment.visitor, attachment.inbox_id) == (uploads.visitor, uploads.inbox)
            and taken.get(attachment.uid, client_id) == client_id
        ]
        if len({attachment.pk for attachment in free}) < len(uploads.uids):
            item.result = BridgeError(Code.NOT_FOUND, "A file of this message no longer exists.")
            continue
        # If a post is twice in a batch, both may have the same files: only one of them is stored.
        taken.update(dict.fromkeys(uploads.uids, client_id))
        item.attachments = free


def attach(attachments: Sequence[Attachment], *, message: int, after: int = 0) -> list[AttachmentOut]:
    """Attach files to a message in this order, and return them for the wire: claimed uploads, and new rows."""
    for position, attachment in enumerate(attachments, after):
        attachment.message_id, attachment.position = message, position
    uploads = [attachment for attachment in attachments if attachment.pk is not None]
    Attachment.objects.bulk_update(uploads, ["message", "position"])
    Attachment.objects.bulk_create(attachment for attachment in attachments if attachment.pk is None)
    return [wire.attachment_out(attachment) for attachment in attachments]


@transaction.atomic
def discard(attachments: QuerySet[Attachment]) -> int:
    """Delete these rows, and their files after the commit. Returns how many there were."""
    # With a lock: a message may be claiming one of them at this moment, and then keeps it.
    rows = list(attachments.select_for_update(skip_locked=True))
    Attachment.objects.filter(pk__in=[row.pk for row in rows]).delete()
    names = [name for row in rows for name in (row.file.name, row.thumbnail.name) if name]
    if names:
        after_commit(files.discard, *names)
    return len(rows)


def link_instead(attachments: Iterable[int]) -> None:
    """Send links to these files, which a service refused as too large."""
    Attachment.objects.filter(pk__in=attachments).update(linked=True)
