"""What the browser can ask for: one short function for each command."""

import contextlib
import uuid
from collections.abc import Callable

from bridge import actions, broadcast, history, protocol
from bridge.actions import Post, Posted, Uploads
from bridge.errors import BridgeError, Code, Goodbye
from bridge.history import Reader
from bridge.models import Connection, Inbox, Message, Participant
from bridge.moderation import blocked, is_blocked
from bridge.nicks import nick_for
from bridge.permissions import anyone, author, identified, message_participant, owner, participant
from bridge.process import Process
from bridge.protocol import (
    ConnectionChanged,
    ConnectionClose,
    ConnectionSync,
    ConnectionSynced,
    HistoryPage,
    HistoryRead,
    MessageChanged,
    MessageDelete,
    MessageEdit,
    MessageRetry,
    MessageSend,
    MessageSent,
    Nothing,
    Ping,
    Pong,
    ReactionChange,
    ReceiptRead,
    SessionStart,
    SessionStarted,
    TypingStart,
    event_frame,
)
from bridge.registry import command
from bridge.sessions import Session, public_id, read_token, token_for
from bridge.speaking import Opening, Target
from bridge.wire import connection_out, inbox_out


@command("session.start", permission=anyone, throttle="session")
async def session_start(session: Session, payload: SessionStart) -> SessionStarted:
    if session.visitor is not None:
        raise BridgeError(Code.CONFLICT, "The session has started already.")
    inbox = await session.database.run(_inbox, payload.inbox)
    if session.arrival.origin and session.arrival.origin not in inbox.origins:
        raise Goodbye(protocol.CLOSE_FORBIDDEN, Code.NOT_PERMITTED, "This site may not open this chat.")
    token = payload.token or session.arrival.token
    visitor = read_token(token) if token else uuid.uuid4()
    await session.database.run(_let_in, session, visitor, inbox.pk)
    Process.current().moderation.know(inbox)
    # The hub knows the socket before anything is read, so that nothing falls between the two.
    session.hear_as(visitor)
    mine = await session.database.run(history.latest, visitor, inbox=inbox.pk) if token else None
    if mine:
        session.know(Target.of(mine.connection, mine))
    page: HistoryRead = {"messages": [], "has_more": False}
    if mine:
        reader = _reader(session, mine.connection.uid)
        mine, page = await session.database.run(_first_look, reader)
    wanted = payload.nick
    if wanted and Process.current().moderation.refusal(inbox.pk, wanted):
        # Refused, the page that keeps it could not start any more: he is called something else.
        wanted = None
    nick = wanted or (mine.nick if mine else nick_for(visitor))
    if mine and mine.connection.is_open:
        session.open_connection = str(mine.connection.uid)
    session.opening = _opening(session, payload, inbox=inbox.pk, visitor=visitor, nick=nick)
    session.visitor = visitor
    return {
        "visitor": public_id(visitor),
        # What the cookie carries stays out of reach of the page's scripts.
        "token": "" if session.arrival.token and not payload.token else token or token_for(visitor),
        "nick": nick,
        "connection": connection_out(mine.connection, reader=mine) if mine else None,
        "messages": page["messages"],
        "has_more": page["has_more"],
        "staff_online": await Process.current().staff_online(inbox.pk),
        "inbox": inbox_out(inbox),
    }


def _inbox(name: str) -> Inbox:
    inbox = Inbox.objects.filter(name=name, enabled=True).first()
    if inbox is None:
        raise BridgeError(Code.NOT_FOUND, "There is no such chat.")
    return inbox


def _let_in(session: Session, visitor: uuid.UUID, inbox: int) -> None:
    """Raises Goodbye where he is blocked: also under a new token from a browser whose cookie names him."""
    known = {visitor}
    if session.arrival.token:
        with contextlib.suppress(BridgeError):
            known.add(read_token(session.arrival.token))
    if is_blocked(inbox, known):
        raise blocked()


def _first_look(reader: Reader) -> tuple[Participant, HistoryRead]:
    # The head before the page: what comes in between is in the page and in an event.
    found = Participant.objects.select_related("connection").get(pk=reader.participant)
    return found, history.page(reader)


def _opening(
    session: Session, payload: SessionStart, *, inbox: int, visitor: uuid.UUID, nick: str
) -> Opening:
    return Opening(
        inbox=inbox,
        visitor=visitor,
        nick=nick,
        page_url=payload.page.url,
        page_title=payload.page.title,
        referrer=payload.page.referrer,
        locale=payload.locale,
        user_agent=session.arrival.user_agent,
    )


def _reader(session: Session, connection: uuid.UUID) -> Reader:
    """The visitor's eyes in a conversation that his permission was checked for."""
    target = session.connections[str(connection)]
    if target.participant is None:
        raise BridgeError(Code.NOT_FOUND, "You have no such conversation.")
    return Reader(target.connection, target.uid, target.participant)


@command("message.send", permission=participant, throttle="message")
async def message_send(session: Session, payload: MessageSend) -> MessageSent:
    if len(payload.content) > protocol.MAX_CONTENT:
        raise protocol.too_long(payload.content)
    _check(session, payload.content)
    if payload.connection is not None:
        posted = await _post(session, payload, target=session.connections[str(payload.connection)])
    else:
        posted = await _post_to_open(session, payload)
    message = posted.message.copy()
    message["own"] = True
    return {"message": message}


