"""What replies and events carry out: TypedDicts, which cost nothing to build."""

from typing import Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict


@with_config(ConfigDict(extra="forbid"))
class Closed(TypedDict):
    """Base of what goes out: no field but those declared."""


class Author(Closed):
    id: str
    name: str
    role: Literal["visitor", "staff"]
    service: str
    avatar: str
    colour: str
    """“#rrggbb”, of his role over there; else empty."""


class Quote(Closed):
    """The message that is answered, as it was when this was sent out."""

    uid: str
    seq: int
    name: str
    role: str
    """Its author's: `visitor`, `staff` or `system`; empty where it has none."""
    content: str
    """Its beginning, at most 200 characters; empty once it was deleted, and where it is nothing but files."""
    deleted: bool


class AttachmentOut(Closed):
    uid: str
    name: str
    state: Literal["stored", "pending", "remote"]
    """`pending`: it is being copied from where it was sent; `remote`: only that service has it."""
    url: str
    """Our own address, which only who may read the conversation can open. Empty while `pending`, the service's
    address where `remote`."""
    thumbnail: str
    """A small picture of an image, else empty."""
    content_type: str
    size: int
    """Bytes."""
    width: int | None
    height: int | None


class ReactionOut(Closed):
    emoji: str
    """The characters, or `name:id` of a custom emoji, `a:name:id` where it moves."""
    count: int
    own: NotRequired[bool]


class MessageOut(Closed):
    uid: str
    connection: str
    kind: Literal["message", "gap", "event"]
    seq: int
    revision: int
    client_id: str | None
    author: Author | None
    content: str
    gap_size: int | None
    created_at: str
    edited_at: str | None
    deleted_at: str | None
    state: Literal["sent", "delivered", "failed"]
    failure: str
    reply_to: Quote | None
    attachments: list[AttachmentOut]
    reactions: list[ReactionOut]
    own: NotRequired[bool]


class ConnectionState(Closed):
    """What everybody in a connection may know of it; replies add what is personal."""

    uid: str
    kind: Literal["private", "room"]
    state: Literal["open", "closed"]


class ConnectionOut(ConnectionState):
    revision: int
    participant: str
    """The reader's own `author.id` here."""
    read_seq: int


class ListedConnection(ConnectionOut):
    """One of the visitor's own conversations in their list."""

    title: str
    """The first words said in it, at most 200 characters; empty where there are only files."""
    unread: int
    """Messages of others behind the visitor's mark; at most 100 are counted."""
    created_at: str
    active_at: str


class ConnectionsListed(Closed):
    connections: list[ListedConnection]
    has_more: bool


class Earlier(Closed):
    """The visitor's conversations that have ended, without the one that the session goes on with."""

    connections: int
    """At most 100 are counted."""
    unread: int
    """Messages of others that the visitor has not read in them: in the twenty used last."""


class InboxOut(Closed):
    name: str
    title: str
    greeting: str
    edit_window: int
    """Seconds in which a visitor may edit and delete what he wrote. 0: never."""
    max_upload: int
    """Bytes that one file may have; 0: no files are taken."""
    upload_types: list[str]
    """Media types, such as `image/*`."""
    email_after: int
    """Minutes after which an answer that nobody read goes to the visitor's address; 0: never."""


class ContactOut(Closed):
    """What is known of the visitor himself."""

    name: str
    email: str
    identified: bool
    """His site vouches for him."""


class ContactChanged(Closed):
    contact: ContactOut


class HistoryRead(Closed):
    messages: list[MessageOut]
    has_more: bool


class SessionStarted(HistoryRead):
    visitor: str
    token: str
    nick: str
    contact: ContactOut
    connection: ConnectionOut | None
    earlier: Earlier
    staff_online: bool
    inbox: InboxOut
    time: str
    """The server's, RFC 3339."""


class MessageSent(Closed):
    message: MessageOut


class MessageChanged(Closed):
    message: MessageOut


class ConnectionSynced(HistoryRead):
    connection: ConnectionOut
    revision: int
    reset: bool


class ConnectionChanged(Closed):
    connection: ConnectionOut


class NickChanged(Closed):
    nick: str


class RoomOut(Closed):
    uid: str
    slug: str
    name: str
    topic: str
    read_only: bool
    slow_mode: int
    """Seconds between two messages of one visitor."""
    online: int


class RoomsListed(Closed):
    rooms: list[RoomOut]


class MembersOut(Closed):
    """Visitors who are here now, by name; at most MAX_MEMBERS of them."""

    online: int
    members: list[Author]


class RoomJoined(HistoryRead):
    room: RoomOut
    connection: ConnectionOut
    you: Author
    members: list[Author]


class Nothing(Closed):
    pass


class Pong(Closed):
    heads: dict[str, int]
    time: str
    """The server's, RFC 3339."""
