"""The permissions of commands: each is awaited with session and payload, and raises BridgeError to refuse."""

from collections.abc import Awaitable, Callable
from typing import Any

from bridge.chat.access import message_for, participant_for
from bridge.chat.speaking import Target
from bridge.errors import BridgeError, Code
from bridge.live.sessions import Session

Permission = Callable[[Session, Any], Awaitable[None]]


async def anyone(session: Session, payload: Any) -> None:
    """Anyone, even before `session.start`."""


async def started(session: Session, payload: Any) -> None:
    """Any visitor whose session has started."""
    session.who  # noqa: B018  # raises


async def signed_in(session: Session, payload: Any) -> None:
    """A visitor for whom their site vouches: `session.identity` says who they are."""
    session.who  # noqa: B018  # raises
    if session.identity is None:
        raise BridgeError(Code.NOT_IDENTIFIED, "Please sign in first.", reason="sign_in")


async def participant(session: Session, payload: Any) -> None:
    """The visitor of the conversation `payload.connection`. If that is None or missing, their open conversation.

    They are in a room only on the socket on which they joined it. Another visitor's conversation, one of another inbox
    (from which they may be blocked), and one that does not exist get the same answer.
    """
    session.who  # noqa: B018  # raises
    uid = getattr(payload, "connection", None)
    if uid is None or str(uid) in session.connections:
        return
    me = await session.database.run(participant_for, session.viewer, uid)
    session.know(Target.of(me.connection, me))


async def author(session: Session, payload: Any) -> None:
    """The visitor who wrote `payload.message`. The action checks this again under the lock."""
    await session.database.run(message_for, session.viewer, payload.message, own=True)


async def message_participant(session: Session, payload: Any) -> None:
    """A visitor who can read `payload.message`. In a room, they must have joined it on this socket."""
    await session.database.run(message_for, session.viewer, payload.message)


async def owner(session: Session, payload: Any) -> None:
    """The visitor of the private conversation. Only staff can close a room."""
    await participant(session, payload)
    if str(payload.connection) in session.rooms:
        raise BridgeError(Code.NOT_PERMITTED, "Only staff can do this in a room.")


async def member(session: Session, payload: Any) -> None:
    """A visitor who joined the room on this socket. A room that they cannot see gets the answer of a missing one."""
    session.who  # noqa: B018  # raises
    if payload.room not in session.rooms:
        raise BridgeError(Code.NOT_FOUND, "You are not in this room.")


NEEDS: dict[Permission, str] = {
    owner: "connection",
    author: "message",
    message_participant: "message",
    member: "room",
}
"""The field of the payload that each permission needs."""
