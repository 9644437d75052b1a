"""The wire protocol, version 1: commands in, replies and events out.

What comes in are closed pydantic models, validated once at the edge. What goes out are TypedDicts: they cost
nothing to build, and the same JSON Schema is generated from both (`manage.py protocol_schema`).
"""

import re
import unicodedata
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired

import orjson
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    with_config,
)
from typing_extensions import TypedDict  # pydantic refuses typing's own before Python 3.12

from bridge import emojis
from bridge.errors import BridgeError, Code
from bridge.lookalikes import UNSEEN

VERSION = 1
SUBPROTOCOL = "chatbridge.v1"
MAX_FRAME = 64 * 1024
"""Bytes in one frame from a client."""
MAX_ID = 64
"""Characters in a command's id."""
MAX_CONTENT = 4000
"""Characters in one message. Discord takes 2,000; longer ones are split there."""
MAX_NICK = 32
MAX_ATTACHMENTS = 10
"""Files in one message, as in Discord."""
MAX_PAGE = 100
MAX_MEMBERS = 200
"""Members of a room in one list; their number is told besides."""
SYNC_LIMIT = 300
"""A client that is further behind than this many revisions gets `reset` and the newest page."""

CLOSE_PROTOCOL = 4400
CLOSE_NO_SESSION = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_HEARTBEAT = 4408
CLOSE_FLOODING = 4429
CLOSE_RESTARTING = 1012
CLOSE_TRY_LATER = 1013

# C0 and C1 controls except tab and newline, and the two overrides that make text read as what it is not.
# NUL above all: PostgreSQL refuses it where SQLite takes it.
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e]")
_INVISIBLE = frozenset({"Cf", "Cc", "Zs", "Zl", "Zp", "Mn"})


def without_controls(text: str) -> str:
    """For what comes in where nobody can be told that it is refused."""
    return _REFUSED.sub("", text)


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen."""
    return all(unicodedata.category(char) in _INVISIBLE for char in text)


def _plain(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if found := _REFUSED.search(text):
        raise ValueError(f"the character U+{ord(found[0]):04X} is not allowed")
    return text


def clean_content(text: str) -> str:
    """As it is stored. Raises ValueError where it says nothing, or has what no text may have."""
    text = _plain(text)
    if not text or (not text.isascii() and is_blank(text)):
        raise ValueError("the message is empty")
    return text


def _nick(text: str) -> str:
    text = " ".join(_plain(text).split())
    if not text or is_blank(text):
        raise ValueError("the nick is empty")
    if any(unicodedata.category(char) == "Cf" for char in text) or UNSEEN.search(text.replace("\ufe0f", "")):
        raise ValueError("the nick has an invisible character")
    return text


def as_nick(name: str) -> str | None:
    """What somebody is called elsewhere as a nick here; None where it can be none."""
    try:
        return _nick(" ".join(name.split())[:MAX_NICK].strip())
    except ValueError:
        return None


def _emoji(text: str) -> str:
    found = emojis.full(text) or (text if emojis.is_custom(text) else None)
    if found is None:
        raise ValueError("this is no emoji")
    return found


def _email(text: str) -> str:
    if text:
        try:
            validate_email(text)
        except ValidationError:
            raise ValueError("this is no mail address") from None
    return text


# Longer content is refused as `too_large` by its command, so that the page can say by how much.
Content = Annotated[str, Field(max_length=MAX_FRAME), AfterValidator(clean_content)]
Nick = Annotated[str, Field(max_length=MAX_NICK), AfterValidator(_nick)]
Line = Annotated[str, AfterValidator(_plain)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_plain), AfterValidator(_email)]
"""A mail address, or empty."""
Name = Annotated[
    str, Field(max_length=80), AfterValidator(_plain), AfterValidator(lambda text: " ".join(text.split()))
]
"""What somebody is called; or empty."""
Seq = Annotated[int, Field(ge=0, le=2**53)]
Emoji = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_emoji)]


# JSON has no UUIDs: this one field type takes text. Everything else is exactly what it says.
Uuid = Annotated[uuid.UUID, Field(strict=False)]


class Payload(BaseModel):
    """What a command carries. Unknown fields are refused, and so is "5" where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Frame(Payload):
    """A command as it comes in; its payload is validated by the command's own model."""

    command: str = Field(max_length=64)
    id: str = Field(max_length=MAX_ID)
    payload: dict[str, Any] = Field(default_factory=dict)


class NoPayload(Payload):
    """Of a command whose function takes none."""


class Page(Payload):
    """The page the visitor is on, for the card that staff see."""

    url: Annotated[Line, Field(max_length=1000)] = ""
    title: Annotated[Line, Field(max_length=200)] = ""
    referrer: Annotated[Line, Field(max_length=1000)] = ""


class SessionStart(Payload):
    inbox: Annotated[Line, Field(max_length=50)] = "default"
    token: str | None = Field(default=None, max_length=512)
    identity: str | None = Field(default=None, max_length=4096)
    """A JWT by which a site vouches for its user."""
    nick: Nick | None = None
    locale: Annotated[Line, Field(max_length=35)] = ""
    page: Annotated[Page, Field(strict=False)] = Page()


class ContactSet(Payload):
    """What the visitor says of himself; what is left out stays as it is, an empty text takes it back."""

    name: Name | None = None
    email: Email | None = None


