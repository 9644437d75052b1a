"""What events carry out."""

from typing import Any

from bridge.protocol.outgoing import Author, Closed, ConnectionState, MessageOut


class MessagesPayload(Closed):
    messages: list[MessageOut]


class ReactionsPayload(MessagesPayload):
    participant: str | None
    """Whose reaction it is; null where staff's were cleared."""
    emoji: str | None
    """Null where all were cleared."""
    added: bool


class ConnectionPayload(Closed):
    connection: ConnectionState


class TypingPayload(Closed):
    author: Author


class ReceiptPayload(Closed):
    participant: str
    seq: int


class PresencePayload(Closed):
    staff_online: bool


class JoinedPayload(Closed):
    """Who came within the last moment, several in one event."""

    participants: list[Author]
    """At most 50 of them; `more` says how many others came."""
    more: int
    online: int


class LeftPayload(Closed):
    participants: list[str]
    """Their `author.id`s."""
    clean: bool
    """They went; else they were lost: a cut line, a crash."""
    online: int


class RenamedPayload(Closed):
    participant: Author
    previous: str


EVENTS: dict[str, Any] = {
    "message.posted": MessagesPayload,
    "message.edited": MessagesPayload,
    "message.deleted": MessagesPayload,
    "message.delivered": MessagesPayload,
    "message.failed": MessagesPayload,
    "reaction.changed": ReactionsPayload,
    "connection.opened": ConnectionPayload,
    "connection.closed": ConnectionPayload,
    "connection.reopened": ConnectionPayload,
    "typing.started": TypingPayload,
    "receipt.read": ReceiptPayload,
    "presence.changed": PresencePayload,
    "participant.joined": JoinedPayload,
    "participant.left": LeftPayload,
    "participant.renamed": RenamedPayload,
}
"""What each event carries. Those of a connection's state cover revisions; typing and presence do not."""
PASSING = frozenset(
    {
        "typing.started",
        "receipt.read",
        "presence.changed",
        "participant.joined",
        "participant.left",
        "participant.renamed",
    }
)
"""Events that change nothing a sync would bring: they cover no revisions."""
