"""Django signals for other apps: what happens to conversations, told once it is committed. Our own code never listens.

Receivers may be functions or async functions. `chat.hooks` calls them in threads of its own: one that raises is logged,
one that is slow delays other signals and nothing else. Each gets `signal`, `sender` (the model) and what is listed
here, by name:

`connection`, `message`, `participant`: rows of `bridge.models`, as they are when the receiver is called. Loaded with
them are a connection's `inbox`, a message's `author` and `connection`, a participant's `connection`.
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
"""connection, reopened (bool): a conversation begins or a room is made; or one that was closed goes on."""

connection_accessed = Hook("connection_accessed")
"""connection, participant: a visitor who has a conversation is back: his session has started."""

connection_closed = Hook("connection_closed")
"""connection."""

message_posted = Hook("message_posted")
"""connection, message, participant (its author), source (str, the service that it came from, e.g. “web”).

Something was said: once for each message, also where its delivery is tried again. A gap is nothing that was said.
"""

message_edited = Hook("message_edited")
"""connection, message, participant, source, as of `message_posted`: its words are others now."""

message_deleted = Hook("message_deleted")
"""connection, message, participant, source, as of `message_posted`. The row stays, without content."""

message_delivered = Hook("message_delivered")
"""connection, message, participant, source, endpoint (where it arrived), service (that endpoint's, e.g. “email”).

Once for each endpoint. Browsers are none: they read the database.
"""

participant_joined = Hook("participant_joined")
"""connection, participant, service (str).

In a room: a visitor came in, whichever of his tabs was first. Whoever speaks from another service, and the visitor of
a private conversation: with the first that he says in it.
"""

participant_left = Hook("participant_left")
"""connection, participant, service (str), clean (bool: he went; else he was lost).

A visitor has left a room, with the last of his tabs. Nobody leaves a private conversation, and of other services'
people nobody knows.
"""
