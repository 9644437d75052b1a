"""The permissions of visitors' requests, checked for each request: nothing is stored between two."""

import uuid
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from bridge.chat.access import find_participant, message_for, participant_for
from bridge.chat.actions import find_room
from bridge.chat.actions.rooms import lets_in
from bridge.chat.moderation import Moderation
from bridge.chat.speaking import Opening, Target
from bridge.errors import BridgeError, Code
from bridge.http.operations import Parameters, RequestSession
from bridge.identity.entrance import admit
from bridge.live.worker import Worker
from bridge.models import Connection, Inbox
from bridge.protocol.values import Line, as_nick
from bridge.text.nicks import nick_for

InboxName = Annotated[Line, Field(min_length=1, max_length=50)]
Key = Annotated[Line, Field(max_length=64)]
IN_INBOX: Parameters = {"inbox": (TypeAdapter(InboxName), "default", "The name of the inbox.")}
IN_ROOM: Parameters = {**IN_INBOX, "key": (TypeAdapter(Key), "", "The key of a room by link.")}


async def visitor(session: RequestSession, payload: Any) -> None:
    """The token's visitor, if this inbox admits them."""
    inbox = await session.database.run(_come_in, session, Worker.current().moderation)
    named = as_nick(session.identity.name) if session.identity else None
    session.opening = Opening(
        inbox=inbox.pk,
        visitor=session.who,
        nick=named or nick_for(session.who),
        user_agent=session.handshake.user_agent,
    )


async def visitor_at_message(session: RequestSession, payload: Any) -> None:
    """The same, and in the message's room, if they have joined it and may still see it."""
    await visitor(session, payload)
    target = await session.database.run(_room_of, session, payload.message)
    if target is not None:
        session.enter(target)


async def visitor_in_room(session: RequestSession, payload: Any) -> None:
    """The same, and in a room that they have joined. Each request checks again whether they may still see it."""
    await visitor(session, payload)
    session.enter(await session.database.run(_joined, session, payload.room))


def _come_in(session: RequestSession, moderation: Moderation) -> Inbox:
    handshake = session.handshake
    admitted = admit(_given(session, "inbox"), handshake.credentials, handshake)
    caller = admitted.visitor
    session.visitor, session.identity, session.proof = caller.visitor, caller.identity, caller.proof
    if session.request.method not in {"GET", "HEAD"}:
        # In a process without sockets, nothing else refreshes mutes and forbidden words.
        moderation.refresh({admitted.inbox.pk})
    return admitted.inbox


def _room_of(session: RequestSession, uid: uuid.UUID) -> Target | None:
    viewer = session.viewer._replace(rooms=None)
    connection = message_for(viewer, uid).connection
    if connection.kind != Connection.Kind.ROOM or not lets_in(connection, key=_given(session, "key")):
        return None
    return Target.of(connection, participant_for(viewer, connection.uid))


def _joined(session: RequestSession, name: str) -> Target:
    room = find_room(name, inbox=session.start.inbox, key=_given(session, "key"))
    me = find_participant(session.viewer._replace(rooms=None), room.uid)
    if me is None:
        raise BridgeError(Code.NOT_PERMITTED, "Join this room first.")
    return Target.of(room, me)


def _given(session: RequestSession, name: str) -> str:
    adapter, default, _ = IN_ROOM[name]
    try:
        return adapter.validate_python(session.given.get(name, default), strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise BridgeError(Code.INVALID_PAYLOAD, f"{name}: {problem}", fields={name: problem}) from None
