"""What is different in a room: each speaks in his own name, and nobody can reply in it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bridge.delivery import remotes
from bridge.models import Connection, Endpoint, Message, Participant, RemoteMessage
from bridge.services.base import Service
from bridge.services.requests import Speaker
from bridge.text.characters import shortened
from bridge.text.nicks import MAX_NICK

VISITORS = "{} (visitor)"
"""What a visitor is called where they speak beside staff."""


def speaks(message: Message, endpoint: Endpoint) -> str:
    """Whose name it is said in: in a room its author's; elsewhere, and of a gap, nobody's but the bot's."""
    if endpoint.connection.kind != Connection.Kind.ROOM or message.author is None:
        return ""
    author = message.author
    if author.role == Participant.Role.STAFF:
        return author.nick
    # Marked, or one could choose the name of somebody there whom nobody here has heard of yet.
    return VISITORS.format(shortened(author.nick, MAX_NICK))


def author_prefix(message: Message, endpoint: Endpoint, *, service: Service) -> str:
    """What stands before a message: in a private conversation who of staff says it, from elsewhere."""
    author, is_room = message.author, endpoint.connection.kind == Connection.Kind.ROOM
    if is_room or author is None or author.role != Participant.Role.STAFF:
        return ""
    return service.author_prefix(author)


def speaker(remote: RemoteMessage) -> Speaker:
    """Under the name that it was first sent with: it is looked for by that."""
    part = remote.parts.order_by("position").select_related("message__author")[0]
    author = part.message.author
    assert author is not None  # noqa: S101  # as `speaks` has it
    return Speaker(author.uid, remote.speaker, author.nick)


def written_at(remote: RemoteMessage) -> datetime:
    """When its first message was. A minute for the difference between the clocks."""
    part = remote.parts.order_by("position").select_related("message")[0]
    return part.message.created_at - timedelta(minutes=1)


def quote(
    group: Sequence[Message], sent: Sequence[RemoteMessage], endpoint: Endpoint, *, service: Service
) -> str:
    """The line before a reply in a room, where nobody can reply in a visitor's name. `sent`: what of it is there.

    As it was first sent: what it quotes may say something else by now, and the pieces must fit together.
    """
    if endpoint.connection.kind != Connection.Kind.ROOM or group[0].reply_to_id is None:
        return ""
    message = Message.objects.select_related("author", "connection__inbox").get(replies=group[0])
    line = service.format_quote(message, remotes.thread_of(endpoint), remotes.answered(group, endpoint))
    return sent[0].text.partition("\n")[0] if line and sent else line
