"""The contents of replies and events: TypedDicts, which cost nothing to build."""

from typing import Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict


@with_config(ConfigDict(extra="forbid"))
class Closed(TypedDict):
    """Base class of everything outgoing. No other fields than those declared are allowed."""


class Author(Closed):
    id: str
    name: str
    role: Literal["visitor", "staff"]
    service: str
    avatar: str
    colour: str
    """“#rrggbb”, the colour of their role in their service; otherwise empty."""


class Quote(Closed):
    """The message that is answered, as it was when this frame was sent."""

    uid: str
    seq: int
    name: str
    role: str
    """The role of its author: `visitor` or `staff`; empty if it has no author."""
    content: str
    """Its beginning, at most 200 characters; empty if it was deleted or contains only files."""
    deleted: bool


class AttachmentOut(Closed):
    uid: str
    name: str
    state: Literal["stored", "pending", "remote"]
    """`pending`: it is being copied from the service it was sent in; `remote`: only that service has it."""
    url: str
    """Our own address, which opens only for those who may read the conversation. Empty while `pending`; the
    service's address if `remote`."""
    thumbnail: str
    """The address of a small version of an image; otherwise empty."""
    content_type: str
    size: int
    """In bytes."""
    width: int | None
    height: int | None


class ReactionOut(Closed):
    emoji: str
    """The characters, or `name:id` for a custom emoji and `a:name:id` for an animated one."""
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
    """What everyone in a connection may know about it. Replies add what is personal."""

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
    """The beginning of its first text, at most 200 characters; empty if it contains only files."""
    unread: int
    """Messages of others after the visitor's read position; at most 100 are counted."""
    created_at: str
    active_at: str


class ConnectionsListed(Closed):
    connections: list[ListedConnection]
    has_more: bool


class Earlier(Closed):
    """The visitor's conversations that have ended, without the one that the session continues."""

    connections: int
    """At most 100 are counted."""
    unread: int
    """Messages of others in them that the visitor has not read; only the twenty conversations used last count."""


class InboxOut(Closed):
    name: str
    title: str
    greeting: str
    edit_window: int
    """Seconds during which visitors can edit and delete their messages. 0: never."""
    max_upload: int
    """Maximum size of a file in bytes. 0: files are not accepted."""
    upload_types: list[str]
    """Media types, such as `image/*`."""
    email_after: int
    """Minutes after which an unread answer is sent to the visitor's e-mail address. 0: never."""


class ContactOut(Closed):
    """What is known about the visitor."""

    name: str
    email: str
    identified: bool
    """Whether their site vouches for them."""


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
    """Minimum seconds between two messages of one visitor."""
    online: int


class RoomsListed(Closed):
    rooms: list[RoomOut]


class MembersOut(Closed):
    """Visitors who are in the room now, by name; at most MAX_MEMBERS of them."""

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
