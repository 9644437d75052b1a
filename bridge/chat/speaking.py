"""Who speaks where, and what, as plain values: what a socket keeps so that a message costs no query."""

import uuid
from dataclasses import dataclass
from typing import NamedTuple

from bridge.chat.wire import author_out
from bridge.errors import BridgeError
from bridge.models import Connection, Participant
from bridge.protocol.outgoing import Author, MessageOut


class Target(NamedTuple):
    """Who speaks, and in which conversation. Without a participant nobody does: a gap."""

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
    """A visitor and what staff may know of them, for a conversation that they may be about to open."""

    inbox: int
    visitor: uuid.UUID
    nick: str
    page_url: str = ""
    page_title: str = ""
    referrer: str = ""
    locale: str = ""
    user_agent: str = ""
    after: int | None = None
    """The key of their last conversation here, 0 for none: there must be no later one. None: whatever there is."""


class Uploads(NamedTuple):
    """Files that go with a message: uploaded by this visitor, for this inbox, and not sent yet."""

    visitor: uuid.UUID
    inbox: int
    uids: tuple[uuid.UUID, ...]


class Post(NamedTuple):
    """What somebody wrote: for a `target` that is known, or for a visitor's open conversation (`opening`).

    With both, the target is where that conversation was last seen; a resend is found wherever it is.
    """

    content: str
    target: Target | None = None
    opening: Opening | None = None
    client_id: uuid.UUID | None = None
    reply_to: uuid.UUID | None = None
    uploads: Uploads | None = None
    origin: str = ""
    """The socket it comes from: its reply tells it what the event tells all others."""


class Posted(NamedTuple):
    """A message that is stored: just now, or before where its post came again."""

    id: int
    target: Target
    message: MessageOut


class Busy(Exception):
    """Another transaction holds this conversation just now: nothing was written, try again."""


Result = Posted | BridgeError | Busy
