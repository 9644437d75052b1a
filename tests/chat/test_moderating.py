"""Who is muted or blocked, and where."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from bridge.chat.actions import moderating
from bridge.models import Connection, Inbox, Participant

pytestmark = pytest.mark.django_db

ADA, EVE = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox.objects.get(name="default")


def place(inbox: Inbox, visitor: uuid.UUID, *, slug: str = "", state: str = "open") -> Participant:
    """Somebody in a room, or in a conversation of their own; muted there."""
    connection = (
        Connection.objects.get_or_create(inbox=inbox, kind="room", slug=slug)[0]
        if slug
        else Connection.objects.create(inbox=inbox, visitor=visitor, state=state)
    )
    return Participant.objects.create(
        connection=connection,
        role="visitor",
        visitor=visitor,
        nick="Ada",
        nick_key=f"ada{visitor.int}" if slug else "",
        muted_until=timezone.now() + timedelta(hours=1),
    )


def muted() -> set[Participant]:
    return set(Participant.objects.filter(muted_until__gt=timezone.now()))


def test_unmuting_them_in_one_conversation_unmutes_them_in_all_their_own_of_the_inbox(inbox: Inbox) -> None:
    older, current = place(inbox, ADA, state="closed"), place(inbox, ADA)
    others = {
        place(inbox, EVE),
        place(inbox, ADA, slug="lobby"),
        place(Inbox.objects.create(name="shop"), ADA),
    }
    moderating.mute(current, until=None)
    assert muted() == others
    assert older not in others


def test_unmuting_them_in_a_room_unmutes_them_there_alone(inbox: Inbox) -> None:
    lobby = place(inbox, ADA, slug="lobby")
    others = {place(inbox, ADA), place(inbox, ADA, slug="garden"), place(inbox, EVE, slug="lobby")}
    moderating.mute(lobby, until=None)
    assert muted() == others


def test_muting_them_again_changes_the_time_here_alone(inbox: Inbox) -> None:
    older, current = place(inbox, ADA, state="closed"), place(inbox, ADA)
    until = timezone.now() + timedelta(minutes=5)
    moderating.mute(current, until=until)
    times = Participant.objects.values_list("muted_until", flat=True)
    assert times.get(pk=current.pk) == until
    assert times.get(pk=older.pk) == older.muted_until
