"""The commands of rooms and nicks."""

from dataclasses import replace

from bridge.chat import actions, history
from bridge.chat.access import participant_for
from bridge.chat.actions.rooms import read_members
from bridge.chat.speaking import Target
from bridge.chat.wire import author_out, connection_out, room_out
from bridge.infra import redis
from bridge.live.groups import CommandGroup
from bridge.live.permissions import member, participant, started
from bridge.live.sessions import Session
from bridge.live.worker import Worker
from bridge.models import Connection, Participant
from bridge.presence import team
from bridge.presence.shared import Scope
from bridge.protocol import commands, outgoing
from bridge.protocol.values import as_nick

room_group = CommandGroup("room")
nick = CommandGroup("nick")


@room_group.command("list", permission=started, throttle="read")
async def room_list(session: Session, payload: commands.NoPayload) -> outgoing.RoomsListed:
    rooms = await session.database.run(actions.list_rooms, session.start.inbox)
    scopes = [Scope("room", str(room.uid)) for room in rooms]
    online = await session.presence.counts(scopes)
    return {
        "rooms": [room_out(room, online=online[scope]) for room, scope in zip(rooms, scopes, strict=True)]
    }


@room_group.command("join", permission=started, throttle="join")
async def room_join(session: Session, payload: commands.RoomJoin) -> outgoing.RoomJoined:
    called = as_nick(session.identity.name) if session.identity else None
    nick = _wanted(session, payload.nick)
    reserved = await _bot_names() if nick or called else []

    def enter() -> tuple[Connection, Participant]:
        room = actions.find_room(payload.room, inbox=session.start.inbox, key=payload.key)
        return room, actions.enter_room(
            room, visitor=session.who, nick=nick, called=called or "", reserved=reserved
        )

    room, me = await session.database.run(enter)
    target = Target.of(room, me)
    # Subscribe before reading, so that no event is missed in between.
    session.enter(target)
    try:
        me, page = await session.database.run(history.first_look, target)
        members = await _members(session, target.uid)
    except BaseException:
        if target.uid in session.rooms:
            session.leave(target.uid)
        raise
    return {
        "room": room_out(room, online=members["online"]),
        "connection": connection_out(me.connection, reader=me),
        "you": author_out(me),
        **page,
        "members": members["members"],
    }


def _wanted(session: Session, nick: str | None) -> str | None:
    """The nick that they ask for; None to keep their current one, also if they are muted."""
    moderation = Worker.current().moderation
    if not nick or moderation.muted_until(session.start.inbox, session.who):
        return None
    moderation.check_text(session.start.inbox, nick)
    return nick


@room_group.command("leave", permission=member, throttle="signal")
async def room_leave(session: Session, payload: commands.RoomOnly) -> outgoing.Nothing:
    """Leave a room. The visitor's messages stay, and their nick is kept for the next time."""
    session.leave(payload.room)
    return {}


@room_group.command("members", permission=member, throttle="read")
async def room_members(session: Session, payload: commands.RoomOnly) -> outgoing.MembersOut:
    return await _members(session, payload.room)


async def _members(session: Session, room: str) -> outgoing.MembersOut:
    online, uids = await session.presence.roster(Scope("room", room))
    members = await session.database.run(read_members, session.connections[room].connection, uids)
    return {"online": online, "members": members}


@nick.command("set", permission=participant, throttle="change")
async def nick_set(session: Session, payload: commands.NickSet) -> outgoing.NickChanged:
    """Change the nick in a conversation or room, or in the next conversation that they open."""
    Worker.current().check_speaker(session, payload.nick)
    if payload.connection is None:
        session.opening = replace(session.start, nick=payload.nick)
        return {"nick": payload.nick}
    target = session.connections[str(payload.connection)]
    reserved = await _bot_names() if target.room else []

    def rename() -> Participant:
        me = participant_for(session.viewer, payload.connection)
        return actions.rename(me, payload.nick, reserved=reserved)

    me = await session.database.run(rename)
    if target.uid in session.connections:
        session.connections[target.uid] = Target.of(me.connection, me)
    if target.uid in session.rooms:
        session.presence.rename(Scope("room", target.uid), author_out(me))
    return {"nick": me.nick}


async def _bot_names() -> list[str]:
    try:
        return [name] if (name := await team.bot_name()) else []
    except redis.RedisError:
        # The bot's name is not reserved meanwhile. That is better than refusing all nicks.
        return []
