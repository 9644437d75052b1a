"""Renames visitors: to a name that nobody else has, and that does not stand for staff."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from bridge.chat import publishing
from bridge.chat.actions import speaking_rules
from bridge.chat.wire import author_out
from bridge.errors import BridgeError, Code
from bridge.infra.database import after_commit
from bridge.models import Connection, Inbox, Participant
from bridge.text.lookalikes import is_reserved, key_of, readings
from bridge.text.nicks import marked, numbered

TRIES = 8
MOST_OF_THE_TEAM = 1000


def rename(participant: Participant, nick: str, *, reserved: Sequence[str] = ()) -> Participant:
    """Rename a visitor, and tell everybody there. Does nothing if they already have the name.

    Everybody reads a name, so the rules for messages apply. In a room, nobody else may have it; a private
    conversation has only the visitor and staff.

    Raises BridgeError: `conflict`; `not_permitted`, also if they may not write now; `throttled` by slow mode.
    """
    if participant.nick == nick:
        return participant
    if participant.connection.kind == Connection.Kind.ROOM:
        check_free(nick, participant.connection.inbox, reserved=reserved)
    with transaction.atomic():
        Connection.objects.lock(participant.connection_id)
        # Read again, because they may have been muted since.
        participant = Participant.objects.select_related("connection__inbox").get(pk=participant.pk)
        if participant.connection.kind == Connection.Kind.ROOM and not participant.connection.is_open:
            raise BridgeError(Code.CLOSED, "This room is closed.")
        speaking_rules.speak(participant, now=timezone.now())
        try:
            _call(participant, nick)
        except IntegrityError:
            # The constraint participant_nick_key, also if two take the name at the same moment.
            raise taken() from None
    return participant


def _call(participant: Participant, nick: str) -> None:
    """Store and publish the name, within the transaction that has the connection's lock."""
    connection, previous = participant.connection, participant.nick
    in_room = connection.kind == Connection.Kind.ROOM
    participant.nick, participant.nick_key = nick, key_of(nick) if in_room else ""
    with transaction.atomic():
        participant.save(update_fields=["nick", "nick_key"])
    if not in_room:
        Connection.objects.filter(pk=connection.pk).update(nick=nick)
    uid = str(connection.uid)
    payload = {"participant": author_out(participant), "previous": previous}
    after_commit(publishing.tell, uid, "participant.renamed", payload)


def yield_on_commit(staff: Participant) -> None:
    """Reserve the name of a member of staff: visitors with this name in rooms of the inbox are renamed.

    This happens after the commit, because no transaction may lock several rooms.
    """
    if staff.nick_key:
        after_commit(_make_way, staff.nick_key, staff.connection.inbox_id)


def _make_way(key: str, inbox: int) -> None:
    in_rooms = Participant.objects.filter(connection__inbox=inbox, connection__kind=Connection.Kind.ROOM)
    for homonym in in_rooms.filter(nick_key=key, role=Participant.Role.VISITOR).select_related("connection"):
        with transaction.atomic():
            Connection.objects.lock(homonym.connection_id)
            for name in islice(numbered(marked(homonym.nick)), TRIES):
                try:
                    _call(homonym, name)
                except IntegrityError:
                    continue
                break


def check_free(nick: str, inbox: Inbox, *, reserved: Sequence[str]) -> None:
    """Raises BridgeError (`not_permitted`) if only staff of this inbox may have the name."""
    if not is_free(nick, inbox, reserved=reserved):
        raise BridgeError(Code.NOT_PERMITTED, "This name is reserved. Please choose another.")


def is_free(nick: str, inbox: Inbox, *, reserved: Sequence[str]) -> bool:
    if is_reserved(nick, names="\n".join([inbox.reserved_nicks, *reserved])):
        return False
    may_be_read_as = readings(nick)
    return bool(may_be_read_as) and not staff_keys(inbox.pk, may_be_read_as)


def staff_keys(inbox: int, keys: Iterable[str]) -> set[str]:
    """The keys among these that belong to a name of staff: of this inbox, or of the site, even if they have not written
    yet."""
    wanted = set(keys)
    staff = Participant.objects.filter(role=Participant.Role.STAFF, nick_key__in=wanted)
    spoken = set(staff.filter(connection__inbox=inbox).values_list("nick_key", flat=True))
    return spoken | wanted.intersection(map(key_of, _names_of_the_team()))


def _names_of_the_team() -> Iterator[str]:
    """The names that are shown if they answer from this site."""
    model = get_user_model()
    if not {"is_active", "is_staff"} <= {field.name for field in model._meta.get_fields()}:
        # A project's own user model may distinguish staff in another way.
        return
    for user in model.objects.filter(is_active=True, is_staff=True).order_by("pk")[:MOST_OF_THE_TEAM]:
        yield user.get_full_name() or user.get_username()


def taken() -> BridgeError:
    return BridgeError(Code.CONFLICT, "This name, or one that looks like it, is already taken.")
