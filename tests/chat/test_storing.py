"""What a batch of messages writes beside them."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from bridge.chat import actions
from bridge.chat.actions import Opening, Post, Posted, Target
from bridge.errors import BridgeError, Code
from bridge.models import Connection, Inbox, Message

pytestmark = pytest.mark.django_db


def test_where_somebody_writes_is_active_and_nothing_else_is() -> None:
    """Not written again within seconds, because two indexes hold it."""
    inbox = Inbox.objects.get()
    targets = [Target.of(*actions.open_connection(Opening(inbox.pk, uuid.uuid4(), "Ada"))) for _ in range(7)]
    now = timezone.now()
    long_ago, just_now = now - timedelta(hours=1), now - timedelta(seconds=2)
    for number, target in enumerate(targets):
        # Such that no key is another's revision or position.
        Connection.objects.filter(pk=target.connection).update(
            revision=100 + number, last_seq=50 + number, active_at=just_now if number == 4 else long_ago
        )
    results = actions.post_messages(
        [Post(target=targets[number], content="Hello", client_id=uuid.uuid4()) for number in (1, 4, 4, 6)]
    )
    assert all(isinstance(result, Posted) for result in results)
    active = [Connection.objects.get(pk=target.connection).active_at for target in targets]
    assert [number for number, moment in enumerate(active) if moment >= now] == [1, 6]
    assert active[4] == just_now
    assert {active[number] for number in (0, 2, 3, 5)} == {long_ago}


def test_of_a_batch_only_that_is_refused_whose_conversation_has_ended() -> None:
    inbox = Inbox.objects.get()
    targets = [Target.of(*actions.open_connection(Opening(inbox.pk, uuid.uuid4(), "Ada"))) for _ in range(4)]
    Connection.objects.filter(pk=targets[1].connection).update(state=Connection.State.CLOSED)
    Connection.objects.filter(pk=targets[2].connection).delete()
    posts = [Post(target=target, content="Hello", client_id=uuid.uuid4()) for target in targets]
    first, closed, gone, last = actions.post_messages(posts)
    assert isinstance(first, Posted)
    assert isinstance(last, Posted)
    assert isinstance(closed, BridgeError)
    assert closed.code == Code.CLOSED
    assert isinstance(gone, BridgeError)
    assert gone.code == Code.NOT_FOUND
    stored = Message.objects.filter(kind=Message.Kind.MESSAGE).order_by("pk")
    assert list(stored.values_list("connection", flat=True)) == [targets[0].connection, targets[3].connection]
