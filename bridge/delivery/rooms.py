"""The differences in rooms: messages are posted in their authors' names, and cannot be replies."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bridge.delivery import remotes
from bridge.models import Connection, Endpoint, Message, Participant, RemoteMessage
from bridge.services.base import Service
from bridge.services.requests import Speaker
from bridge.text.characters import shortened
from bridge.text.nicks import MAX_NICK

VISITORS = "{} (visitor)"
"""The name of a visitor in a room that they share with staff."""


def speaks(message: Message, endpoint: Endpoint) -> str:
    """Return the name under which a message is posted: its author's in a room, otherwise empty (the bot's own)."""
    if endpoint.connection.kind != Connection.Kind.ROOM or message.author is None:
        return ""
    author = message.author
    if author.role == Participant.Role.STAFF:
        return author.nick
    # Marked, because a visitor could choose the name of somebody in the service who is not known here yet.
    return VISITORS.format(shortened(author.nick, MAX_NICK))


def author_prefix(message: Message, endpoint: Endpoint, *, service: Service) -> str:
    """Return the prefix of a message: in a private conversation, its author if staff wrote it in another service."""
    author, is_room = message.author, endpoint.connection.kind == Connection.Kind.ROOM
    if is_room or author is None or author.role != Participant.Role.STAFF:
        return ""
    return service.author_prefix(author)


def speaker(remote: RemoteMessage) -> Speaker:
    """Return the speaker of a message, with the name of its first attempt, because it is searched by that name."""
    part = remote.parts.order_by("position").select_related("message__author")[0]
    author = part.message.author
    assert author is not None  # noqa: S101  # `speaks` returned a name
    return Speaker(author.uid, remote.speaker, author.nick)


def written_at(remote: RemoteMessage) -> datetime:
    """Return when its first message was written, less a minute for the difference between the clocks."""
    part = remote.parts.order_by("position").select_related("message")[0]
    return part.message.created_at - timedelta(minutes=1)


def quote(
    group: Sequence[Message], sent: Sequence[RemoteMessage], endpoint: Endpoint, *, service: Service
) -> str:
    """Return the line before a reply in a room, where the post of a visitor cannot be a reply.

    `sent`: the parts of the reply that are in the service. If there are any, the line stays as it was first sent: the
    quoted message may have been edited, and the parts must fit together.
    """
    if endpoint.connection.kind != Connection.Kind.ROOM or group[0].reply_to_id is None:
        return ""
    message = Message.objects.select_related("author", "connection__inbox").get(replies=group[0])
    line = service.format_quote(message, remotes.thread_of(endpoint), remotes.answered(group, endpoint))
    return sent[0].text.partition("\n")[0] if line and sent else line
