"""Who may do what. Each is awaited with the session and the payload, and raises BridgeError to refuse."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from bridge.chat.speaking import Target
from bridge.errors import BridgeError, Code
from bridge.live.sessions import Session
from bridge.models import Connection, Message, Participant

Permission = Callable[[Session, Any], Awaitable[None]]


async def anyone(session: Session, payload: Any) -> None:
    """Also a socket that has not said yet who it is."""


async def started(session: Session, payload: Any) -> None:
    """A visitor whose session has started, whoever he is."""
    session.who  # noqa: B018  # raises


async def signed_in(session: Session, payload: Any) -> None:
    """A visitor for whom his site vouches: then `session.identity` says who he is."""
    session.who  # noqa: B018  # raises
    if session.identity is None:
        raise BridgeError(Code.NOT_IDENTIFIED, "Please sign in first.", reason="sign_in")


async def participant(session: Session, payload: Any) -> None:
    """The visitor whose conversation `payload.connection` is; none, or no such field, means the one he writes in.

    A room is his on the socket on which he joined it, and on no other. Another's conversation, one of another inbox,
    from which he may be blocked, and one that does not exist get the same answer.
    """
    visitor = session.who
    named = getattr(payload, "connection", None)
    if named is None or str(named) in session.connections:
        return
    found = await session.database.run(_participation, visitor, named, session.start.inbox)
    if found is None:
        raise BridgeError(Code.NOT_FOUND, "You have no such conversation.")
    session.know(Target.of(found.connection, found))


async def author(session: Session, payload: Any) -> None:
    """The visitor who wrote `payload.message`, found through his own conversations only.

    A message of another conversation and one that does not exist get the same answer; what somebody else wrote in
    his own is not his to change. Whether it still may be changed its action decides, once nothing can come between.
    """
    written_by, room = await session.database.run(
        _author_of, session.who, payload.message, session.start.inbox
    )
    if written_by is None or (room and room not in session.rooms):
        raise BridgeError(Code.NOT_FOUND, "There is no such message.")
    if written_by != session.who:
        raise BridgeError(Code.NOT_PERMITTED, "Only who wrote a message can change it.")


async def message_participant(session: Session, payload: Any) -> None:
    """A visitor who takes part in the conversation of `payload.message`: where it is a room, on this socket."""
    found, room = await session.database.run(_takes_part, session.who, payload.message, session.start.inbox)
    if not found or (room and room not in session.rooms):
        raise BridgeError(Code.NOT_FOUND, "You have no such message.")


def _takes_part(visitor: UUID, message: UUID, inbox: int) -> tuple[bool, str]:
    """Whether he does, and the uid of the room, where it is one."""
    his = Participant.objects.filter(
        visitor=visitor, connection__inbox=inbox, connection__messages__uid=message
    )
    for kind, uid in his.values_list("connection__kind", "connection__uid"):
        return True, str(uid) if kind == Connection.Kind.ROOM else ""
    return False, ""


async def owner(session: Session, payload: Any) -> None:
    """The visitor whose private conversation it is: a room is nobody's to close."""
    await participant(session, payload)
    if str(payload.connection) in session.rooms:
        raise BridgeError(Code.NOT_PERMITTED, "Only staff may do this to a room.")


async def member(session: Session, payload: Any) -> None:
    """Who has joined the room, on this socket. A room that he may not see answers as one that does not exist."""
    session.who  # noqa: B018  # raises
    if payload.room not in session.rooms:
        raise BridgeError(Code.NOT_FOUND, "You are in no such room.")


NEEDS: dict[Permission, str] = {
    owner: "connection",
    author: "message",
    message_participant: "message",
    member: "room",
}
"""The field of the payload that says what each asks about."""


def _participation(visitor: UUID, connection: UUID, inbox: int) -> Participant | None:
    mine = Participant.objects.filter(visitor=visitor, connection__visitor=visitor)
    return (
        mine.filter(connection__uid=connection, connection__inbox=inbox).select_related("connection").first()
    )


NOBODY = UUID(int=0)
"""Who writes what no visitor wrote."""


def _author_of(visitor: UUID, message: UUID, inbox: int) -> tuple[UUID | None, str]:
    """Who wrote it, None where the visitor can know of no such message; and the uid of the room that it is in."""
    mine = Message.objects.filter(
        uid=message,
        # A line that says what happened is nobody's to change, also where its author is who did it.
        kind=Message.Kind.MESSAGE,
        deleted_at__isnull=True,
        connection__inbox=inbox,
        connection__participants__visitor=visitor,
    )
    for written_by, kind, uid in mine.values_list("author__visitor", "connection__kind", "connection__uid"):
        return written_by or NOBODY, str(uid) if kind == Connection.Kind.ROOM else ""
    return None, ""
