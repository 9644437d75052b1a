"""Loads the rows that commands get: always the caller's own, whatever the permission allows.

These functions block.
"""

from typing import Any

from bridge.chat.access import message_for, participant_for
from bridge.errors import BridgeError, Code
from bridge.live.sessions import Session
from bridge.models import Contact, Message, Participant


def participant(session: Session, payload: Any) -> Participant:
    """The caller in the payload's conversation or room; without one, in their open conversation."""
    uid = getattr(payload, "connection", None) or getattr(payload, "room", None) or None
    if isinstance(uid, str) and uid not in session.connections:
        raise BridgeError(Code.NOT_FOUND, "You have no such conversation.")
    return participant_for(session.viewer, uid)


def message(session: Session, payload: Any) -> Message:
    """The message that the payload names, if the caller can read it."""
    return message_for(session.viewer, payload.message)


def contact(session: Session) -> Contact:
    """The caller's contact, with their Django user if they have one."""
    contacts = Contact.objects.filter(visitor=session.who, inbox=session.start.inbox)
    row = contacts.select_related("user").first()
    if row is None:
        raise BridgeError(Code.NOT_IDENTIFIED, "Please identify yourself first.", reason="sign_in")
    return row
