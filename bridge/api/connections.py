"""A conversation in the Python API: open it, add endpoints, send messages, close it."""

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
    """The conversation that belongs to this ID of this service. It is opened if there is none.

    With the service “web”, the ID is a visitor's, and the conversation is their open one. A service in BRIDGE_SERVICES
    accepts IDs of its class's type, any other service `str`, `int` and `UUID`. IDs are returned in their own type.

    Args:
        inbox: the name of the inbox for a new conversation.
        nick: the name of a new conversation, e.g. that of the person who begins it.
        alone: give a new conversation only this endpoint, and not those of the services in BRIDGE_SERVICES.

    Raises:
        BridgeError: `not_found` if there is no such inbox.
        TypeError, ValueError: if this is not an ID of this service.
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
    """A conversation, seen from one of its endpoints. Without an `endpoint`, it is seen from the page or from outside.

    `row` is its row in the database. Receivers of signals and commands, which have the row, can create this object
    with `Connection(row)`.
    """

    row: Row
    endpoint: Endpoint | None = None

    @property
    def uid(self) -> UUID:
        return self.row.uid

    @property
    def service(self) -> str:
        """The service of the endpoint; empty without one."""
        return self.endpoint.service if self.endpoint else ""

    @property
    def remote_id(self) -> Id | None:
        """The ID of the endpoint, in the type in which it was given; None if the endpoint is not open yet."""
        if self.endpoint is None or self.endpoint.remote_id is None:
            return None
        return services.typed(self.endpoint.service, self.endpoint.remote_id, given=self.endpoint.id_type)

    def add(self, service: str, remote_id: Id) -> Connection:
        """Add an endpoint, which gets all messages from now on. Returns the conversation as seen from there.

        Raises:
            BridgeError: `conflict` if the endpoint belongs to another conversation.
            TypeError, ValueError: if this is not an ID of this service.
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
        """Send a message. Everybody in the conversation gets it, except this endpoint, where it comes from.

        Args:
            author: the author's name. It is omitted only for the service “web”, where the author is the visitor.
            author_id: the author's ID in this service; by default the name.
            staff: the author is a member of the team.
            service: the author's service, if it is not that of this endpoint.
            key: identifies this message. If the author uses the same key again, nothing is stored, and the stored
                message is returned. So a retry cannot double it.
            reply_to: the `uid` of the message that this one answers.

        Raises:
            BridgeError: `closed` for a closed room; `not_found` if the answered message is not in this conversation;
                `too_large`; `conflict` if this service has several endpoints here and none was chosen.
            ValueError: if the content or the author is missing.
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
        """Close the conversation and notify both sides. A later message reopens it. False if it was already closed."""
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
    """A file of a message. Everybody who has its `url` can open it; it is empty while the file is being copied."""

    name: str
    url: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message, in its state when it was read. `row` is its row in the database."""

    uid: UUID
    connection: Connection
    """The conversation, seen from the endpoint at which the message arrived: answers are sent from this endpoint."""
    content: str
    author: str
    staff: bool
    service: str
    """The service that it came from."""
    seq: int
    """Its position in the conversation."""
    created_at: datetime
    files: tuple[File, ...]
    change: Literal["posted", "edited", "deleted"]
    row: MessageRow

    @property
    def remote_id(self) -> Id | None:
        """The ID of the endpoint at which it arrived."""
        return self.connection.remote_id


def message_of(
    row: MessageRow, connection: Connection, *, change: Literal["posted", "edited", "deleted"] = "posted"
) -> Message:
    """The message for this row. Its files are read from the database."""
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
        files=tuple(_file(attachment) for attachment in row.attachments.order_by("position")),
        change=change,
        row=row,
    )


def _file(attachment: Attachment) -> File:
    url = link_to(attachment) if attachment.state != Attachment.State.PENDING else ""
    return File(attachment.name, url, attachment.content_type, attachment.size)
