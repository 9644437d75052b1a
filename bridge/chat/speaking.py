"""Who speaks where, as plain values: what a socket keeps so that a message costs no look-up."""

import uuid
from dataclasses import dataclass
from typing import NamedTuple

from bridge.chat.wire import author_out
from bridge.models import Connection, Participant
from bridge.protocol import Author


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
    """A visitor and what staff may know of him, for a conversation that he may be about to open."""

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
