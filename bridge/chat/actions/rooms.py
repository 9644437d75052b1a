"""Coming into a room, and what one is called there."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from bridge import signals
from bridge.chat import hooks
from bridge.chat.access import Viewer, find_participant
from bridge.chat.actions import speaking_rules
from bridge.chat.actions.opening import add_endpoints
from bridge.chat.actions.renaming import TRIES, check_free, is_free, rename, staff_keys, taken
from bridge.chat.actions.states import close_connection, reopen_connection
from bridge.errors import BridgeError, Code
from bridge.models import Connection, Endpoint, Participant
from bridge.protocol.outgoing import Author
from bridge.text.lookalikes import key_of
from bridge.text.nicks import marked, nicks_for, numbered

SETTINGS = ("name", "slug", "topic", "access", "link_key", "read_only", "slow_mode")


def save_room(room: Connection, *, endpoints: Mapping[str, str], is_open: bool) -> None:
    """Store a room as the admin has it, with these remote ids by service, and open or close it."""
    with transaction.atomic():
        if room.pk is None:
            room.kind = Connection.Kind.ROOM
            room.save(force_insert=True)
            add_endpoints(room)
            hooks.tell_on_commit(signals.connection_opened, [room.pk], reopened=False)
        else:
            # By name: what is said meanwhile counts on, too.
            room.save(update_fields=SETTINGS)
        for service, remote_id in endpoints.items():
            Endpoint.objects.update_or_create(
                connection_id=room.pk, service=service, defaults={"remote_id": remote_id}
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
    if room is None:
        with suppress(ValidationError):
            room = rooms.filter(uid=name).first()
    if room is None or not lets_in(room, key=key):
        raise BridgeError(Code.NOT_FOUND, "This room does not exist.")
    if not room.is_open:
        raise BridgeError(Code.CLOSED, "This room is closed.")
    return room


def lets_in(room: Connection, *, key: str) -> bool:
    """Whether its address may be known to who has this key."""
    if room.access == Connection.Access.OPEN:
        return True
    return bool(room.link_key) and key.isascii() and constant_time_compare(key, room.link_key)


def enter_room(
    room: Connection,
    *,
    visitor: uuid.UUID,
    nick: str | None = None,
    called: str = "",
    reserved: Sequence[str] = (),
) -> Participant:
    """The visitor in this room: as they were when they were here before, else a new participant.

    With `nick` under that name; not where they may say nothing just now, since everybody reads a name: then as they
    are called already. `called`: what their site says they are called, which is kept with something behind it where
    it is somebody else's. `reserved`: names that nobody may take, besides those of the inbox and its staff.

    Raises BridgeError: `conflict` where somebody has the nick, `not_permitted` where it is reserved.
    """
    viewer = Viewer(visitor, room.inbox_id, rooms=None)
    known = find_participant(viewer, room.uid)
    if known is not None:
        silent = speaking_rules.refusal(known, now=timezone.now()) is not None
        return known if silent or not nick else rename(known, nick, reserved=reserved)
    if room.read_only:
        nick = None
    if nick:
        check_free(nick, room.inbox, reserved=reserved)
    role = Participant.Role.VISITOR
    for name in [nick] if nick else _free_nicks(room, visitor, called, reserved):
        key = key_of(name)
        # Somebody took it in this moment; or their other tab made them.
        with suppress(IntegrityError), transaction.atomic():
            return room.participants.create(role=role, visitor=visitor, nick=name, nick_key=key)
        if (known := find_participant(viewer, room.uid)) is not None:
            return known
    raise taken() if nick else BridgeError(Code.UNAVAILABLE, "No name is free right now. Please try again.")


def _free_nicks(room: Connection, visitor: uuid.UUID, called: str, reserved: Sequence[str]) -> list[str]:
    """Some that nobody has, as far as can be seen from here: the table's constraint has the last word."""
    if not called:
        candidates = nicks_for(visitor)
    elif is_free(called, room.inbox, reserved=reserved):
        candidates = numbered(called)
    else:
        candidates = numbered(marked(called))
    keys = {key_of(name): name for name in islice(candidates, TRIES)}
    taken_there = Participant.objects.filter(
        connection=room, nick_key__in=list(keys), role=Participant.Role.VISITOR
    )
    for key in chain(taken_there.values_list("nick_key", flat=True), staff_keys(room.inbox_id, keys)):
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
