"""Names in rooms: those of staff are nobody else's, even where no constraint of the table says so."""

import uuid

import pytest

from bridge.chat.actions.renaming import staff_keys
from bridge.chat.actions.rooms import enter_room
from bridge.models import Connection, Inbox, Participant
from bridge.text.lookalikes import key_of
from bridge.text.nicks import nicks_for

pytestmark = pytest.mark.django_db

ADA = uuid.UUID(int=1)


@pytest.fixture
def room() -> Connection:
    return Connection.objects.create(inbox=Inbox.objects.get(), kind="room", slug="lobby")


def staff_called(nick: str, connection: Connection) -> None:
    Participant.objects.create(
        connection=connection,
        role="staff",
        service="discord",
        remote_id="21",
        nick=nick,
        nick_key=key_of(nick),
    )


def test_who_has_spoken_here_for_the_team_keeps_their_name(room: Connection) -> None:
    staff_called("Grace", room)
    shop = Connection.objects.create(inbox=Inbox.objects.create(name="shop"), kind="room", slug="shop")
    assert staff_keys(room.inbox_id, [key_of("Grace"), key_of("Ada")]) == {key_of("Grace")}
    assert staff_keys(shop.inbox_id, [key_of("Grace")]) == set()


def test_whoever_has_no_name_is_given_none_of_the_team(room: Connection) -> None:
    names = nicks_for(ADA)
    first, second = next(names), next(names)
    staff_called(first, Connection.objects.create(inbox=room.inbox, kind="room", slug="garden"))
    Participant.objects.create(
        connection=room, role="visitor", visitor=uuid.UUID(int=2), nick=second, nick_key=key_of(second)
    )
    given = enter_room(room, visitor=ADA).nick
    assert given.startswith(first)
    assert given not in {first, second}
