"""What a visitor may be called, and by whose leave: nobody else's name, and none that stands for staff."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from bridge.chat import publishing
from bridge.chat.actions import speaking_rules
from bridge.chat.wire import author_out
from bridge.errors import BridgeError, Code
from bridge.models import Connection, Inbox, Participant
from bridge.text.lookalikes import is_reserved, key_of, readings
from bridge.text.nicks import marked, numbered

TRIES = 8
MOST_OF_THE_TEAM = 1000


def rename(participant: Participant, nick: str, *, reserved: Sequence[str] = ()) -> Participant:
    """Call a visitor something else, and tell everybody there. The name that they have already is nothing.

    Everybody reads it, so what holds for a message holds for it. In a room it must be nobody else's; a private
    conversation is only theirs and staff's.

    Raises BridgeError: `conflict`; `not_permitted`, also where they may say nothing just now; `throttled` by slow mode.
    """
    if participant.nick == nick:
        return participant
    if participant.connection.kind == Connection.Kind.ROOM:
        check_free(nick, participant.connection.inbox, reserved=reserved)
    with transaction.atomic():
        Connection.objects.lock(participant.connection_id)
        # As they are now: somebody may have muted them since they were read.
        participant = Participant.objects.select_related("connection__inbox").get(pk=participant.pk)
        if participant.connection.kind == Connection.Kind.ROOM and not participant.connection.is_open:
            raise BridgeError(Code.CLOSED, "This room is closed.")
        speaking_rules.speak(participant, now=timezone.now())
        try:
            _call(participant, nick)
        except IntegrityError:
            # participant_nick_key: also where two take it in the same moment.
            raise taken() from None
    return participant


def _call(participant: Participant, nick: str) -> None:
    """Within the transaction that holds the connection's row."""
    connection, previous = participant.connection, participant.nick
    in_room = connection.kind == Connection.Kind.ROOM
    participant.nick, participant.nick_key = nick, key_of(nick) if in_room else ""
    with transaction.atomic():
        participant.save(update_fields=["nick", "nick_key"])
    if not in_room:
        Connection.objects.filter(pk=connection.pk).update(nick=nick)
    uid = str(connection.uid)
    payload = {"participant": author_out(participant), "previous": previous}
    transaction.on_commit(partial(publishing.tell, uid, "participant.renamed", payload), robust=True)


def yield_on_commit(staff: Participant) -> None:
    """Staff keep their names: whoever has this one in a room of their inbox is called something else from now on.

    Once this is committed: no transaction holds the rows of several rooms.
    """
    if staff.nick_key:
        make_way = partial(_make_way, staff.nick_key, staff.connection.inbox_id)
        transaction.on_commit(make_way, robust=True)


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
    """Raises BridgeError (`not_permitted`) for what only staff of this inbox may be called."""
    if not is_free(nick, inbox, reserved=reserved):
        raise BridgeError(Code.NOT_PERMITTED, "This name is reserved. Please choose another.")


def is_free(nick: str, inbox: Inbox, *, reserved: Sequence[str]) -> bool:
    if is_reserved(nick, names="\n".join([inbox.reserved_nicks, *reserved])):
        return False
    may_be_read_as = readings(nick)
    return bool(may_be_read_as) and not staff_keys(inbox.pk, may_be_read_as)


def staff_keys(inbox: int, keys: Iterable[str]) -> set[str]:
    """Those of the keys that are a name of somebody of this inbox's staff, or of the site's, who may not have spoken
    yet."""
    wanted = set(keys)
    staff = Participant.objects.filter(role=Participant.Role.STAFF, nick_key__in=wanted)
    spoken = set(staff.filter(connection__inbox=inbox).values_list("nick_key", flat=True))
    return spoken | wanted.intersection(map(key_of, _names_of_the_team()))


def _names_of_the_team() -> Iterator[str]:
    """As they are shown where they answer from the site itself."""
    model = get_user_model()
    if not {"is_active", "is_staff"} <= {each.name for each in model._meta.get_fields()}:
        # A project's own kind of user may tell them by something else.
        return
    for user in model.objects.filter(is_active=True, is_staff=True).order_by("pk")[:MOST_OF_THE_TEAM]:
        yield user.get_full_name() or user.get_username()


def taken() -> BridgeError:
    return BridgeError(Code.CONFLICT, "This name, or one that looks like it, is already taken.")
