"""Converts rows for the wire. Only this module decides which values of a row a browser may see."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Min, Q, prefetch_related_objects

from bridge import files
from bridge.infra.addresses import origin, path_to
from bridge.models import Attachment, Connection, Inbox, Message, Participant, Reaction
from bridge.protocol.frames import rfc3339
from bridge.protocol.outgoing import (
    AttachmentOut,
    Author,
    ConnectionOut,
    ConnectionState,
    InboxOut,
    MessageOut,
    Quote,
    ReactionOut,
    RoomOut,
)

QUOTED = 200
"""How many characters of a message are quoted in replies."""


def load(messages: Sequence[Message], *, reader: int | None = None) -> None:
    """Load everything that `message_out` needs, with one query per model.

    With a `reader`, a participant's key, each reaction also says whether it is their `own`.
    """
    prefetch_related_objects(messages, "author", "reply_to__author", "attachments")
    tallies = _tallies([message.pk for message in messages], reader) if messages else {}
    for message in messages:
        message.tally = tallies.get(message.pk, [])


def _tallies(messages: Sequence[int], reader: int | None) -> dict[int, list[ReactionOut]]:
    """The reactions of each message, in the order of first use. The database counts them: there may be a thousand."""
    reactions = Reaction.objects.filter(message__in=messages).values_list("message", "emoji")
    counted = reactions.annotate(
        count=Count("pk"), own=Count("pk", filter=Q(participant=reader)), first=Min("pk")
    )
    tallies: dict[int, list[ReactionOut]] = {}
    for message, emoji, count, own, _ in sorted(counted, key=lambda row: row[-1]):
        reaction: ReactionOut = {"emoji": emoji, "count": count}
        if reader is not None:
            reaction["own"] = own > 0
        tallies.setdefault(message, []).append(reaction)
    return tallies


def author_out(participant: Participant) -> Author:
    return {
        "id": str(participant.uid),
        "name": participant.nick,
        "role": participant.role,  # type: ignore[typeddict-item]  # the column's choices are these
        "service": participant.service,
        "avatar": participant.avatar,
        "colour": participant.colour,
    }


def message_out(message: Message, *, connection: str) -> MessageOut:
    """A message for the wire, which must be loaded (`load`). `connection`: the uid of its connection."""
    return body(
        message,
        connection=connection,
        created_at=rfc3339(message.created_at),
        author=author_out(message.author) if message.author else None,
        attachments=[] if message.deleted_at else attachments_out(message),
        reactions=[] if message.deleted_at else message.tally,
    )


def body(
    message: Any,
    *,
    connection: str,
    created_at: str,
    author: Author | None,
    attachments: list[AttachmentOut],
    reactions: list[ReactionOut],
) -> MessageOut:
    """The body of a row, or of a message that is just being stored and has the same attributes."""
    return {
        "uid": str(message.uid),
        "connection": connection,
        "kind": message.kind,
        "seq": message.seq,
        "revision": message.revision,
        "client_id": str(message.client_id) if message.client_id else None,
        "author": author,
        "content": "" if message.deleted_at else message.content,
        "gap_size": message.gap_size,
        "created_at": created_at,
        "edited_at": rfc3339(message.edited_at) if message.edited_at else None,
        "deleted_at": rfc3339(message.deleted_at) if message.deleted_at else None,
        "state": message.state,
        "failure": message.failure,
        "reply_to": quote_out(message.reply_to) if message.reply_to else None,
        "attachments": attachments,
        "reactions": reactions,
    }


def quote_out(message: Message) -> Quote:
    return {
        "uid": str(message.uid),
        "seq": message.seq,
        "name": message.author.nick if message.author else "",
        "role": message.author.role if message.author else "",
        "content": "" if message.deleted_at else message.content[:QUOTED],
        "deleted": message.deleted_at is not None,
    }


def attachments_out(message: Message) -> list[AttachmentOut]:
    return [
        attachment_out(attachment)
        for attachment in sorted(message.attachments.all(), key=lambda attachment: attachment.position)
    ]


def attachment_out(attachment: Attachment) -> AttachmentOut:
    address = path_to("bridge:file", attachment.uid)
    addresses = {
        Attachment.State.STORED: address,
        Attachment.State.PENDING: "",
        Attachment.State.REMOTE: attachment.remote_url,
    }
    return {
        "uid": str(attachment.uid),
        "name": attachment.name,
        "state": attachment.state,  # type: ignore[typeddict-item]
        "url": addresses[Attachment.State(attachment.state)],
        "thumbnail": path_to("bridge:thumbnail", attachment.uid) if attachment.thumbnail else "",
        "content_type": attachment.content_type,
        "size": attachment.size,
        "width": attachment.width,
        "height": attachment.height,
    }


def link_to(attachment: Attachment) -> str:
    """The URL of a file for people who are not logged in here; empty if SITE_URL is not set."""
    if attachment.state == Attachment.State.REMOTE:
        return attachment.remote_url
    path = path_to("bridge:file", attachment.uid)
    return files.link(path, site=origin(), uid=attachment.uid)


def room_out(room: Connection, *, online: int) -> RoomOut:
    return {
        "uid": str(room.uid),
        "slug": room.slug,
        "name": room.name,
        "topic": room.topic,
        "read_only": room.read_only,
        "slow_mode": room.slow_mode,
        "online": online,
    }


def connection_state(connection: Connection) -> ConnectionState:
    return {
        "uid": str(connection.uid),
        "kind": connection.kind,  # type: ignore[typeddict-item]
        "state": connection.state,  # type: ignore[typeddict-item]
    }


def connection_out(connection: Connection, *, reader: Participant) -> ConnectionOut:
    return {
        **connection_state(connection),
        "revision": connection.revision,
        "participant": str(reader.uid),
        "read_seq": reader.read_seq,
    }


def inbox_out(inbox: Inbox) -> InboxOut:
    return {
        "name": inbox.name,
        "title": inbox.title,
        "greeting": inbox.greeting,
        "edit_window": inbox.edit_window,
        "max_upload": inbox.max_upload_bytes,
        "upload_types": inbox.upload_types.split(),
        "email_after": inbox.email_after,
    }
