"""The rows that a command is given: the caller's own, whatever its permission let through. They block."""

import uuid
from typing import Any

from bridge.errors import BridgeError, Code
from bridge.live.sessions import Session
from bridge.models import Connection, Contact, Message, Participant


def participant(session: Session, payload: Any) -> Participant:
    """The caller in the conversation that the payload names, else in the one that he has open.

    He is looked up among his own: whatever the permission let through, another's is not found.
    """
    named = getattr(payload, "connection", None) or getattr(payload, "room", None)
    target = session.connections.get(str(named)) if named else None
    mine = Participant.objects.filter(visitor=session.who).select_related("connection__inbox")
    if target is not None:
        found = mine.filter(pk__in=[target.participant])
    elif isinstance(named, uuid.UUID):
        found = mine.filter(
            connection__visitor=session.who, connection__uid=named, connection__inbox=session.start.inbox
        )
    elif named:
        found = mine.none()
    else:
        found = mine.filter(
            connection__visitor=session.who,
            connection__inbox=session.start.inbox,
            connection__state=Connection.State.OPEN,
        )
    me = found.first()
    if me is None:
        raise BridgeError(Code.NOT_FOUND, "You have no such conversation.")
    return me


def connection(participant: Participant) -> Connection:
    return participant.connection


def message(session: Session, payload: Any) -> Message:
    """The message that the payload names, of a conversation that the caller takes part in."""
    his = Message.objects.filter(
        connection__participants__visitor=session.who,
        connection__inbox=session.start.inbox,
        deleted_at__isnull=True,
    )
    found = his.filter(uid=payload.message).select_related("connection__inbox", "author").first()
    room = found is not None and found.connection.kind == Connection.Kind.ROOM
    if found is None or (room and str(found.connection.uid) not in session.rooms):
        raise BridgeError(Code.NOT_FOUND, "There is no such message.")
    return found


def contact(session: Session) -> Contact:
    """The caller's, with the Django user where he is one."""
    his = Contact.objects.filter(visitor=session.who, inbox=session.start.inbox)
    found = his.select_related("user").first()
    if found is None:
        raise BridgeError(Code.NOT_IDENTIFIED, "Please say who you are first.", reason="sign_in")
    return found
