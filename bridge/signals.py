"""Django signals for other apps: what happens in conversations, sent after the commit.

ChatBridge itself receives none of them. Receivers may be functions or async functions. `chat.hooks` calls them in its
own threads: an exception is logged, and a slow receiver delays only other signals. Each gets `signal`, `sender` (the
model) and the arguments that are listed here, by name:

`connection`, `message`, `participant`: rows of `bridge.models`, as they are when the receiver is called. A
connection's `inbox`, a message's `author` and `connection`, and a participant's `connection` are already loaded.
"""

from django.dispatch import Signal


class Hook(Signal):
    """A signal that knows its name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __repr__(self) -> str:
        return f"bridge.signals.{self.name}"


connection_opened = Hook("connection_opened")
"""connection, reopened (bool): a conversation begins or a room is created, or one that was closed is reopened."""

connection_accessed = Hook("connection_accessed")
"""connection, participant: a visitor with a conversation is back, and their session has started."""

connection_closed = Hook("connection_closed")
"""connection."""

message_posted = Hook("message_posted")
"""connection, message, participant (its author), source (str, the service that it came from, e.g. “web”).

A message was posted. Sent once for each message, also if its delivery is tried again. A gap is not a message.
"""

message_edited = Hook("message_edited")
"""connection, message, participant, source, as for `message_posted`: its text has changed."""

message_deleted = Hook("message_deleted")
"""connection, message, participant, source, as for `message_posted`. The row stays, without content."""

message_delivered = Hook("message_delivered")
"""connection, message, participant, source, endpoint (where it arrived), service (that endpoint's, e.g. “email”).

Sent once for each endpoint. Browsers are not endpoints: they read the database.
"""

participant_joined = Hook("participant_joined")
"""connection, participant, service (str).

In a room, a visitor has entered it, with the first of their tabs. Somebody who writes in another service, and the
visitor of a private conversation, join with their first message.
"""

participant_left = Hook("participant_left")
"""connection, participant, service (str), clean (bool: False if their connection was lost).

A visitor has left a room, with the last of their tabs. Nobody leaves a private conversation, and for people in other
services this is unknown.
"""
