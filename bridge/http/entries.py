"""What visitors ask for over HTTP that is no command of the socket: there a session knows it already."""

import uuid
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from bridge.chat import listing
from bridge.chat.speaking import Target
from bridge.commands.conversations import connection_sync, history_page
from bridge.commands.messages import message_send
from bridge.commands.rooms import room_members as members_of
from bridge.commands.session import about_page
from bridge.http.operations import RequestSession, entry
from bridge.identity.revocation import revoke_token
from bridge.live.permissions import started
from bridge.live.worker import Worker
from bridge.protocol import MAX_PAGE
from bridge.protocol.commands import (
    ConnectionSync,
    FirstMessage,
    HistoryPage,
    MessageSend,
    NoPayload,
    Page,
    RoomMembers,
    RoomName,
    Written,
)
from bridge.protocol.outgoing import ConnectionSynced, HistoryRead, MembersOut, MessageSent, Nothing
from bridge.protocol.values import Line, Nick, Payload, Seq


class MessageOpen(FirstMessage):
    """What a visitor writes, and what staff see of him if a conversation is opened with it."""

    nick: Nick | None = None
    locale: Annotated[Line, Field(max_length=35)] = ""
    page: Annotated[Page, Field(strict=False)] = Page()


class RoomMessages(Payload):
    room: RoomName
    before: Seq | None = None
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


class RoomChanges(Payload):
    room: RoomName
    since: Seq


class RoomOnly(Payload):
    room: RoomName


class RoomSend(Written):
    room: RoomName


@entry("session.end", permission=started, throttle="session")
async def end(session: RequestSession, payload: NoPayload) -> Nothing:
    """The token that came with the request counts no more, and the sockets that rest on it end."""
    await session.database.run(revoke_token, session.handshake.credentials.token or "")
    return {}


@entry("message.open", permission=started, throttle="message")
async def open_with(session: RequestSession, payload: MessageOpen) -> MessageSent:
    """To his open conversation; where there is none, one is opened with it."""
    mine = await session.database.run(listing.latest, session.who, inbox=session.start.inbox)
    if payload.nick:
        Worker.current().moderation.check_text(session.start.inbox, payload.nick)
    session.opening = replace(
        session.start,
        nick=payload.nick or (mine.nick if mine else session.start.nick),
        **about_page(session.start.inbox, payload.page, payload.locale),
    )
    if mine and mine.connection.is_open:
        session.know(Target.of(mine.connection, mine))
        session.open_connection = str(mine.connection.uid)
    return await message_send(session, _sent(payload).model_copy(update={"proof": payload.proof}))


@entry("room.messages", permission=started, throttle="read")
async def room_messages(session: RequestSession, payload: RoomMessages) -> HistoryRead:
    asked = HistoryPage(connection=_room(session), before=payload.before, limit=payload.limit)
    return await history_page(session, asked)


@entry("room.changes", permission=started, throttle="read")
async def room_changes(session: RequestSession, payload: RoomChanges) -> ConnectionSynced:
    return await connection_sync(session, ConnectionSync(connection=_room(session), since=payload.since))


@entry("room.send", permission=started, throttle="message")
async def room_send(session: RequestSession, payload: RoomSend) -> MessageSent:
    return await message_send(session, _sent(payload, connection=_room(session)))


@entry("room.members", permission=started, throttle="read")
async def room_members(session: RequestSession, payload: RoomOnly) -> MembersOut:
    return await members_of(session, RoomMembers(room=str(_room(session))))


def _room(session: RequestSession) -> uuid.UUID:
    """The one that the request is about, which its visitor has been let into."""
    (uid,) = session.rooms
    return uuid.UUID(uid)


def _sent(written: Written, connection: uuid.UUID | None = None) -> MessageSend:
    """Validated already."""
    fields = {name: getattr(written, name) for name in Written.model_fields}
    return MessageSend.model_construct(**fields, connection=connection)
