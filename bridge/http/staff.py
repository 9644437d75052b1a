"""The operations of staff in the HTTP API."""

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from bridge import protocol
from bridge.chat import actions, browsing, history
from bridge.chat.actions import Post
from bridge.chat.actions.authors import user_in
from bridge.chat.browsing import BY_ACTIVITY
from bridge.chat.speaking import Target
from bridge.errors import BridgeError, Code
from bridge.http.operations import Operation, RequestSession, entry, older
from bridge.http.staff_payloads import (
    StaffConnectionChanged,
    StaffConnectionList,
    StaffConnectionOnly,
    StaffConnectionRead,
    StaffConnectionsListed,
    StaffMessages,
    StaffMessageSend,
    shown,
)
from bridge.http.staff_permissions import may
from bridge.live.worker import Worker
from bridge.models import WEB, Connection, Participant
from bridge.protocol.frames import too_long
from bridge.protocol.outgoing import MessageSent

LOOK = may("view_connection", "view_message")
WRITE = may("view_connection", "view_message", "add_message")
CHANGE = may("view_connection", "change_connection")


@entry("staff.connections", permission=LOOK, throttle="read")
async def list_connections(session: RequestSession, payload: StaffConnectionList) -> StaffConnectionsListed:
    page = await session.database.run(
        browsing.conversations,
        inbox=payload.inbox or "",
        state=payload.state or "",
        kind=payload.kind or "",
        before=BY_ACTIVITY.parse(payload.before) if payload.before else None,
        limit=payload.limit,
    )
    return {"connections": [shown(row) for row in page.rows], "place": str(page.next) if page.next else None}


@entry("staff.connection", permission=LOOK, throttle="read")
async def read_connection(session: RequestSession, payload: StaffMessages) -> StaffConnectionRead:
    def read() -> StaffConnectionRead:
        row = _connection(payload.connection)
        users = Participant.objects.filter(connection=row, service=WEB, remote_id=f"user:{session.user.pk}")
        page = history.page(Target.of(row, users.first()), before=payload.before, limit=payload.limit)
        return {"connection": shown(row), "messages": page["messages"], "has_more": page["has_more"]}

    return await session.database.run(read)


@entry("staff.send", permission=WRITE, throttle="message")
async def send(session: RequestSession, payload: StaffMessageSend) -> MessageSent:
    """Send a message to the visitor's page and every service, under the user's name."""
    if len(payload.content) > protocol.MAX_CONTENT:
        raise too_long(payload.content)

    def target() -> Target:
        row = _connection(payload.connection)
        return Target.of(row, user_in(row, session.user))

    post = Post(
        target=await session.database.run(target),
        content=payload.content,
        client_id=payload.client_id,
        reply_to=payload.reply_to,
    )
    posted = await Worker.current().writer.post(post)
    message = posted.message.copy()
    message["own"] = True
    return {"message": message}


@entry("staff.close", permission=CHANGE, throttle="change")
async def close(session: RequestSession, payload: StaffConnectionOnly) -> StaffConnectionChanged:
    return await session.database.run(_change, session, payload.connection, open_it=False)


@entry("staff.reopen", permission=CHANGE, throttle="change")
async def reopen(session: RequestSession, payload: StaffConnectionOnly) -> StaffConnectionChanged:
    return await session.database.run(_change, session, payload.connection, open_it=True)


def _change(session: RequestSession, uid: uuid.UUID, *, open_it: bool) -> StaffConnectionChanged:
    row = _connection(uid)
    change = actions.reopen_connection if open_it else actions.close_connection
    if row.is_open != open_it:
        change(row, by=user_in(row, session.user))
    row.refresh_from_db()
    if row.is_open != open_it:
        raise BridgeError(Code.CONFLICT, "The visitor has already begun a newer conversation.")
    return {"connection": shown(row)}


def _connection(uid: uuid.UUID) -> Connection:
    row = Connection.objects.select_related("inbox").filter(uid=uid).first()
    if row is None:
        raise BridgeError(Code.NOT_FOUND, "This conversation does not exist.")
    return row


def _further(reply: Any) -> Mapping[str, Any] | None:
    return {"before": reply["place"]} if reply["place"] else None


def operations() -> list[Operation]:
    path, one = "staff/connections", "staff/connections/{connection}"
    staff = partial(Operation, caller="staff")
    return [
        staff("GET", path, list_connections, "List conversations, latest activity first", next_page=_further),
        staff("GET", one, read_connection, "Get a conversation and a page of its messages", next_page=older),
        staff("POST", f"{one}/messages", send, "Answer under your own name", status=201),
        staff("POST", f"{one}/close", close, "Close a conversation"),
        staff("POST", f"{one}/reopen", reopen, "Reopen a conversation"),
    ]
