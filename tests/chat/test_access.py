"""Whatever a visitor may not know of is to them as if it did not exist: asked before a change, and under its lock."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.utils import timezone

from bridge.chat.access import Viewer, find_participant, message_for
from bridge.chat.actions import delete_own_message, edit_own_message, react, retry_own_message
from bridge.errors import BridgeError
from bridge.models import Connection, Inbox, Message, Participant, Reaction
from bridge.models.connections import ConnectionQuerySet

ADA, EVE = uuid.UUID(int=1), uuid.UUID(int=2)

WAYS: dict[str, Callable[[Viewer, uuid.UUID], object]] = {
    "read": message_for,
    "edit": lambda viewer, uid: edit_own_message(viewer, uid, content="Let me in"),
    "delete": delete_own_message,
    "retry": retry_own_message,
    "react": lambda viewer, uid: react(viewer, uid, emoji="👍", added=True),
    "take a reaction back": lambda viewer, uid: react(viewer, uid, emoji="👍", added=False),
}


@dataclass
class Scene:
    """Ada's words in a conversation of her own and in a room."""

    inbox: int
    elsewhere: int
    private: Message
    room: Message

    @property
    def lobby(self) -> str:
        return str(self.room.connection.uid)


@pytest.fixture
def scene(db: None) -> Scene:
    inbox = Inbox.objects.get(name="default")
    private = Connection.objects.create(inbox=inbox, visitor=ADA)
    room = Connection.objects.create(inbox=inbox, kind="room", slug="lobby")
    return Scene(inbox.pk, Inbox.objects.create(name="shop").pk, _said_in(private), _said_in(room))


def _said_in(connection: Connection) -> Message:
    author = Participant.objects.create(connection=connection, role="visitor", visitor=ADA, nick="Ada")
    advance = Connection.objects.advance(connection.pk, messages=1)
    return Message.objects.create(
        connection=connection,
        author=author,
        seq=advance.last_seq,
        revision=advance.revision,
        content="Secret",
    )


def refusal(way: str, viewer: Viewer, uid: uuid.UUID) -> tuple[str, str]:
    with pytest.raises(BridgeError) as refused:
        WAYS[way](viewer, uid)
    return refused.value.code, refused.value.message


def is_hidden(way: str, viewer: Viewer, message: Message) -> bool:
    """Whether it is refused as what is not there, and stays as it was."""
    hidden, nothing = refusal(way, viewer, message.uid), refusal(way, viewer, uuid.uuid4())
    assert not Reaction.objects.exists()
    now = Message.objects.get(pk=message.pk)
    assert (now.content, now.revision, now.deleted_at) == (
        message.content,
        message.revision,
        message.deleted_at,
    )
    return hidden == nothing == ("not_found", "This message does not exist.")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", Connection.State.values)
def test_a_stranger_finds_nothing_whatever_they_claim(scene: Scene, way: str, state: str) -> None:
    Connection.objects.update(state=state)
    for rooms in ((), (scene.lobby,), None):
        for message in (scene.private, scene.room):
            assert is_hidden(way, Viewer(EVE, scene.inbox, rooms), message)


@pytest.mark.parametrize("way", WAYS)
def test_in_another_inbox_nothing_is_found(scene: Scene, way: str) -> None:
    for message in (scene.private, scene.room):
        assert is_hidden(way, Viewer(ADA, scene.elsewhere, None), message)


@pytest.mark.parametrize("way", WAYS)
def test_who_is_not_in_the_room_now_finds_nothing_of_it(scene: Scene, way: str) -> None:
    for rooms in ((), (str(uuid.uuid4()),), (str(scene.private.connection.uid),)):
        assert is_hidden(way, Viewer(ADA, scene.inbox, rooms), scene.room)


@pytest.mark.parametrize("way", WAYS)
def test_a_private_conversation_is_its_visitors_alone_whoever_else_takes_part(scene: Scene, way: str) -> None:
    Participant.objects.create(connection=scene.private.connection, role="visitor", visitor=EVE, nick="Eve")
    assert is_hidden(way, Viewer(EVE, scene.inbox, (str(scene.private.connection.uid),)), scene.private)


@pytest.mark.parametrize("way", WAYS)
def test_what_was_deleted_is_not_there_for_its_author_either(scene: Scene, way: str) -> None:
    for message in (scene.private, scene.room):
        message.deleted_at = timezone.now()
        message.save()
        assert is_hidden(way, Viewer(ADA, scene.inbox, (scene.lobby,)), message)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "read"])
@pytest.mark.parametrize(
    "change",
    [
        lambda message: Message.objects.filter(pk=message.pk).update(deleted_at=timezone.now()),
        lambda message: Participant.objects.filter(pk=message.author_id).update(visitor=EVE),
    ],
    ids=["deleted", "another visitor's"],
)
def test_what_changes_while_they_wait_for_the_lock_counts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, way: str, change: Callable[[Message], object]
) -> None:
    viewer = Viewer(ADA, scene.inbox, ())
    assert message_for(viewer, scene.private.uid, own=True) == scene.private
    lock = ConnectionQuerySet.lock

    def wait(self: ConnectionQuerySet, pk: int) -> None:
        lock(self, pk)
        change(scene.private)

    monkeypatch.setattr(ConnectionQuerySet, "lock", wait)
    assert refusal(way, viewer, scene.private.uid) == ("not_found", "This message does not exist.")
    assert not Reaction.objects.exists()


@pytest.mark.parametrize("way", WAYS)
def test_its_author_finds_it_in_private_and_in_the_room_that_they_are_in(scene: Scene, way: str) -> None:
    for message in (scene.private, scene.room):
        WAYS[way](Viewer(ADA, scene.inbox, (scene.lobby,)), message.uid)


def test_who_reads_a_message_changes_it_only_as_its_author(scene: Scene) -> None:
    Participant.objects.create(connection=scene.room.connection, role="visitor", visitor=EVE, nick="Eve")
    eve = Viewer(EVE, scene.inbox, (scene.lobby,))
    assert message_for(eve, scene.room.uid) == scene.room
    for way in ("edit", "delete", "retry"):
        assert refusal(way, eve, scene.room.uid)[0] == "not_permitted"
    gap = Message.objects.create(connection=scene.room.connection, kind="gap", seq=9, revision=9)
    assert message_for(eve, gap.uid) == gap
    for way in ("edit", "delete", "retry", "react"):
        assert refusal(way, eve, gap.uid)[0] == "not_found"


def test_without_a_name_it_is_the_open_conversation_of_this_inbox(scene: Scene) -> None:
    def found(viewer: Viewer) -> Connection | None:
        participant = find_participant(viewer, None)
        return participant.connection if participant else None

    assert found(Viewer(ADA, scene.inbox, (scene.lobby,))) == scene.private.connection
    assert found(Viewer(ADA, scene.elsewhere, None)) is None
    assert found(Viewer(EVE, scene.inbox, None)) is None
    Connection.objects.filter(kind="private").update(state="closed")
    assert found(Viewer(ADA, scene.inbox, (scene.lobby,))) is None
