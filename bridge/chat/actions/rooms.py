"""Rooms: saves and lists them, and lets visitors enter under a name."""

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
    """Store a room from the admin, with its remote IDs by service, and open or close it."""
    with transaction.atomic():
        if room.pk is None:
            room.kind = Connection.Kind.ROOM
            room.save(force_insert=True)
            add_endpoints(room)
            hooks.tell_on_commit(signals.connection_opened, [room.pk], reopened=False)
        else:
            # Only these fields, because messages change others at the same time.
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
    """The open rooms of an inbox, ordered by name. Rooms by link are not listed."""
    rooms = Connection.objects.filter(kind=Connection.Kind.ROOM, inbox=inbox, state=Connection.State.OPEN)
    return list(rooms.filter(access=Connection.Access.OPEN).order_by("name", "pk")[:200])


def find_room(name: str, *, inbox: int, key: str = "") -> Connection:
    """The room with this slug or uid, for somebody with this key.

    Raises BridgeError: `closed`; `not_found` if there is no such room, or if the key of a room by link is wrong.
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
    """Whether somebody with this key may see and enter the room."""
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
    """The visitor's participant in this room: the existing one, or a new one.

    `nick`: the name to use. It is ignored if they may not write now, because everybody reads a name. `called`: their
    name according to their site, to which something is added if somebody else has it. `reserved`: names that nobody
    may take, in addition to those of the inbox and its staff.

    Raises BridgeError: `conflict` if somebody has the nick, `not_permitted` if it is reserved.
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
        # Somebody took the name at this moment, or another tab of theirs created the participant.
        with suppress(IntegrityError), transaction.atomic():
            return room.participants.create(role=role, visitor=visitor, nick=name, nick_key=key)
        if (known := find_participant(viewer, room.uid)) is not None:
            return known
    raise taken() if nick else BridgeError(Code.UNAVAILABLE, "No name is free right now. Please try again.")


def _free_nicks(room: Connection, visitor: uuid.UUID, called: str, reserved: Sequence[str]) -> list[str]:
    """Some names that nobody seems to have. The constraint of the table decides."""
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
    """The participants among these that belong to the room, ordered by name."""
    rows = Participant.objects.filter(connection=room, uid__in=uids).order_by("nick")
    columns = ("uid", "nick", "role", "service", "avatar", "colour")
    # Two hundred model instances would take four times as long, and each newcomer needs this list.
    return [
        {"id": str(uid), "name": nick, "role": role, "service": service, "avatar": avatar, "colour": colour}
        for uid, nick, role, service, avatar, colour in rows.values_list(*columns)
    ]
