"""Decides which conversations and messages a visitor can see, for permissions, loaders, actions and downloads.

All others are refused as if they did not exist.
"""

import uuid
from collections.abc import Collection
from typing import NamedTuple

from bridge.errors import BridgeError, Code
from bridge.models import Connection, Message, Participant


class Viewer(NamedTuple):
    """A visitor in one inbox."""

    visitor: uuid.UUID
    inbox: int
    rooms: Collection[str] | None
    """The uids of the rooms that they are in now. None: all rooms that they ever joined."""

    def sees(self, connection: Connection) -> bool:
        """Whether they see this conversation of theirs: a private one in this inbox, or a room that they are in."""
        if connection.inbox_id != self.inbox:
            return False
        if connection.kind == Connection.Kind.ROOM:
            return self.rooms is None or str(connection.uid) in self.rooms
        return connection.visitor == self.visitor


def find_participant(viewer: Viewer, uid: uuid.UUID | None) -> Participant | None:
    """The visitor's participant in the conversation `uid`, by default in their open one."""
    rows = Participant.objects.filter(visitor=viewer.visitor).select_related("connection__inbox")
    if uid is not None:
        rows = rows.filter(connection__uid=uid)
    else:
        rows = rows.filter(
            connection__visitor=viewer.visitor,
            connection__inbox=viewer.inbox,
            connection__state=Connection.State.OPEN,
        )
    # Without an order: with one, a planner might use the index of the primary key.
    return next((row for row in rows[:1] if viewer.sees(row.connection)), None)


def participant_for(viewer: Viewer, uid: uuid.UUID | None) -> Participant:
    """Like `find_participant`, but raises BridgeError (`not_found`) if there is none."""
    participant = find_participant(viewer, uid)
    if participant is None:
        raise BridgeError(Code.NOT_FOUND, "You have no such conversation.")
    return participant


def message_for(viewer: Viewer, uid: uuid.UUID, *, own: bool = False, lock: bool = False) -> Message:
    """The message, if the visitor may read it; with `own`, if they wrote it.

    `lock` takes the lock of its connection first, within a transaction, so that the answer is still true when the
    caller changes the message.

    Raises BridgeError: `not_found`, also for a deleted message; `not_permitted` if somebody else wrote it.
    """
    message = _readable(viewer, uid)
    if lock:
        Connection.objects.lock(message.connection_id)
        message = _readable(viewer, uid)
    if own and message.kind != Message.Kind.MESSAGE:
        # Nobody can change a notice of an event, not even its author.
        raise no_such_message()
    if own and (message.author is None or message.author.visitor != viewer.visitor):
        raise BridgeError(Code.NOT_PERMITTED, "Only the author of a message can change it.")
    return message


def _readable(viewer: Viewer, uid: uuid.UUID) -> Message:
    rows = Message.objects.filter(
        uid=uid, deleted_at__isnull=True, connection__participants__visitor=viewer.visitor
    )
    message = rows.select_related("connection__inbox", "author__connection").first()
    if message is None or not viewer.sees(message.connection):
        raise no_such_message()
    return message


def no_such_answered(uid: uuid.UUID) -> BridgeError:
    """The same error for a message of another conversation and for one that does not exist."""
    return BridgeError(Code.NOT_FOUND, "The message that you reply to does not exist.", reply_to=str(uid))


def no_such_message() -> BridgeError:
    return BridgeError(Code.NOT_FOUND, "This message does not exist.")
