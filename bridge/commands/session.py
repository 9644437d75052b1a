"""The commands of sessions, contacts and the heartbeat."""

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
    # Subscribe before reading, so that no event is missed in between.
    session.subscribe_visitor(visitor, inbox=inbox.pk)
    me, page, earlier = await _resume(session, authenticated, inbox=inbox.pk)
    nick = _nick(payload, inbox, authenticated, me)
    agent, about = session.handshake.user_agent, about_page(inbox.pk, payload.page, payload.locale)
    opening = Opening(inbox=inbox.pk, visitor=visitor, nick=nick, user_agent=agent, **about)
    session.begin(opening, identity=authenticated.identity, proof=authenticated.proof)
    if me:
        hooks.tell(signals.connection_accessed, [me.uid])
    return {
        "visitor": tokens.public_id(visitor),
        # The page's scripts must not see the token in the cookie.
        "token": "" if shown.token and shown.is_cookie and not shown.vouched_by else authenticated.token.text,
        "nick": nick,
        "contact": contact_out(authenticated.contact),
        "connection": connection_out(me.connection, reader=me) if me else None,
        **page,
        "earlier": earlier,
        "staff_online": await Worker.current().staff_online(inbox.pk),
        "inbox": inbox_out(inbox),
        "time": rfc3339(timezone.now()),
    }


async def _resume(
    session: Session, authenticated: Authenticated, *, inbox: int
) -> tuple[Participant | None, HistoryRead, Earlier]:
    """The first messages of the latest conversation, and the number of earlier ones."""
    visitor, latest = authenticated.visitor, None
    if not authenticated.is_new:
        latest = await session.database.run(listing.latest, visitor, inbox=inbox)
    if latest is None:
        return None, {"messages": [], "has_more": False}, {"connections": 0, "unread": 0}
    target = Target.of(latest.connection, latest)
    session.know(target)
    me, page = await session.database.run(history.first_look, target)
    earlier = await session.database.run(listing.earlier, visitor, inbox=inbox, but=target.connection)
    # Set last, because a start that failed may be tried again as another visitor.
    if me.connection.is_open:
        session.open_connection = target.uid
    return me, page, earlier


def _nick(payload: SessionStart, inbox: Inbox, authenticated: Authenticated, me: Participant | None) -> str:
    """The nick that they ask for, else their previous one, else the name from their site, else a generated one."""
    # A forbidden nick is replaced, not refused: otherwise a page that has stored one could not start again.
    if payload.nick and not Worker.current().moderation.refusal(inbox.pk, payload.nick):
        return payload.nick
    if me:
        return me.nick
    named = as_nick(authenticated.identity.name) if authenticated.identity else None
    return named or nick_for(authenticated.visitor)


def about_page(inbox: int, page: Page, locale: str) -> dict[str, Any]:
    """What staff see about the visitor's page. The visitor chooses all of it, so forbidden words are removed."""
    fit = Worker.current().moderation.fit
    return {
        "page_url": fit(inbox, page.url, address=True),
        "page_title": fit(inbox, page.title),
        "referrer": fit(inbox, page.referrer, address=True),
        "locale": fit(inbox, locale),
    }


@contact_group.command("set", permission=started, throttle="change")
async def contact_set(session: Session, payload: ContactSet) -> ContactChanged:
    """Change the visitor's contact, but not what their site says about them."""
    process, inbox, email = Worker.current(), session.start.inbox, payload.email
    process.check_speaker(session, payload.name or "")
    if email and not process.moderation.fit(inbox, email, address=True):
        raise unfit("words")
    changed = await session.database.run(
        contacts.set_contact, inbox, session.who, name=payload.name, email=email
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
        # Another tab may have opened it, and the event was lost. They may have left a room in the meantime.
        if uid not in was_in or uid in session.rooms:
            session.follow(uid)
    return {"heads": heads, "time": rfc3339(timezone.now())}
