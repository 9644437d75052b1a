"""A conversation, as other code holds it: opened, joined, spoken in and closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from asgiref.sync import sync_to_async

from bridge import services
from bridge.chat import actions
from bridge.chat.actions import linking
from bridge.chat.actions.authors import RemoteAuthor
from bridge.chat.actions.saying import say
from bridge.chat.speaking import Opening
from bridge.chat.wire import link_to
from bridge.delivery.composing import notice
from bridge.errors import BridgeError, Code
from bridge.models import WEB, Attachment, Endpoint, Participant
from bridge.models import Connection as Row
from bridge.models import Message as MessageRow
from bridge.protocol import MAX_CONTENT
from bridge.protocol.frames import too_long
from bridge.protocol.values import as_nick, clean_content
from bridge.text.nicks import nick_for

Id = str | int | UUID


def connection_for(
    service: str, remote_id: Id, *, inbox: str = "default", nick: str = "", alone: bool = False
) -> Connection:
    """The conversation that this id of this service belongs to; opened now where there is none.

    With the service “web” the id is a visitor's, and it is his open conversation. A service that BRIDGE_SERVICES names
    takes ids of its class's type, any other `str`, `int` and `UUID`; they are given back in the type that they came in.

    Args:
        inbox: the name of the inbox that a new conversation belongs to.
        nick: what a new conversation is called, e.g. after who begins it.
        alone: a new conversation gets this place only, and not those that BRIDGE_SERVICES give to each.

    Raises:
        BridgeError: `not_found` where there is no such inbox.
        TypeError, ValueError: where this is no id of this service.
    """
    if service == WEB:
        if alone:
            raise ValueError("a visitor's conversation cannot be opened with alone=True")
        return _of_visitor(remote_id, inbox=inbox, nick=nick)
    place = linking.place_of(service, remote_id)
    endpoint = linking.find_or_open(place, inbox=inbox, nick=nick, alone=alone)
    return Connection(endpoint.connection, endpoint)


aconnection_for = sync_to_async(connection_for)


def _of_visitor(visitor: Id, *, inbox: str, nick: str) -> Connection:
    if isinstance(visitor, int):
        raise TypeError(f"a visitor's ID must be a UUID, not {visitor!r}")
    uid = visitor if isinstance(visitor, UUID) else UUID(visitor)
    row, _ = actions.open_connection(
        Opening(linking.find_inbox(inbox).pk, uid, as_nick(nick) or nick_for(uid))
    )
    return Connection(row)


@dataclass(frozen=True, slots=True)
class Connection:
    """A conversation, seen from one of its places, its `endpoint`; without one from the page, or from nowhere.

    `row` is its row in the database, with all that is known of it. A receiver of a signal or a command makes one of
    the row that it has: `Connection(row)`.
    """

    row: Row
    endpoint: Endpoint | None = None

    @property
    def uid(self) -> UUID:
        return self.row.uid

    @property
    def service(self) -> str:
        """Of this place; empty without one."""
        return self.endpoint.service if self.endpoint else ""

    @property
    def remote_id(self) -> Id | None:
        """Of this place, in the type that it was given in; None where it is not open yet."""
        if self.endpoint is None or self.endpoint.remote_id is None:
            return None
        return services.typed(self.endpoint.service, self.endpoint.remote_id, given=self.endpoint.id_type)

    def add(self, service: str, remote_id: Id) -> Connection:
        """Let this place take part: it gets what is said from now on. Returns the conversation as seen from there.

        Raises:
            BridgeError: `conflict` where the place is another conversation's.
            TypeError, ValueError: where this is no id of this service.
        """
        return Connection(self.row, linking.join(self.row, linking.place_of(service, remote_id)))

    aadd = sync_to_async(add)

    def send(
        self,
        content: str,
        *,
        author: str = "",
        author_id: Id | None = None,
        staff: bool = False,
        service: str = "",
        key: str = "",
        reply_to: UUID | None = None,
    ) -> Message:
        """Say something. Everybody in the conversation gets it but this place itself, where it comes from.

        Args:
            author: the name of who says it. Only what is said as “web”, by the visitor himself, goes without.
            author_id: what tells him from others of that name in this service; by default the name.
            staff: he is of the team, and not somebody who is helped.
            service: who speaks, where that is not this place.
            key: names this message. The same key again from the same author stores nothing and returns what was
                stored, so a retry cannot double it.
            reply_to: the `uid` of the message that this one answers.

        Raises:
            BridgeError: `closed` for a room that was closed; `not_found` where what it answers is not here;
                `too_large`; `conflict` if this service has several endpoints here and none was chosen.
            ValueError: where it says nothing, or nobody says it.
        """
        content = clean_content(content)
        if len(content) > MAX_CONTENT:
            raise too_long(content)
        service = service or self.service
        who = self._author(service, author, author_id, staff=staff)
        message = say(self._place(service), content, author=who, key=key, reply_to=reply_to)
        return message_of(message, self)

    asend = sync_to_async(send)

    def close(self) -> bool:
        """False where it was closed already. Both sides are told; what is said in it later opens it again."""
        return actions.close_connection(self.row, at=self.endpoint)

    aclose = sync_to_async(close)

    def _author(self, service: str, name: str, pk: Id | None, *, staff: bool) -> RemoteAuthor | None:
        if not service:
            raise ValueError("name the service of the author, e.g. service='shop'")
        if service == WEB:
            if name or self.row.visitor is None:
                raise ValueError(
                    "as “web”, only the visitor of a private conversation can write, under their own name"
                )
            return None
        if not name:
            raise ValueError("name the author, e.g. author='Bob'")
        return RemoteAuthor(str(name if pk is None else pk), name, is_staff=staff)

    def _place(self, service: str) -> Endpoint:
        if self.endpoint and service == self.service:
            return self.endpoint
        places = list(Endpoint.objects.filter(connection=self.row, service=service)[:2])
        if len(places) > 1:
            raise BridgeError(Code.CONFLICT, f"{service} has several endpoints here: choose one of them.")
        return places[0] if places else Endpoint(connection=self.row, service=service)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message. `url` opens it for whoever has it; empty while it is still being copied."""

    name: str
    url: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Message:
    """Something said, as it was when it was read. `row` is its row in the database."""

    uid: UUID
    connection: Connection
    """The conversation, seen from the place that it arrived at: what is sent there comes from this place."""
    content: str
    author: str
    staff: bool
    service: str
    """Where it came from."""
    seq: int
    """Its place in the conversation."""
    created_at: datetime
    files: tuple[File, ...]
    change: Literal["posted", "edited", "deleted"]
    row: MessageRow

    @property
    def remote_id(self) -> Id | None:
        """Of the place that it arrived at."""
        return self.connection.remote_id


def message_of(
    row: MessageRow, connection: Connection, *, change: Literal["posted", "edited", "deleted"] = "posted"
) -> Message:
    """Asks the database for its files."""
    is_said = row.kind == MessageRow.Kind.MESSAGE
    return Message(
        uid=row.uid,
        connection=connection,
        content=row.content if is_said or row.deleted_at else notice(row),
        author=row.author.nick if row.author else "",
        staff=row.author is not None and row.author.role == Participant.Role.STAFF,
        service=row.service,
        seq=row.seq,
        created_at=row.created_at,
        files=tuple(_file(each) for each in row.attachments.order_by("position")),
        change=change,
        row=row,
    )


def _file(attachment: Attachment) -> File:
    url = link_to(attachment) if attachment.state != Attachment.State.PENDING else ""
    return File(attachment.name, url, attachment.content_type, attachment.size)
