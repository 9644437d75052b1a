"""Rows as the wire shows them. The only place that decides what of a row a browser may see."""

from bridge.models import Connection, Message, Participant
from bridge.protocol import Author, ConnectionOut, ConnectionState, MessageOut, rfc3339


def author_out(participant: Participant) -> Author:
    return {
        "id": str(participant.uid),
        "name": participant.nick,
        "role": participant.role,  # type: ignore[typeddict-item]  # the column's choices are these
        "service": participant.service,
        "avatar": participant.avatar,
    }


def message_out(message: Message, *, connection: str) -> MessageOut:
    """`message.author` must be loaded; `connection` is its connection's uid."""
    return {
        "uid": str(message.uid),
        "connection": connection,
        "kind": message.kind,  # type: ignore[typeddict-item]
        "seq": message.seq,
        "revision": message.revision,
        "client_id": str(message.client_id) if message.client_id else None,
        "author": author_out(message.author) if message.author else None,
        "content": "" if message.deleted_at else message.content,
        "gap_size": message.gap_size,
        "created_at": rfc3339(message.created_at),
        "edited_at": rfc3339(message.edited_at) if message.edited_at else None,
        "deleted_at": rfc3339(message.deleted_at) if message.deleted_at else None,
        "state": message.state,  # type: ignore[typeddict-item]
        "failure": message.failure,
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
