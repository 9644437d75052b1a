"""The payloads of staff's requests and replies."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from bridge.chat.browsing import BY_ACTIVITY
from bridge.http.visitors import InboxName
from bridge.models import Connection
from bridge.protocol import MAX_PAGE
from bridge.protocol.frames import rfc3339
from bridge.protocol.outgoing import Closed, MessageOut
from bridge.protocol.values import Content, Payload, Seq, Uuid


def _place(text: str) -> str:
    BY_ACTIVITY.parse(text)
    return text


class StaffConnectionList(Payload):
    inbox: InboxName | None = None
    state: Literal["open", "closed"] | None = None
    kind: Literal["private", "room"] | None = None
    before: Annotated[str, Field(pattern=r"^\d{1,17}-\d{1,18}$"), AfterValidator(_place)] | None = None
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


class StaffConnectionOnly(Payload):
    connection: Uuid


class StaffMessages(StaffConnectionOnly):
    before: Seq | None = None
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


class StaffMessageSend(StaffConnectionOnly):
    client_id: Uuid
    content: Content
    reply_to: Uuid | None = None


class StaffConnection(Closed):
    """A conversation as staff see it."""

    uid: str
    code: str
    inbox: str
    kind: Literal["private", "room"]
    state: Literal["open", "closed"]
    name: Annotated[
        str, Field(description="The visitor's name in a private conversation; the name of a room.")
    ]
    revision: int
    messages: int
    page_url: str
    page_title: str
    referrer: str
    locale: str
    user_agent: str
    properties: dict[str, Any]
    created_at: str
    active_at: str
    closed_at: str | None


class StaffConnectionsListed(Closed):
    connections: list[StaffConnection]
    place: Annotated[
        str | None,
        Field(description="Where the next page begins. A page can be short or empty without being the last."),
    ]


class StaffConnectionRead(Closed):
    connection: StaffConnection
    messages: list[MessageOut]
    has_more: bool


class StaffConnectionChanged(Closed):
    connection: StaffConnection


def shown(row: Connection) -> StaffConnection:
    return {
        "uid": str(row.uid),
        "code": row.code,
        "inbox": row.inbox.name,
        "kind": row.kind,  # type: ignore[typeddict-item]  # the column's choices are these
        "state": row.state,  # type: ignore[typeddict-item]
        "name": row.name or row.nick,
        "revision": row.revision,
        "messages": row.last_seq,
        "page_url": row.page_url,
        "page_title": row.page_title,
        "referrer": row.referrer,
        "locale": row.locale,
        "user_agent": row.user_agent,
        "properties": row.properties,
        "created_at": rfc3339(row.created_at),
        "active_at": rfc3339(row.active_at),
        "closed_at": rfc3339(row.closed_at) if row.closed_at else None,
    }
