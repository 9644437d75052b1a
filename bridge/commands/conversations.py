"""The commands of conversations, other than writing in them."""

from bridge.chat import actions, history, listing, publishing
from bridge.chat.access import participant_for
from bridge.chat.actions.speaking_rules import typist
from bridge.chat.wire import author_out
from bridge.errors import BridgeError, Code
from bridge.live.groups import CommandGroup
from bridge.live.permissions import owner, participant, started
from bridge.live.sessions import Session
from bridge.live.worker import Worker
from bridge.protocol import commands, outgoing

history_group = CommandGroup("history")
connection = CommandGroup("connection")
typing = CommandGroup("typing")
receipt = CommandGroup("receipt")


@history_group.command("page", permission=participant, throttle="read")
async def history_page(session: Session, payload: commands.HistoryPage) -> outgoing.HistoryRead:
    reader = session.connections[str(payload.connection)]
    return await session.database.run(history.page, reader, before=payload.before, limit=payload.limit)


@connection.command("sync", permission=participant, throttle="read")
async def connection_sync(session: Session, payload: commands.ConnectionSync) -> outgoing.ConnectionSynced:
    reader = session.connections[str(payload.connection)]
    return await session.database.run(history.sync, reader, since=payload.since)


@connection.command("list", permission=started, throttle="read")
async def connection_list(session: Session, payload: commands.ConnectionList) -> outgoing.ConnectionsListed:
    """The visitor's own conversations, latest activity first."""
    return await session.database.run(
        listing.conversations,
        session.who,
        inbox=session.start.inbox,
        before=payload.before,
        limit=payload.limit,
    )


@connection.command("close", permission=owner, throttle="change")
async def connection_close(session: Session, payload: commands.ConnectionOnly) -> outgoing.ConnectionChanged:
    reader = session.connections[str(payload.connection)]

    def close() -> outgoing.ConnectionChanged:
        me = participant_for(session.viewer, payload.connection)
        actions.close_connection(me.connection, by=me)
        return {"connection": history.connection_for(reader)}

    session.forget_open(reader.uid)
    return await session.database.run(close)


@connection.command("reopen", permission=owner, throttle="change")
async def connection_reopen(session: Session, payload: commands.ConnectionOnly) -> outgoing.ConnectionChanged:
    """Continue a conversation that has ended. Only one can be open at a time."""
    Worker.current().check_speaker(session)
    reader = session.connections[str(payload.connection)]

    def reopen() -> outgoing.ConnectionChanged:
        me = participant_for(session.viewer, payload.connection)
        actions.reopen_connection(me.connection, by=me)
        now = history.connection_for(reader)
        if now["state"] != "open":
            raise BridgeError(Code.CONFLICT, "You already have another open conversation.")
        return {"connection": now}

    changed = await session.database.run(reopen)
    session.open_connection = reader.uid
    return changed


@typing.command("start", permission=participant, throttle="signal")
async def typing_start(session: Session, payload: commands.ConnectionOnly) -> outgoing.Nothing:
    """The rules of messages apply, because others see a name."""
    uid = str(payload.connection)
    target = session.connections[uid]
    Worker.current().check_speaker(session)
    if target.room and target.participant is not None:
        author = author_out(await session.database.run(typist, target.participant))
        # Not in a private conversation, because no other visitor is in it.
        publishing.tell(uid, "typing.started", {"author": author}, skip=session.name)
    publishing.tell_bot("typing", uid)
    return {}


@receipt.command("read", permission=participant, throttle="signal")
async def receipt_read(session: Session, payload: commands.ReceiptRead) -> outgoing.Nothing:
    target = session.connections[str(payload.connection)]
    changed = await session.database.run(actions.mark_read, target.participant or 0, seq=payload.seq)
    # Not in a room, where each of a thousand readers would notify a thousand others.
    if changed and not target.room and target.author:
        if await session.database.run(actions.is_shown, target.connection):
            publishing.tell_bot("read", target.uid)
        read = {"participant": target.author["id"], "seq": payload.seq}
        publishing.tell(target.uid, "receipt.read", read)
    return {}
