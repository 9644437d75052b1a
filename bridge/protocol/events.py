"""The payloads of events."""

from typing import Any

from bridge.protocol.outgoing import Author, Closed, ConnectionState, MessageOut


class MessagesPayload(Closed):
    messages: list[MessageOut]


class ReactionsPayload(MessagesPayload):
    participant: str | None
    """Whose reaction it is; null if all reactions of staff were removed."""
    emoji: str | None
    """Null if all emoji were removed."""
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
    """The visitors who have just arrived, several in one event."""

    participants: list[Author]
    """At most 50 of them; `more` is the number of the others."""
    more: int
    online: int


class LeftPayload(Closed):
    participants: list[str]
    """Their `author.id`s."""
    clean: bool
    """True if they left, false if their connection was lost."""
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
"""The payload of each event."""
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
"""Events about things that a sync does not return. They cover no revisions."""
