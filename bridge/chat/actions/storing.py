"""Stores new messages. No other module inserts messages, whoever wrote them.

One transaction writes a whole batch with a few multi-row statements. In batches of fifty, this takes 28 µs per
message; the ORM takes about 90 µs.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from django.db import transaction
from django.utils import timezone

from bridge import services, signals
from bridge.chat import hooks, publishing, wire
from bridge.chat.actions import rows
from bridge.chat.actions.attaching import attach
from bridge.chat.actions.noting import note_emojis
from bridge.chat.actions.rows import Head
from bridge.chat.publishing import Change
from bridge.chat.speaking import Target
from bridge.models import WEB, Attachment, Connection, Endpoint, Message
from bridge.protocol.frames import event_frame, rfc3339
from bridge.protocol.outgoing import MessageOut


@dataclass(slots=True)
class NewMessage:
    """A message to be stored; `store` sets the fields from `body` on."""

    target: Target
    content: str = ""
    kind: str = Message.Kind.MESSAGE
    client_id: str | None = None
    """A UUID as text."""
    service: str = WEB
    endpoint: int | None = None
    """The endpoint that it came from: it is delivered to every other endpoint of its conversation."""
    reply_to: Message | None = None
    """A message of the same conversation, with its author."""
    attachments: Sequence[Attachment] = ()
    gap_size: int | None = None
    created_at: datetime | None = None
    """None: now."""
    edited_at: datetime | None = None
    state: str = Message.State.SENT
    origin: str = ""
    """The socket that it comes from, which gets a reply instead of the event."""
    body: MessageOut = field(init=False)
    id: int = field(init=False)
    uid: str = field(init=False)
    seq: int = field(init=False)
    revision: int = field(init=False)
    deleted_at: ClassVar[None] = None
    failure: ClassVar[str] = ""


def store(messages: Sequence[NewMessage], heads: Mapping[int, Head], *, pages: str | None = None) -> None:
    """Insert messages, with a delivery for each other endpoint, and publish them after the commit.

    Within the transaction that has the locks of their connections. `heads`: the head of each connection before them.
    `pages`: sessions that get the event although they do not follow the conversation.
    """
    now = timezone.now()
    for message, uid in zip(messages, _new_uids(len(messages), now=now), strict=True):
        head = heads[message.target.connection]
        head.revision += 1
        head.seq += 1
        message.uid, message.revision, message.seq = uid, head.revision, head.seq
    ids, nudge = rows.store([_row(message, now=now) for message in messages])
    by_connection: dict[str, list[NewMessage]] = {}
    posted_at = rfc3339(now)
    for message in messages:
        # A KeyError is right: a row that was not returned was not stored, and must not be published.
        message.id = ids[message.target.connection, message.seq]
        message.body = wire.body(
            message,
            connection=message.target.uid,
            created_at=rfc3339(message.created_at) if message.created_at else posted_at,
            author=message.target.author,
            attachments=attach(message.attachments, message=message.id) if message.attachments else [],
            reactions=[],
        )
        by_connection.setdefault(message.target.uid, []).append(message)
    publishing.publish_on_commit([_posted(group, pages) for group in by_connection.values()], nudge=nudge)
    hooks.tell_on_commit(
        signals.message_posted, [message.id for message in messages if message.kind == Message.Kind.MESSAGE]
    )


def store_one(message: NewMessage, connection: Connection) -> Message:
    """Store a message in this conversation, open or closed, within the transaction that has its lock."""
    advance = Connection.objects.advance(connection.pk, messages=1)
    if message.kind == Message.Kind.MESSAGE:
        Connection.objects.filter(pk=connection.pk).update(active_at=timezone.now())
    head = Head(advance.since, advance.last_seq - 1)
    store([message], {connection.pk: head}, pages=publishing.pages_beside(connection))
    return Message.objects.select_related("connection", "author").get(pk=message.id)


@transaction.atomic
def record_gap(connection: Connection, *, size: int | None) -> Message:
    """Show on all sides that messages are missing or may be missing.

    `size` is None if unknown.
    """
    gap = NewMessage(Target.of(connection, None), kind=Message.Kind.GAP, service="", gap_size=size)
    return store_one(gap, connection)


def store_arrival(message: NewMessage, connection: Connection) -> Message:
    """Store a message that comes from a service. As it is then on the page, it counts as delivered, unless another
    service with readers still waits for it. A message from the page does not count as delivered.
    """
    note_emojis(content=message.content)
    if message.service != WEB:
        endpoints = Endpoint.objects.filter(connection=connection)
        others = endpoints.exclude(pk=message.endpoint) if message.endpoint else endpoints
        waits = any(services.reports(service) for service in others.values_list("service", flat=True))
        message.state = Message.State.SENT if waits else Message.State.DELIVERED
    return store_one(message, connection)


def _new_uids(count: int, *, now: datetime) -> list[str]:
    """UUIDs of version 7, in ascending order: they begin with the time, so that new rows share pages of the index.

    With random UUIDs, a third more pages had to be written.
    """
    milliseconds = f"{int(now.timestamp() * 1000):012x}"
    begin = f"{milliseconds[:8]}-{milliseconds[8:]}-7"
    noise = os.urandom(9 * count).hex()
    # 8: the variant.
    return sorted(
        f"{begin}{noise[at : at + 3]}-8{noise[at + 3 : at + 6]}-{noise[at + 6 : at + 18]}"
        for at in range(0, len(noise), 18)
    )


def _row(message: NewMessage, *, now: datetime) -> rows.Row:
    return rows.Row(
        message.uid.replace("-", ""),
        message.target.connection,
        message.target.participant,
        message.seq,
        message.revision,
        message.client_id and message.client_id.replace("-", ""),
        message.content,
        message.created_at or now,
        message.kind,
        message.service,
        message.state,
        message.endpoint,
        message.reply_to.pk if message.reply_to else None,
        message.gap_size,
        message.edited_at,
    )


def _posted(messages: Sequence[NewMessage], pages: str | None) -> Change:
    uid, origins = messages[0].target.uid, {message.origin for message in messages}
    since, revision = messages[0].revision - 1, messages[-1].revision
    payload = {"messages": [message.body for message in messages]}
    frame = event_frame("message.posted", payload, connection=uid, since=since, revision=revision)
    # If one socket wrote all of them, it has them from its replies.
    return Change(uid, frame, pages, skip=origins.pop() if len(origins) == 1 else "")
