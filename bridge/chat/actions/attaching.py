"""Files: uploaded, put into messages, copied from where they came, and thrown away with their rows."""

import uuid
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from bridge import files
from bridge.chat import wire
from bridge.errors import BridgeError, Code
from bridge.files import Kept
from bridge.models import Attachment, Message
from bridge.protocol import AttachmentOut

if TYPE_CHECKING:
    from bridge.chat.actions.posting import Post


class Uploads(NamedTuple):
    """Files that go with a message: uploaded by this visitor, for this inbox, and not sent yet."""

    visitor: uuid.UUID
    inbox: int
    uids: tuple[uuid.UUID, ...]


def keep_upload(kept: Kept, *, inbox: int, visitor: uuid.UUID) -> Attachment:
    """The row of a file that waits to be sent. Its file is in the storage already."""
    return Attachment.objects.create(inbox_id=inbox, visitor=visitor, **kept._asdict())


def claim(batch: "Sequence[Post]", results: dict[int, Any]) -> dict[int, list[Attachment]]:
    """The files of each post that is not done yet, by its index; a refusal goes to its place in `results`.

    Within the transaction that stores the messages. Somebody else's file, one that was sent and one that never was
    get the same answer.
    """
    wanted = {uid for post in batch if post.uploads for uid in post.uploads.uids}
    # Skipped, where another transaction has it: it is being sent there. Waiting, two could wait for each other.
    unsent = Attachment.objects.select_for_update(skip_locked=True).filter(
        uid__in=wanted, message__isnull=True
    )
    found = {attachment.uid: attachment for attachment in unsent}
    taken: dict[uuid.UUID, uuid.UUID | None] = {}
    claimed: dict[int, list[Attachment]] = {}
    for index, post in enumerate(batch):
        if index in results or not post.uploads or not post.uploads.uids:
            continue
        mine = [found[uid] for uid in post.uploads.uids if _is_free(found.get(uid), post, taken)]
        if len(mine) < len(post.uploads.uids) or len({each.pk for each in mine}) < len(mine):
            results[index] = BridgeError(Code.NOT_FOUND, "A file of this message is not there any more.")
            continue
        # The same post twice in a batch may have the same files: one of them is stored.
        taken.update(dict.fromkeys(post.uploads.uids, post.client_id))
        claimed[index] = mine
    return claimed


def _is_free(attachment: Attachment | None, post: "Post", taken: dict[uuid.UUID, uuid.UUID | None]) -> bool:
    if attachment is None or post.uploads is None:
        return False
    owned = (attachment.visitor, attachment.inbox_id) == (post.uploads.visitor, post.uploads.inbox)
    return owned and taken.get(attachment.uid, post.client_id) == post.client_id


def attach(attachments: Sequence[Attachment], *, message: int) -> list[AttachmentOut]:
    """Put claimed files into a message, in this order, and show them."""
    for position, attachment in enumerate(attachments):
        attachment.message_id, attachment.position = message, position
    Attachment.objects.bulk_update(attachments, ["message", "position"])
    return [wire.attachment_out(attachment) for attachment in attachments]


@transaction.atomic
def discard(attachments: QuerySet[Attachment]) -> int:
    """Delete these rows, and their files once that is committed. Returns how many there were."""
    # Locked: a message may be taking one of them just now, and then has it.
    rows = list(attachments.select_for_update(skip_locked=True))
    Attachment.objects.filter(pk__in=[row.pk for row in rows]).delete()
    names = [name for row in rows for name in (row.file.name, row.thumbnail.name) if name]
    if names:
        transaction.on_commit(partial(files.discard, *names))
    return len(rows)


def discard_of(messages: Iterable[Message]) -> None:
    """Delete the files of messages that were taken back."""
    discard(Attachment.objects.filter(message__in=list(messages)))


def link_instead(attachments: Iterable[int]) -> None:
    """These were refused as too large: services get a link to each of them."""
    Attachment.objects.filter(pk__in=attachments).update(linked=True)
