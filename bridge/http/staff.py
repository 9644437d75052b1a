"""What staff ask for over HTTP: users of this site, each as far as the permissions go that the admin asks for, too."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from pydantic import AfterValidator, Field

from bridge import actions, browsing, history, protocol, staff_tokens
from bridge.actions import Post
from bridge.actions.staffing import staff_in
from bridge.browsing import Place
from bridge.errors import BridgeError, Code
from bridge.history import Reader
from bridge.http.operations import Method, Operation, RequestSession, entry
from bridge.http.visitors import InboxName
from bridge.models import Connection, Participant
from bridge.permissions import Permission
from bridge.process import Process
from bridge.protocol import (
    MAX_PAGE,
    Closed,
    Content,
    MessageOut,
    MessageSent,
    Payload,
    Seq,
    Uuid,
    rfc3339,
)
from bridge.registry import Entry
from bridge.speaking import Target


def _place(text: str) -> str:
    Place.parse(text)
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
    name: Annotated[str, Field(description="Of a private conversation its visitor's, of a room its own.")]
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
        Field(
            description="Where the next page begins: one may be short, or empty, and still not be the last."
        ),
    ]


class StaffConnectionRead(Closed):
    connection: StaffConnection
    messages: list[MessageOut]
    has_more: bool


class StaffConnectionChanged(Closed):
    connection: StaffConnection


def may(*names: str) -> Permission:
    """A user of staff who has these permissions: by this site's login, or by a token of his."""

    async def permission(session: Any, payload: Any) -> None:
        await session.database.run(_admit, session, names)

    return permission


def _admit(session: RequestSession, names: tuple[str, ...]) -> None:
    user = staff_tokens.read(session.bearer) if session.bearer else _logged_in(session)
    if not user.is_active or not user.is_staff or not user.has_perms([f"bridge.{name}" for name in names]):
        raise BridgeError(Code.NOT_PERMITTED, "You may not do this.")
    session.user = user


def _logged_in(session: RequestSession) -> Any:
    user = getattr(session.request, "user", None)
    if user is None or not user.is_authenticated or session.arrival.origin:
        raise BridgeError(Code.NOT_IDENTIFIED, "This takes a login of this site, or a token of staff.")
    if (reason := _CSRF.refusal(session.request)) is not None:
        raise BridgeError(Code.NOT_PERMITTED, f"With a login this takes a CSRF token. {reason}")
    return user


class _Csrf(CsrfViewMiddleware):
    """Django's own check, for the requests that need it: those that come with a cookie."""

    def refusal(self, request: HttpRequest) -> str | None:
        self.process_request(request)
        # It asks of a view only whether that one is exempt.
        return cast(str | None, self.process_view(request, HttpResponse, (), {}))

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


_CSRF = _Csrf(lambda request: HttpResponse())


LOOK = may("view_connection", "view_message")
WRITE = may("view_connection", "view_message", "add_message")
CHANGE = may("view_connection", "change_connection")


@entry("staff.connections", permission=LOOK, throttle="read")
async def list_connections(session: RequestSession, payload: StaffConnectionList) -> StaffConnectionsListed:
    rows, end = await session.database.run(
        browsing.conversations,
        inbox=payload.inbox or "",
        state=payload.state or "",
        kind=payload.kind or "",
        before=Place.parse(payload.before) if payload.before else None,
        limit=payload.limit,
    )
    return {"connections": [shown(row) for row in rows], "place": str(end) if end else None}


@entry("staff.connection", permission=LOOK, throttle="read")
async def read_connection(session: RequestSession, payload: StaffMessages) -> StaffConnectionRead:
    def read() -> StaffConnectionRead:
        row = _connection(payload.connection)
        page = history.page(_reader(session, row), before=payload.before, limit=payload.limit)
        return {"connection": shown(row), "messages": page["messages"], "has_more": page["has_more"]}

    return await session.database.run(read)


@entry("staff.send", permission=WRITE, throttle="message")
async def send(session: RequestSession, payload: StaffMessageSend) -> MessageSent:
    """To the visitor's page and to every service, under the name of the user."""
    if len(payload.content) > protocol.MAX_CONTENT:
        raise protocol.too_long(payload.content)

    def target() -> Target:
        row = _connection(payload.connection)
        name = session.user.get_full_name() or session.user.get_username()
        return Target.of(row, staff_in(row, user=session.user.pk, name=name))

    post = Post(
        target=await session.database.run(target),
        content=payload.content,
        client_id=payload.client_id,
        reply_to=payload.reply_to,
    )
    posted = await Process.current().writer.post(post)
    message = posted.message.copy()
    message["own"] = True
    return {"message": message}


@entry("staff.close", permission=CHANGE, throttle="change")
async def close(session: RequestSession, payload: StaffConnectionOnly) -> StaffConnectionChanged:
    return await session.database.run(_change, payload.connection, open_it=False)


@entry("staff.reopen", permission=CHANGE, throttle="change")
async def reopen(session: RequestSession, payload: StaffConnectionOnly) -> StaffConnectionChanged:
    return await session.database.run(_change, payload.connection, open_it=True)


def _change(uid: uuid.UUID, *, open_it: bool) -> StaffConnectionChanged:
    row = _connection(uid)
    if open_it:
        actions.reopen_connection(row)
    else:
        actions.close_connection(row)
    row.refresh_from_db()
    if row.is_open != open_it:
        raise BridgeError(Code.CONFLICT, "The visitor has begun a newer conversation.")
    return {"connection": shown(row)}


def _connection(uid: uuid.UUID) -> Connection:
    row = Connection.objects.select_related("inbox").filter(uid=uid).first()
    if row is None:
        raise BridgeError(Code.NOT_FOUND, "There is no such conversation.")
    return row


def _reader(session: RequestSession, row: Connection) -> Reader:
    me = Participant.objects.filter(
        connection=row, service="web", remote_id=f"user:{session.user.pk}"
    ).first()
    # Whoever has not written there has nothing of his own.
    return Reader(row.pk, str(row.uid), me.pk if me else 0)


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


def _older(reply: Any) -> Mapping[str, Any] | None:
    return {"before": reply["messages"][0]["seq"]} if reply["has_more"] else None


def _further(reply: Any) -> Mapping[str, Any] | None:
    return {"before": reply["place"]} if reply["place"] else None


def _staffs(method: Method, path: str, of: Entry, summary: str, **more: Any) -> Operation:
    return Operation(
        method=method,
        path=f"staff/connections{path}",
        entry=of,
        summary=summary,
        tag="staff",
        caller="staff",
        **more,
    )


def operations() -> list[Operation]:
    one = "/{connection}"
    return [
        _staffs("GET", "", list_connections, "Conversations, latest activity first", next_page=_further),
        _staffs("GET", one, read_connection, "A conversation and a page of its messages", next_page=_older),
        _staffs("POST", f"{one}/messages", send, "Answer, as oneself", status=201),
        _staffs("POST", f"{one}/close", close, "Close a conversation"),
        _staffs("POST", f"{one}/reopen", reopen, "Open a conversation again"),
    ]