def _check(session: Session, content: str) -> None:
    """What staff forbid, from memory: this is the hot path."""
    moderation, inbox = Process.current().moderation, session.start.inbox
    moderation.check_speaker(inbox, session.who)
    moderation.check_text(inbox, content)


async def _post(
    session: Session, payload: MessageSend, *, target: Target | None = None, opening: Opening | None = None
) -> Posted:
    post = Post(
        target=target,
        opening=opening,
        content=payload.content,
        client_id=payload.client_id,
        reply_to=payload.reply_to,
        uploads=Uploads(session.who, session.start.inbox, tuple(payload.attachments))
        if payload.attachments
        else None,
        origin=session.name,
    )
    return await Process.current().writer.post(post)


async def _post_to_open(session: Session, payload: MessageSend) -> Posted:
    """To the visitor's open conversation: the one this socket knows of, else whichever it is, else a new one."""
    known = session.open_connection
    if known is not None:
        try:
            target = session.connections[known]
            return await _post(session, payload, target=target, opening=session.start)
        except BridgeError as refusal:
            gone = refusal.code in {Code.CLOSED, Code.NOT_FOUND}
            if not gone or "reply_to" in refusal.details:
                raise
            session.forget_open(known)
    # Each may make a thread in Discord, which has room for a thousand.
    throttler = Process.current().throttler
    await throttler.take("opening", visitor=session.visitor, address=session.arrival.address)
    posted = await _post(session, payload, opening=session.start)
    session.know(posted.target)
    session.open_connection = posted.target.uid
    return posted


@command("message.edit", permission=author, throttle="edit")
async def message_edit(session: Session, payload: MessageEdit) -> MessageChanged:
    if len(payload.content) > protocol.MAX_CONTENT:
        raise protocol.too_long(payload.content)
    _check(session, payload.content)
    change = actions.edit_own_message
    return await session.database.run(
        _changed, change, payload.message, visitor=session.who, content=payload.content
    )


@command("message.delete", permission=author, throttle="edit")
async def message_delete(session: Session, payload: MessageDelete) -> MessageChanged:
    return await session.database.run(
        _changed, actions.delete_own_message, payload.message, visitor=session.who
    )


@command("message.retry", permission=author, throttle="retry")
async def message_retry(session: Session, payload: MessageRetry) -> MessageChanged:
    return await session.database.run(
        _changed, actions.retry_own_message, payload.message, visitor=session.who
    )


def _changed(change: Callable[..., Message], uid: uuid.UUID, **how: object) -> MessageChanged:
    message = change(uid, **how)
    return {"message": history.own_message(message)}


@command("reaction.add", permission=message_participant, throttle="reaction")
async def reaction_add(session: Session, payload: ReactionChange) -> MessageChanged:
    return await session.database.run(_react, session.who, payload, added=True)


@command("reaction.remove", permission=message_participant, throttle="reaction")
async def reaction_remove(session: Session, payload: ReactionChange) -> MessageChanged:
    return await session.database.run(_react, session.who, payload, added=False)


def _react(visitor: uuid.UUID, payload: ReactionChange, *, added: bool) -> MessageChanged:
    actions.react(payload.message, visitor=visitor, emoji=payload.emoji, added=added)
    return {"message": history.single(payload.message, visitor=visitor)}


@command("history.page", permission=participant, throttle="read")
async def history_page(session: Session, payload: HistoryPage) -> HistoryRead:
    reader = _reader(session, payload.connection)
    return await session.database.run(history.page, reader, before=payload.before, limit=payload.limit)


@command("connection.sync", permission=participant, throttle="read")
async def connection_sync(session: Session, payload: ConnectionSync) -> ConnectionSynced:
    reader = _reader(session, payload.connection)
    return await session.database.run(history.sync, reader, since=payload.since)


@command("connection.close", permission=owner, throttle="change")
async def connection_close(session: Session, payload: ConnectionClose) -> ConnectionChanged:
    reader = _reader(session, payload.connection)

    def close() -> ConnectionChanged:
        actions.close_connection(Connection.objects.get(pk=reader.connection))
        return {"connection": history.connection_for(reader)}

    session.forget_open(reader.uid)
    return await session.database.run(close)


@command("typing.start", permission=participant, throttle="signal")
async def typing_start(session: Session, payload: TypingStart) -> Nothing:
    uid = str(payload.connection)
    broadcast.tell_bot_typing(uid)
    target = session.connections[uid]
    if target.room:
        # In a private conversation nobody else reads what a visitor writes.
        frame = event_frame("typing.started", {"author": target.author}, connection=uid)
        broadcast.tell(uid, frame, skip=session.name)
    return {}


@command("receipt.read", permission=participant, throttle="signal")
async def receipt_read(session: Session, payload: ReceiptRead) -> Nothing:
    reader = _reader(session, payload.connection)
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


@command("ping", permission=identified, throttle="signal")
async def ping(session: Session, payload: Ping) -> Pong:
    was_in = tuple(session.rooms)
    heads = await session.database.run(history.heads, session.who, inbox=session.start.inbox, rooms=was_in)
    for uid in heads:
        # A conversation that another tab opened, whose event was lost. He may have left a room meanwhile.
        if uid not in was_in or uid in session.rooms:
            session.follow(uid)
    return {"heads": heads}
