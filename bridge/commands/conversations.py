"""Reading a conversation, and what a visitor does there without saying anything."""

import uuid

from bridge import actions, broadcast, history
from bridge.errors import BridgeError, Code
from bridge.groups import CommandGroup
from bridge.history import Reader
from bridge.models import Connection
from bridge.permissions import owner, participant
from bridge.protocol import (
    ConnectionChanged,
    ConnectionClose,
    ConnectionSync,
    ConnectionSynced,
    HistoryPage,
    HistoryRead,
    Nothing,
    ReceiptRead,
    TypingStart,
    event_frame,
)
from bridge.sessions import Session

history_group = CommandGroup("history")
connection = CommandGroup("connection")
typing = CommandGroup("typing")
receipt = CommandGroup("receipt")


def reader_of(session: Session, connection: uuid.UUID) -> Reader:
    """The visitor's eyes in a conversation that his permission was checked for."""
    target = session.connections[str(connection)]
    if target.participant is None:
        raise BridgeError(Code.NOT_FOUND, "You have no such conversation.")
    return Reader(target.connection, target.uid, target.participant)


@history_group.command("page", permission=participant, throttle="read")
async def history_page(session: Session, payload: HistoryPage) -> HistoryRead:
    reader = reader_of(session, payload.connection)
    return await session.database.run(history.page, reader, before=payload.before, limit=payload.limit)


@connection.command("sync", permission=participant, throttle="read")
async def connection_sync(session: Session, payload: ConnectionSync) -> ConnectionSynced:
    reader = reader_of(session, payload.connection)
    return await session.database.run(history.sync, reader, since=payload.since)


@connection.command("close", permission=owner, throttle="change")
async def connection_close(session: Session, payload: ConnectionClose) -> ConnectionChanged:
    reader = reader_of(session, payload.connection)

    def close() -> ConnectionChanged:
        actions.close_connection(Connection.objects.get(pk=reader.connection))
        return {"connection": history.connection_for(reader)}

    session.forget_open(reader.uid)
    return await session.database.run(close)


@typing.command("start", permission=participant, throttle="signal")
async def typing_start(session: Session, payload: TypingStart) -> Nothing:
    uid = str(payload.connection)
    broadcast.tell_bot_typing(uid)
    target = session.connections[uid]
    if target.room:
        # In a private conversation nobody else reads what a visitor writes.
        frame = event_frame("typing.started", {"author": target.author}, connection=uid)
        broadcast.tell(uid, frame, skip=session.name)
    return {}


@receipt.command("read", permission=participant, throttle="signal")
async def receipt_read(session: Session, payload: ReceiptRead) -> Nothing:
    reader = reader_of(session, payload.connection)
    target = session.connections[reader.uid]
    changed = await session.database.run(actions.mark_read, reader.participant, seq=payload.seq)
    if changed and not target.room and await session.database.run(actions.is_shown, reader.connection):
        broadcast.tell_bot_read(reader.uid)
    # In a room each of a thousand readers would tell a thousand others.
    if changed and not target.room:
        author = target.author
        broadcast.tell(
            reader.uid,
            event_frame(
                "receipt.read",
                {"participant": author["id"] if author else "", "seq": payload.seq},
                connection=reader.uid,
            ),
        )
    return {}