class Written(Payload):
    """A message as its writer gives it, wherever it goes."""

    client_id: Uuid
    attachments: list[Uuid] = Field(default_factory=list, max_length=MAX_ATTACHMENTS)
    """The `uid` of files that the visitor uploaded."""
    content: Annotated[Line, Field(max_length=MAX_FRAME)] = Field(default="", validate_default=True)
    """Empty only beside attachments."""
    reply_to: Uuid | None = None
    """The uid of the message that this one answers, of the same conversation."""

    @field_validator("content")
    @classmethod
    def _says_something(cls, content: str, info: ValidationInfo) -> str:
        if not content or (not content.isascii() and is_blank(content)):
            # Attachments that are wrong have been refused by themselves.
            if not info.data.get("attachments", True):
                raise ValueError("the message is empty")
            return ""
        return content


class MessageSend(Written):
    connection: Uuid | None = None


class MessageEdit(Payload):
    message: Uuid
    content: Content


class MessageDelete(Payload):
    message: Uuid


class MessageRetry(Payload):
    message: Uuid


class ReactionChange(Payload):
    message: Uuid
    emoji: Emoji


class HistoryPage(Payload):
    connection: Uuid
    before: Seq | None = None
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


class ConnectionSync(Payload):
    connection: Uuid
    since: Seq


class ConnectionClose(Payload):
    connection: Uuid


class TypingStart(Payload):
    connection: Uuid


class ReceiptRead(Payload):
    connection: Uuid
    seq: Seq


class NickSet(Payload):
    nick: Nick
    connection: Uuid | None = None


RoomName = Annotated[Line, Field(min_length=1, max_length=50)]
"""A room's slug or uid."""


class RoomList(Payload):
    pass


class RoomJoin(Payload):
    room: RoomName
    key: str = Field(default="", max_length=64)
    """The unguessable part of a link room's address."""
    nick: Nick | None = None


class RoomLeave(Payload):
    room: RoomName


class RoomMembers(Payload):
    room: RoomName


class Ping(Payload):
    pass


@with_config(ConfigDict(extra="forbid"))
class Closed(TypedDict):
    """Base of what goes out: no field but those declared."""


class Author(Closed):
    id: str
    name: str
    role: Literal["visitor", "staff", "system"]
    service: str
    avatar: str
    colour: str
    """“#rrggbb”, of his role over there; else empty."""


class Quote(Closed):
    """The message that is answered, as it was when this was sent out."""

    uid: str
    seq: int
    name: str
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
    """The characters, or `name:id` of a Discord server's own, `a:name:id` where it moves."""
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


class ConnectionOut(Closed):
    uid: str
    kind: Literal["private", "room"]
    state: Literal["open", "closed"]
    revision: int
    participant: str
    """The reader's own `author.id` here."""
    read_seq: int


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


class SessionStarted(Closed):
    visitor: str
    token: str
    nick: str
    contact: ContactOut
    connection: ConnectionOut | None
    messages: list[MessageOut]
    has_more: bool
    staff_online: bool
    inbox: InboxOut


class MessageSent(Closed):
    message: MessageOut


class MessageChanged(Closed):
    message: MessageOut


class HistoryRead(Closed):
    messages: list[MessageOut]
    has_more: bool


class ConnectionSynced(Closed):
    connection: ConnectionOut
    messages: list[MessageOut]
    revision: int
    has_more: bool
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


class RoomJoined(Closed):
    room: RoomOut
    connection: ConnectionOut
    you: Author
    messages: list[MessageOut]
    has_more: bool
    members: list[Author]


class Nothing(Closed):
    pass


class Pong(Closed):
    heads: dict[str, int]


class MessagesPayload(Closed):
    messages: list[MessageOut]


class ReactionsPayload(MessagesPayload):
    participant: str | None
    """Whose reaction it is; null where staff's were cleared."""
    emoji: str | None
    """Null where all were cleared."""
    added: bool


class ConnectionState(Closed):
    """What everybody in a connection may know of it; replies add what is personal."""

    uid: str
    kind: Literal["private", "room"]
    state: Literal["open", "closed"]


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
    """Who came within the last moment, several in one event."""

    participants: list[Author]
    """At most 50 of them; `more` says how many others came."""
    more: int
    online: int


class LeftPayload(Closed):
    participants: list[str]
    """Their `author.id`s."""
    clean: bool
    """They went; else they were lost: a cut line, a crash."""
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
"""What each event carries. Those of a connection's state cover revisions; typing and presence do not."""


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
"""Events that change nothing a sync would bring: they cover no revisions."""


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_frame(
    event: str,
    payload: Any,
    *,
    connection: str | None = None,
    since: int | None = None,
    revision: int | None = None,
) -> bytes:
    """An event, serialised once for everybody who may see it."""
    frame: dict[str, Any] = {"event": event, "payload": payload}
    if connection is not None:
        frame["connection"] = connection
    if revision is not None:
        frame |= {"since": since, "revision": revision}
    return orjson.dumps(frame)


def reply_frame(command_id: str | None, payload: Any, *, warning: str = "") -> bytes:
    frame = {"reply": command_id, "ok": True, "payload": payload}
    if warning:
        frame["warning"] = warning
    return orjson.dumps(frame)


def error_frame(command_id: str | None, error: BridgeError) -> bytes:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details:
        body["details"] = error.details
    return orjson.dumps({"reply": command_id, "ok": False, "error": body})


def too_long(content: str) -> BridgeError:
    return BridgeError(
        Code.TOO_LARGE,
        f"The message has {len(content):,} characters; {MAX_CONTENT:,} are allowed.",
        length=len(content),
        limit=MAX_CONTENT,
    )


def muted(until: datetime) -> BridgeError:
    return BridgeError(Code.NOT_PERMITTED, "You may not write here for now.", muted_until=rfc3339(until))
