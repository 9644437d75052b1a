"""Plain values for who writes what in which conversation. A socket keeps them, so that a message needs no query."""

import uuid
from dataclasses import dataclass
from typing import NamedTuple

from bridge.chat.wire import author_out
from bridge.errors import BridgeError
from bridge.models import Connection, Participant
from bridge.protocol.outgoing import Author, MessageOut


class Target(NamedTuple):
    """Who writes, and in which conversation. A gap has no participant."""

    connection: int
    uid: str
    participant: int | None
    author: Author | None
    room: bool = False

    @classmethod
    def of(cls, connection: Connection, participant: Participant | None) -> "Target":
        return cls(
            connection.pk,
            str(connection.uid),
            participant.pk if participant else None,
            author_out(participant) if participant else None,
            connection.kind == Connection.Kind.ROOM,
        )


@dataclass(frozen=True, slots=True)
class Opening:
    """A visitor, and what staff may know about them, for a conversation that their message may open."""

    inbox: int
    visitor: uuid.UUID
    nick: str
    page_url: str = ""
    page_title: str = ""
    referrer: str = ""
    locale: str = ""
    user_agent: str = ""
    after: int | None = None
    """The key of their last conversation here, 0 for none. There must not be a later one. None: not checked."""


class Uploads(NamedTuple):
    """Files of a new message: uploaded by this visitor for this inbox, and not sent yet."""

    visitor: uuid.UUID
    inbox: int
    uids: tuple[uuid.UUID, ...]


class Post(NamedTuple):
    """A new message, for a known `target` or for the visitor's open conversation (`opening`).

    With both, `target` is that conversation as last known. A resend is found in any of the visitor's conversations.
    """

    content: str
    target: Target | None = None
    opening: Opening | None = None
    client_id: uuid.UUID | None = None
    reply_to: uuid.UUID | None = None
    uploads: Uploads | None = None
    origin: str = ""
    """The socket that it comes from. This socket gets a reply instead of the event."""


class Posted(NamedTuple):
    """A stored message. It may have been stored earlier, if its post was repeated."""

    id: int
    target: Target
    message: MessageOut


class Busy(Exception):
    """Another transaction has locked this conversation: nothing was written, try again."""


Result = Posted | BridgeError | Busy
