"""Visitors' commands that only HTTP has: they get from the request what a socket's session would contain."""

import uuid
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from bridge.chat import listing
from bridge.chat.speaking import Target
from bridge.commands.messages import message_send
from bridge.commands.rooms import room_members as members_of
from bridge.commands.session import about_page
from bridge.http.operations import RequestSession, entry
from bridge.identity.revocation import revoke_token
from bridge.live.permissions import started
from bridge.live.registry import Entry
from bridge.live.registry import entries as commands
from bridge.live.worker import Worker
from bridge.protocol import MAX_PAGE
from bridge.protocol.commands import (
    FirstMessage,
    MessageSend,
    NoPayload,
    Page,
    RoomName,
    RoomOnly,
    Written,
)
from bridge.protocol.outgoing import MembersOut, MessageSent, Nothing
from bridge.protocol.values import Line, Nick, Payload, Seq


class MessageOpen(FirstMessage):
    """A visitor's message, and what staff see of them if it opens a conversation."""

    nick: Nick | None = None
    locale: Annotated[Line, Field(max_length=35)] = ""
    page: Annotated[Page, Field(strict=False)] = Page()


class RoomMessages(RoomOnly):
    before: Seq | None = None
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


class RoomChanges(RoomOnly):
    since: Seq


class RoomSend(Written):
    room: RoomName


@entry("session.end", permission=started, throttle="session")
async def end(session: RequestSession, payload: NoPayload) -> Nothing:
    """Revoke the token of the request, and close the sockets that use it."""
    await session.database.run(revoke_token, session.handshake.credentials.token or "")
    return {}


@entry("message.open", permission=started, throttle="message")
async def open_with(session: RequestSession, payload: MessageOpen) -> MessageSent:
    """Write in the visitor's open conversation, or open one."""
    participant = await session.database.run(listing.latest, session.who, inbox=session.start.inbox)
    if payload.nick:
        Worker.current().moderation.check_text(session.start.inbox, payload.nick)
    session.opening = replace(
        session.start,
        nick=payload.nick or (participant.nick if participant else session.start.nick),
        **about_page(session.start.inbox, payload.page, payload.locale),
    )
    if participant and participant.connection.is_open:
        session.know(Target.of(participant.connection, participant))
        session.open_connection = str(participant.connection.uid)
    return await message_send(session, _as(MessageSend, payload))


def _in_room(name: str, command: Entry, model: type[Payload]) -> Entry:
    """A conversation's command for the room of the request: its payload has `room` instead of `connection`."""

    async def function(session: Any, payload: Any) -> Any:
        return await command.call(session, _as(command.payload, payload, connection=_room(session)))

    return replace(command, name=name, function=function, call=function, payload=model, permission=started)


room_messages = _in_room("room.messages", commands["history.page"], RoomMessages)
room_changes = _in_room("room.changes", commands["connection.sync"], RoomChanges)
room_send = _in_room("room.send", commands["message.send"], RoomSend)


@entry("room.members", permission=started, throttle="read")
async def room_members(session: RequestSession, payload: RoomOnly) -> MembersOut:
    return await members_of(session, RoomOnly(room=str(_room(session))))


def _room(session: RequestSession) -> uuid.UUID:
    (uid,) = session.rooms
    return uuid.UUID(uid)


def _as(model: type[Payload], payload: Payload, **more: Any) -> Any:
    """A payload of this model, with the fields that both have. These are already validated."""
    fields = model.model_fields.keys() & type(payload).model_fields
    return model.model_construct(**{name: getattr(payload, name) for name in fields}, **more)
