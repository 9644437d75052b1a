"""Who may do what. Each is awaited with the session and the payload, and raises BridgeError to refuse."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from bridge.errors import BridgeError, Code
from bridge.models import Participant
from bridge.sessions import Session
from bridge.speaking import Target

Permission = Callable[[Session, Any], Awaitable[None]]


async def anyone(session: Session, payload: Any) -> None:
    """Also a socket that has not said yet who it is."""


async def identified(session: Session, payload: Any) -> None:
    """A visitor whose session has started."""
    session.who  # noqa: B018  # raises


async def participant(session: Session, payload: Any) -> None:
    """The visitor whose conversation `payload.connection` is; none means the one he opens.

    Another's conversation and one that does not exist get the same answer.
    """
    visitor = session.who
    if payload.connection is None or str(payload.connection) in session.connections:
        return
    found = await session.database.run(_participation, visitor, payload.connection)
    if found is None:
        raise BridgeError(Code.NOT_FOUND, "You have no such conversation.")
    session.know(Target.of(found.connection, found))


def _participation(visitor: UUID, connection: UUID) -> Participant | None:
    mine = Participant.objects.filter(visitor=visitor, connection__visitor=visitor)
    return mine.filter(connection__uid=connection).select_related("connection").first()
