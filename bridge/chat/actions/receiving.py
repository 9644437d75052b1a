"""What a service brings in: its messages, edits and deletions, each once and in order (rules 7 and 8).

Everything here may be called twice with the same news. The watermark moves in the transaction that stores the message.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from bridge import signals
from bridge.chat import hooks
from bridge.chat.actions.announcing import publish_changed
from bridge.chat.actions.changing import delete_message, edit_message
from bridge.chat.actions.copying import RemoteFile, drop_files, to_copy
from bridge.chat.actions.noting import note_emojis
from bridge.chat.actions.opening import complete
from bridge.chat.actions.renaming import yield_on_commit
from bridge.chat.actions.states import reopen_connection
from bridge.chat.actions.storing import NewMessage, record_gap, state_of_arrival, store_one
from bridge.chat.speaking import Target
from bridge.models import (
    Attachment,
    Connection,
    Endpoint,
    Message,
    Participant,
    RemoteMessage,
    RemotePart,
)
from bridge.protocol import as_name
from bridge.text.lookalikes import key_of


@dataclass(frozen=True)
class RemoteAuthor:
    """Somebody who writes from inside a service; `remote_id` is his id there.

    In a private conversation all of them are staff; in a room only who moderates it.
    """

    remote_id: str
    nick: str
    avatar: str = ""
    colour: str = ""
    is_staff: bool = True


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
    _advance_watermark(endpoint_id, incoming.remote_id)
    if RemoteMessage.objects.filter(endpoint=endpoint, remote_id=incoming.remote_id).exists():
        return None
    connection = endpoint.connection
    if not connection.is_open:
        if connection.kind == Connection.Kind.ROOM:
            # Closed in the admin, where it is opened again.
            return None
        open_or_complete(connection)
    answered = _answered(endpoint, incoming.reply_to)
    author = participant_of(endpoint, incoming.author) if incoming.author else visitor_of(connection)
    note_emojis(content=incoming.content)
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
        state=state_of_arrival(connection, service=endpoint.service, source=endpoint),
    )
    message = store_one(new, connection)
    remote = RemoteMessage.objects.create(
        endpoint=endpoint,
        remote_id=incoming.remote_id,
        ours=False,
        edited_at=incoming.edited_at,
        answers=None if answered else incoming.reply_to,
    )
    RemotePart.objects.create(remote=remote, message=message, position=0)
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
    _advance_watermark(endpoint_id, remote_id)
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


def visitor_of(connection: Connection) -> Participant:
    return Participant.objects.get(connection=connection, visitor=connection.visitor)


def _answered(endpoint: Endpoint, remote_id: str | None) -> Message | None:
    """What a reply over there answers: of several that went as one, the first that was not deleted.

    None where it is not known here.
    """
    if remote_id is None:
        return None
    parts = RemotePart.objects.filter(remote__endpoint=endpoint, remote__remote_id=remote_id)
    present_first = F("message__deleted_at").asc(nulls_first=True)
    part = parts.order_by(present_first, "position").select_related("message__author").first()
    return part.message if part and part.message.kind == Message.Kind.MESSAGE else None


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
    answered = _answered(endpoint, remote_id) if messages else None
    if answered is None:
        return
    for message in messages:
        message.reply_to = answered
    publish_changed("message.edited", messages, ["reply_to"], connection=endpoint.connection)
    replies.update(answers=None)


def move_watermark(endpoint_id: int, remote_id: str) -> None:
    """Everything up to here was looked at, and nothing of it is for us."""
    _advance_watermark(endpoint_id, remote_id)


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


def _advance_watermark(endpoint_id: int, remote_id: str) -> None:
    """Forward only: what is taken in late must not open a hole behind it. Other ids than numbers have no order."""
    position = position_of(remote_id)
    if position is None:
        return
    Endpoint.objects.filter(Q(watermark__isnull=True) | Q(watermark__lt=position), pk=endpoint_id).update(
        watermark=position
    )


def position_of(remote_id: str) -> int | None:
    """As far as the column can hold it."""
    position = int(remote_id) if remote_id.isascii() and remote_id.isdigit() else None
    return position if position is not None and position < 2**63 else None


def participant_of(endpoint: Endpoint, author: RemoteAuthor) -> Participant:
    """The one who writes, with the name, the picture and the role that he has today."""
    nick = as_name(author.nick) or ("Staff" if author.is_staff else "Guest")
    participant, is_new = Participant.objects.update_or_create(
        connection=endpoint.connection,
        service=endpoint.service,
        remote_id=author.remote_id,
        defaults={
            "nick": nick,
            # Staff's names are kept from visitors. A guest's are not ours to give: there may be two of one name.
            "nick_key": key_of(nick) if author.is_staff else "",
            "avatar": author.avatar[:300],
            "colour": author.colour,
            "role": Participant.Role.STAFF if author.is_staff else Participant.Role.VISITOR,
        },
    )
    if is_new:
        hooks.tell_on_commit(signals.participant_joined, [participant.uid])
    if author.is_staff:
        yield_on_commit(participant)
    return participant


def locked(endpoint_id: int) -> Endpoint:
    """The endpoint, once its connection's row is held: whether something is new is read after the lock."""
    connection_id = Endpoint.objects.values_list("connection_id", flat=True).get(pk=endpoint_id)
    Connection.objects.lock(connection_id)
    return Endpoint.objects.select_related("connection__inbox").get(pk=endpoint_id)
