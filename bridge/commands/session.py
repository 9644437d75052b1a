"""How a session starts and stays, and what its visitor says of himself."""

import uuid
from typing import Any

from django.utils import timezone

from bridge import signals
from bridge.chat import history, hooks, listing
from bridge.chat.moderation import unfit
from bridge.chat.speaking import Opening, Target
from bridge.chat.wire import connection_out, inbox_out
from bridge.errors import BridgeError, Code
from bridge.identity import contacts, tokens
from bridge.identity.authentication import Authenticated
from bridge.identity.entrance import admit
from bridge.live.groups import CommandGroup
from bridge.live.permissions import anyone, started
from bridge.live.sessions import Session
from bridge.live.worker import Worker
from bridge.models import Contact, Inbox, Participant
from bridge.protocol.commands import ContactSet, NoPayload, Page, SessionStart
from bridge.protocol.frames import rfc3339
from bridge.protocol.outgoing import ContactChanged, ContactOut, Earlier, HistoryRead, Pong, SessionStarted
from bridge.protocol.values import as_nick
from bridge.text.nicks import nick_for

session_group = CommandGroup("session")
contact_group = CommandGroup("contact")
heartbeat = CommandGroup("")


@session_group.command("start", permission=anyone, throttle="session")
async def session_start(session: Session, payload: SessionStart) -> SessionStarted:
    if session.visitor is not None:
        raise BridgeError(Code.CONFLICT, "The session has already started.")
    shown = session.handshake.to_start(token=payload.token, vouched_by=payload.identity)
    admitted = await session.database.run(admit, payload.inbox, shown, session.handshake)
    inbox, authenticated = admitted.inbox, admitted.visitor
    visitor = authenticated.visitor
    Worker.current().moderation.know(inbox)
    # The hub knows the socket before anything is read, so that nothing falls between the two.
    session.subscribe_visitor(visitor, inbox=inbox.pk)
    mine = (
        None if authenticated.is_new else await session.database.run(listing.latest, visitor, inbox=inbox.pk)
    )
    page: HistoryRead = {"messages": [], "has_more": False}
    if mine:
        target = Target.of(mine.connection, mine)
        session.know(target)
        mine, page = await session.database.run(_first_look, target)
    earlier = await _earlier(session, visitor, inbox=inbox.pk, mine=mine)
    nick = _nick(payload, inbox, authenticated, mine)
    if mine and mine.connection.is_open:
        session.open_connection = str(mine.connection.uid)
    opening = _opening(session, payload, inbox=inbox.pk, visitor=visitor, nick=nick)
    session.begin(opening, identity=authenticated.identity, proof=authenticated.proof)
    if mine:
        hooks.tell(signals.connection_accessed, [mine.uid])
    return {
        "visitor": tokens.public_id(visitor),
        # The page's cookie stays out of reach of the page's scripts.
        "token": "" if shown.token and shown.is_cookie and not shown.vouched_by else authenticated.token.text,
        "nick": nick,
        "contact": contact_out(authenticated.contact),
        "connection": connection_out(mine.connection, reader=mine) if mine else None,
        "messages": page["messages"],
        "has_more": page["has_more"],
        "earlier": earlier,
        "staff_online": await Worker.current().staff_online(inbox.pk),
        "inbox": inbox_out(inbox),
        "time": rfc3339(timezone.now()),
    }


def _first_look(reader: Target) -> tuple[Participant, HistoryRead]:
    # The head before the page: what comes in between is in the page and in an event.
    return history.participant_of(reader), history.page(reader)


async def _earlier(session: Session, visitor: uuid.UUID, *, inbox: int, mine: Participant | None) -> Earlier:
    if mine is None:
        return {"connections": 0, "unread": 0}
    return await session.database.run(listing.earlier, visitor, inbox=inbox, but=mine.connection_id)


def _nick(payload: SessionStart, inbox: Inbox, authenticated: Authenticated, mine: Participant | None) -> str:
    """As he wants to be called, else as he was, else as his site calls him, else some name."""
    # Refused, the page that keeps a word of the list could not start any more: he is called something else.
    if payload.nick and not Worker.current().moderation.refusal(inbox.pk, payload.nick):
        return payload.nick
    if mine:
        return mine.nick
    named = as_nick(authenticated.identity.name) if authenticated.identity else None
    return named or nick_for(authenticated.visitor)


def _opening(
    session: Session, payload: SessionStart, *, inbox: int, visitor: uuid.UUID, nick: str
) -> Opening:
    return Opening(
        inbox=inbox,
        visitor=visitor,
        nick=nick,
        user_agent=session.handshake.user_agent,
        **about_page(inbox, payload.page, payload.locale),
    )


def about_page(inbox: int, page: Page, locale: str) -> dict[str, Any]:
    """What staff see of where a visitor writes from. All of it is theirs to choose: without what may not be said."""
    fit = Worker.current().moderation.fit
    return {
        "page_url": fit(inbox, page.url, address=True),
        "page_title": fit(inbox, page.title),
        "referrer": fit(inbox, page.referrer, address=True),
        "locale": fit(inbox, locale),
    }


@contact_group.command("set", permission=started, throttle="change")
async def contact_set(session: Session, payload: ContactSet) -> ContactChanged:
    """What his site says of him he cannot change."""
    moderation, inbox = Worker.current().moderation, session.start.inbox
    moderation.check_speaker(inbox, session.who)
    moderation.check_text(inbox, payload.name or "")
    if not moderation.fit(inbox, payload.email or "", address=True) and payload.email:
        raise unfit("words")
    changed = await session.database.run(
        contacts.set_contact, session.start.inbox, session.who, name=payload.name, email=payload.email
    )
    return {"contact": contact_out(changed)}


def contact_out(contact: Contact | None) -> ContactOut:
    if contact is None:
        return {"name": "", "email": "", "identified": False}
    return {"name": contact.name, "email": contact.email, "identified": contact.is_identified}


@heartbeat.command("ping", permission=started, throttle="signal")
async def ping(session: Session, payload: NoPayload) -> Pong:
    was_in = tuple(session.rooms)
    heads = await session.database.run(history.heads, session.who, inbox=session.start.inbox, rooms=was_in)
    for uid in heads:
        # A conversation that another tab opened, whose event was lost. He may have left a room meanwhile.
        if uid not in was_in or uid in session.rooms:
            session.follow(uid)
    return {"heads": heads, "time": rfc3339(timezone.now())}
