"""Posts messages from other code, in the name of a service."""

from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import transaction

from bridge.chat.access import no_such_answered
from bridge.chat.actions.authors import RemoteAuthor, participant_of
from bridge.chat.actions.receiving import open_or_complete
from bridge.chat.actions.storing import NewMessage, store_arrival
from bridge.chat.speaking import Target
from bridge.errors import BridgeError, Code
from bridge.models import Connection, Endpoint, Message


@transaction.atomic
def say(
    endpoint: Endpoint,
    content: str,
    *,
    author: RemoteAuthor | None,
    key: str = "",
    reply_to: UUID | None = None,
) -> Message:
    """Store a message, once for each `key` of this author. It reopens a closed conversation, unless the visitor has a
    newer one.

    `endpoint`: where the message comes from. An unsaved endpoint names the conversation and a service that has no
    endpoint in it. Without `author`, the author is the visitor of the private conversation.

    Raises BridgeError: `closed` for a closed room; `not_found` if the answered message is not in this conversation.
    """
    Connection.objects.lock(endpoint.connection_id)
    connection = Connection.objects.select_related("inbox").get(pk=endpoint.connection_id)
    endpoint.connection = connection
    participant = participant_of(endpoint, author)
    client_id = uuid5(NAMESPACE_URL, f"{endpoint.service} {key}") if key else None
    if client_id:
        same = Message.objects.filter(connection=connection, author=participant, client_id=client_id)
        if (known := same.select_related("connection", "author").first()) is not None:
            return known
    answered = _answered(connection, reply_to) if reply_to else None
    if not connection.is_open:
        if connection.kind == Connection.Kind.ROOM:
            raise BridgeError(Code.CLOSED, "This room is closed.")
        open_or_complete(connection)
    message = NewMessage(
        Target.of(connection, participant),
        content,
        client_id=str(client_id) if client_id else None,
        service=endpoint.service,
        endpoint=endpoint.pk,
        reply_to=answered,
    )
    return store_arrival(message, connection)


def _answered(connection: Connection, uid: UUID) -> Message:
    present = Message.objects.filter(
        connection=connection, kind=Message.Kind.MESSAGE, deleted_at__isnull=True
    )
    message = present.filter(uid=uid).select_related("author").first()
    if message is None:
        raise no_such_answered(uid)
    return message
