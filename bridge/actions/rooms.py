"""Coming into a room, and what one is called there."""

import uuid
from collections.abc import Sequence
from itertools import chain, islice

from django.db import IntegrityError, transaction
from django.utils.crypto import constant_time_compare

from bridge import broadcast, hooks, signals
from bridge.actions.opening import add_endpoints
from bridge.actions.states import close_connection, reopen_connection
from bridge.errors import BridgeError, Code
from bridge.lookalikes import is_reserved, key_of
from bridge.models import Connection, Endpoint, Inbox, Participant
from bridge.nicks import nicks_for
from bridge.protocol import Author, event_frame
from bridge.wire import author_out

TRIES = 8
SETTINGS = ("name", "slug", "topic", "access", "link_key", "read_only", "slow_mode")


def save_room(room: Connection, *, channel: str, is_open: bool) -> None:
    """Store a room as the admin has it, tied to this Discord channel, and open or close it."""
    with transaction.atomic():
        if room.pk is None:
            room.kind = Connection.Kind.ROOM
            room.save(force_insert=True)
            add_endpoints(room)
            hooks.tell_on_commit(signals.connection_opened, [room.pk], reopened=False)
        else:
            # By name: what is said meanwhile counts on, too.
            room.save(update_fields=SETTINGS)
        Endpoint.objects.update_or_create(
            connection_id=room.pk, service="discord", defaults={"remote_id": channel}
        )
        if is_open:
            reopen_connection(room)
        else:
            close_connection(room)


def list_rooms(inbox: int) -> list[Connection]:
    """The open rooms of an inbox, by name. Those by link are in no list."""
    rooms = Connection.objects.filter(kind=Connection.Kind.ROOM, inbox=inbox, state=Connection.State.OPEN)
    return list(rooms.filter(access=Connection.Access.OPEN).order_by("name", "pk")[:200])


def find_room(name: str, *, inbox: int, key: str = "") -> Connection:
    """The room of this slug or uid, for somebody with this key.

    Raises BridgeError: `not_found`, for a link room without its key as for none at all; `closed`.
    """
    rooms = Connection.objects.select_related("inbox").filter(kind=Connection.Kind.ROOM, inbox=inbox)
    room = rooms.filter(slug=name).first() if name else None
    if room is None and (uid := _uid(name)):
        room = rooms.filter(uid=uid).first()
    if room is None or not lets_in(room, key=key):
        raise BridgeError(Code.NOT_FOUND, "There is no such room.")
    if not room.is_open:
        raise BridgeError(Code.CLOSED, "This room is closed.")
    return room


def lets_in(room: Connection, *, key: str) -> bool:
    """Whether its address may be known to who has this key."""
    if room.access == Connection.Access.OPEN:
        return True
    return bool(room.link_key) and key.isascii() and constant_time_compare(key, room.link_key)


def _uid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def enter_room(
    room: Connection, *, visitor: uuid.UUID, nick: str | None = None, reserved: Sequence[str] = ()
) -> Participant:
    """The visitor in this room: as he was when he was here before, else a new participant.

    With `nick` under that name. `reserved`: names that nobody may take, besides those of the inbox and its staff.

    Raises BridgeError: `conflict` where somebody has the nick, `not_permitted` where it is reserved.
    """
    known = Participant.objects.filter(connection=room, visitor=visitor).select_related("connection").first()
    if known is not None:
        return rename(known, nick, reserved=reserved) if nick else known
    if nick:
        _check(nick, room.inbox, reserved=reserved)
    for name in [nick] if nick else _free_nicks(room, visitor):
        try:
            with transaction.atomic():
                return Participant.objects.create(
                    connection=room,
                    role=Participant.Role.VISITOR,
                    visitor=visitor,
                    nick=name,
                    nick_key=key_of(name),
                )
        except IntegrityError:
            # Somebody took it in this moment; or his other tab made him.
            known = Participant.objects.filter(connection=room, visitor=visitor).first()
            if known is not None:
                return known
    raise _taken() if nick else BridgeError(Code.UNAVAILABLE, "No name is free just now. Please try again.")


def _free_nicks(room: Connection, visitor: uuid.UUID) -> list[str]:
    """Some that nobody has, as far as can be seen from here: the table's constraint has the last word."""
    names = list(islice(nicks_for(visitor), TRIES))
    keys = {key_of(name): name for name in names}
    taken = Participant.objects.filter(
        connection=room, nick_key__in=list(keys), role=Participant.Role.VISITOR
    )
    for key in chain(taken.values_list("nick_key", flat=True), _staff_keys(room.inbox_id, keys)):
        keys.pop(key, None)
    return list(keys.values())


def read_members(room: int, uids: Sequence[str]) -> list[Author]:
    """Those of these participants that are in the room, by name."""
    rows = Participant.objects.filter(connection=room, uid__in=uids).order_by("nick")
    columns = ("uid", "nick", "role", "service", "avatar", "colour")
    # Two hundred objects of the ORM cost four times as much, and each newcomer asks for them.
    return [
        {"id": str(uid), "name": nick, "role": role, "service": service, "avatar": avatar, "colour": colour}
        for uid, nick, role, service, avatar, colour in rows.values_list(*columns)
    ]


def rename(participant: Participant, nick: str, *, reserved: Sequence[str] = ()) -> Participant:
    """Call a visitor something else, and tell everybody there. The name he has already is nothing.

    In a room it must be nobody else's; a private conversation is only his and staff's.

    Raises BridgeError: `conflict`, `not_permitted`.
    """
    if participant.nick == nick:
        return participant
    connection, previous = participant.connection, participant.nick
    in_room = connection.kind == Connection.Kind.ROOM
    if in_room:
        _check(nick, connection.inbox, reserved=reserved)
    with transaction.atomic():
        Connection.objects.lock(connection.pk)
        participant.nick, participant.nick_key = nick, key_of(nick) if in_room else ""
        try:
            with transaction.atomic():
                participant.save(update_fields=["nick", "nick_key"])
        except IntegrityError:
            # participant_nick_key: also where two take it in the same moment.
            raise _taken() from None
        if not in_room:
            Connection.objects.filter(pk=connection.pk).update(nick=nick)
        _tell_renamed(participant, previous=previous)
    return participant


def _tell_renamed(participant: Participant, *, previous: str) -> None:
    uid = str(participant.connection.uid)
    payload = {"participant": author_out(participant), "previous": previous}
    frame = event_frame("participant.renamed", payload, connection=uid)
    transaction.on_commit(lambda: broadcast.tell(uid, frame), robust=True)


def _check(nick: str, inbox: Inbox, *, reserved: Sequence[str]) -> None:
    key = key_of(nick)
    is_staffs = is_reserved(nick, names="\n".join([inbox.reserved_nicks, *reserved]))
    if not key or is_staffs or key in _staff_keys(inbox.pk, [key]):
        raise BridgeError(Code.NOT_PERMITTED, "This name is reserved. Please choose another.")


def _staff_keys(inbox: int, keys: Sequence[str] | dict[str, str]) -> set[str]:
    """Those of the keys that are a name of somebody of this inbox's staff."""
    staff = Participant.objects.filter(role=Participant.Role.STAFF, nick_key__in=list(keys))
    return set(staff.filter(connection__inbox=inbox).values_list("nick_key", flat=True))


def _taken() -> BridgeError:
    return BridgeError(Code.CONFLICT, "Somebody here has this name, or one that looks like it.")
