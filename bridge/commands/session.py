"""How a session starts and stays."""

import contextlib
import uuid

from bridge import history, hooks, signals
from bridge.commands.conversations import reader_of
from bridge.errors import BridgeError, Code
from bridge.groups import CommandGroup
from bridge.history import Reader
from bridge.models import Inbox, Participant
from bridge.moderation import blocked, is_blocked
from bridge.nicks import nick_for
from bridge.permissions import anyone, identified
from bridge.process import Process
from bridge.protocol import HistoryRead, Ping, Pong, SessionStart, SessionStarted
from bridge.sessions import Session, public_id, read_token, token_for
from bridge.speaking import Opening, Target
from bridge.wire import connection_out, inbox_out

session_group = CommandGroup("session")
heartbeat = CommandGroup("")


@session_group.command("start", permission=anyone, throttle="session")
async def session_start(session: Session, payload: SessionStart) -> SessionStarted:
    if session.visitor is not None:
        raise BridgeError(Code.CONFLICT, "The session has started already.")
    inbox = await session.database.run(_inbox, payload.inbox)
    if session.arrival.origin and session.arrival.origin not in inbox.origins:
        raise BridgeError(Code.NOT_PERMITTED, "This site may not open this chat.", close=True)
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
        reader = reader_of(session, mine.connection.uid)
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
    if mine:
        hooks.tell(signals.connection_accessed, [mine.uid])
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
    """Raises BridgeError where he is blocked: also under a new token from a browser whose cookie names him."""
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


@heartbeat.command("ping", permission=identified, throttle="signal")
async def ping(session: Session, payload: Ping) -> Pong:
    was_in = tuple(session.rooms)
    heads = await session.database.run(history.heads, session.who, inbox=session.start.inbox, rooms=was_in)
    for uid in heads:
        # A conversation that another tab opened, whose event was lost. He may have left a room meanwhile.
        if uid not in was_in or uid in session.rooms:
            session.follow(uid)
    return {"heads": heads}
