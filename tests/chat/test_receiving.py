"""What a service brings in, seen from the database: cases that process tests found."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from bridge.chat.actions import copying, receiving, remote_ids, settling
from bridge.chat.actions.receiving import Incoming, RemoteAuthor
from bridge.models import (
    Attachment,
    Connection,
    Delivery,
    Endpoint,
    Inbox,
    Message,
    Participant,
    RemoteMessage,
    RemotePart,
)

pytestmark = pytest.mark.django_db

STAFF = RemoteAuthor("21", "Ada")


@pytest.fixture
def endpoint() -> Endpoint:
    connection = Connection.objects.create(inbox=Inbox.objects.get(), visitor=uuid.uuid4())
    return Endpoint.objects.create(connection=connection, service="discord", remote_id="1000")


def receive(endpoint: Endpoint, remote_id: str) -> None:
    incoming = Incoming(remote_id=remote_id, author=STAFF, content="hello", created_at=timezone.now())
    assert receiving.receive_message(endpoint.pk, incoming) is not None


def test_what_was_said_in_a_deleted_thread_is_not_missing_in_its_successor(endpoint: Endpoint) -> None:
    receive(endpoint, "1001")
    Endpoint.objects.filter(pk=endpoint.pk).update(remote_id="2000", predecessor_id="1000")
    receive(endpoint, "2001")
    assert receiving.known_in_thread(endpoint.pk) == [2001]


def test_a_staff_message_bears_the_time_at_which_it_was_written(endpoint: Endpoint) -> None:
    # Older than the message: what says that somebody was active is not the row's default.
    Connection.objects.update(active_at=timezone.now() - timedelta(days=2))
    began, written = timezone.now(), timezone.now() - timedelta(hours=3)
    incoming = Incoming(remote_id="1001", author=STAFF, content="hello", created_at=written)
    message = receiving.receive_message(endpoint.pk, incoming)
    assert message is not None
    assert message.created_at == written
    # They are active when they are heard, however long the message was under way.
    assert began <= Connection.objects.get().active_at <= timezone.now()


def test_a_reply_never_quotes_another_conversation(endpoint: Endpoint) -> None:
    receive(endpoint, "1001")
    stranger = Connection.objects.create(inbox=Inbox.objects.get(), visitor=uuid.uuid4())
    other = Endpoint.objects.create(connection=stranger, service="discord", remote_id="3000")
    for place, quoted in ((endpoint, "hello"), (other, None)):
        incoming = Incoming(
            remote_id="3001", author=STAFF, content="yes", created_at=timezone.now(), reply_to="1001"
        )
        message = receiving.receive_message(place.pk, incoming)
        assert message is not None
        assert (message.reply_to and message.reply_to.content) == quoted


def test_a_reply_that_came_before_the_id_of_what_it_answers_quotes_it_once_that_is_known(
    endpoint: Endpoint,
) -> None:
    connection = endpoint.connection
    asked = Message.objects.create(connection=connection, seq=1, revision=1, content="is it blue?")
    Connection.objects.filter(pk=connection.pk).update(revision=1, last_seq=1)
    sent = RemoteMessage.objects.create(endpoint=endpoint, ours=True, nonce="n", sent_at=timezone.now())
    RemotePart.objects.create(remote=sent, message=asked, position=0)
    stranger = Connection.objects.create(inbox=Inbox.objects.get(), visitor=uuid.uuid4())
    elsewhere = Endpoint.objects.create(connection=stranger, service="discord", remote_id="3000")
    replies = [
        receiving.receive_message(
            place.pk, Incoming(remote_id, STAFF, content, created_at=timezone.now(), reply_to="1001")
        )
        for place, remote_id, content in (
            (endpoint, "1002", "yes"),
            (endpoint, "1003", "and green"),
            (elsewhere, "3001", "no"),
        )
    ]
    assert [reply and reply.reply_to for reply in replies] == [None] * 3
    connection.refresh_from_db()
    remote_ids.receive_echo(endpoint.pk, nonce="n", remote_id="1001")
    quoted = Message.objects.filter(reply_to=asked).order_by("seq")
    assert [reply.content for reply in quoted] == ["yes", "and green"]
    assert [reply.revision for reply in quoted] == [connection.revision + 1, connection.revision + 2]
    remote_ids.receive_echo(endpoint.pk, nonce="n", remote_id="1001")
    assert not RemoteMessage.objects.filter(endpoint=endpoint, answers__isnull=False).exists()


def test_what_staff_deleted_before_its_id_was_known_goes_from_the_page(endpoint: Endpoint) -> None:
    message = Message.objects.create(connection=endpoint.connection, seq=1, revision=1, content="rude")
    sent = RemoteMessage.objects.create(endpoint=endpoint, ours=True, nonce="n", sent_at=timezone.now())
    RemotePart.objects.create(remote=sent, message=message, position=0)
    assert receiving.receive_delete(endpoint.pk, "1001", deleted_at=timezone.now())
    assert not receiving.receive_delete(endpoint.pk, "1001", deleted_at=timezone.now())
    remote_ids.receive_echo(endpoint.pk, nonce="n", remote_id="1001")
    message.refresh_from_db()
    assert (message.content, message.deleted_at is not None) == ("", True)


def test_a_gap_stays_on_the_page_whatever_staff_do_with_it_over_there(endpoint: Endpoint) -> None:
    gap = Message.objects.create(connection=endpoint.connection, kind="gap", seq=1, revision=1, gap_size=3)
    sent = RemoteMessage.objects.create(endpoint=endpoint, ours=True, nonce="n", remote_id="1001")
    RemotePart.objects.create(remote=sent, message=gap, position=0)
    assert receiving.receive_delete(endpoint.pk, "1001", deleted_at=timezone.now())
    gap.refresh_from_db()
    assert gap.deleted_at is None


def test_a_deletion_that_was_seen_before_its_message_is_the_echos(endpoint: Endpoint) -> None:
    sent = RemoteMessage.objects.create(endpoint=endpoint, ours=True, nonce="n", sent_at=timezone.now())
    receiving.receive_delete(endpoint.pk, "1001", deleted_at=timezone.now())
    remote_ids.receive_echo(endpoint.pk, nonce="n", remote_id="1001")
    sent.refresh_from_db()
    assert (sent.remote_id, sent.deleted_at is not None) == ("1001", True)


def test_an_echo_that_comes_after_the_answer_changes_nothing(endpoint: Endpoint) -> None:
    sent = RemoteMessage.objects.create(endpoint=endpoint, ours=True, nonce="n", remote_id="1001")
    remote_ids.receive_echo(endpoint.pk, nonce="n", remote_id="1001")
    sent.refresh_from_db()
    assert RemoteMessage.objects.count() == 1
    assert sent.deleted_at is None


def test_what_cannot_be_read_is_a_gap_that_opens_a_closed_conversation_again(endpoint: Endpoint) -> None:
    Connection.objects.update(state=Connection.State.CLOSED)
    for _ in range(2):
        receiving.receive_unreadable(endpoint.pk, "1001", edited_at=None)
    assert [message.kind for message in Message.objects.all()] == ["gap"]
    assert Connection.objects.get().is_open


def test_what_cannot_be_read_in_a_room_that_is_closed_is_no_more_a_gap_than_what_can(
    endpoint: Endpoint,
) -> None:
    Connection.objects.update(kind="room", slug="lobby", visitor=None, state=Connection.State.CLOSED)
    incoming = Incoming(remote_id="1001", author=STAFF, content="hello", created_at=timezone.now())
    assert receiving.receive_message(endpoint.pk, incoming) is None
    assert receiving.receive_unreadable(endpoint.pk, "1002", edited_at=None) is None
    assert not Message.objects.exists()
    # It is behind us all the same.
    assert Endpoint.objects.get().watermark == 1002
    Connection.objects.update(state=Connection.State.OPEN)
    assert receiving.receive_unreadable(endpoint.pk, "1003", edited_at=None) is not None


def test_a_file_is_settled_once_and_not_once_its_message_is_deleted(endpoint: Endpoint) -> None:
    receive(endpoint, "1001")
    file = Attachment.objects.create(
        inbox=Inbox.objects.get(),
        message=Message.objects.get(),
        name="a.txt",
        size=1,
        state=Attachment.State.PENDING,
    )
    pk = file.pk
    assert copying.settle_file(pk, None)
    # Else whoever has copied it meanwhile would keep a file that no row names.
    assert not copying.settle_file(pk, None)
    file.delete()
    assert not copying.settle_file(pk, None)


def test_an_edit_that_is_refused_is_shown_with_its_reason_and_one_that_arrives_takes_it_back(
    endpoint: Endpoint,
) -> None:
    connection = endpoint.connection
    author = Participant.objects.create(connection=connection, role="visitor", visitor=connection.visitor)
    message = Message.objects.create(
        connection=connection, author=author, seq=1, revision=1, content="is it blue?", state="delivered"
    )
    Connection.objects.update(revision=1, last_seq=1)

    def edit(revision: int) -> list[Delivery]:
        return [
            Delivery.objects.create(message=message, endpoint=endpoint, operation="edit", revision=revision)
        ]

    settling.mark_failed(edit(2), endpoint=endpoint, reason="too_old", detail="")
    message.refresh_from_db()
    assert (message.state, message.failure) == ("delivered", "too_old")
    settling.mark_delivered(edit(3), endpoint=endpoint, outcome=Delivery.Outcome.DELIVERED)
    message.refresh_from_db()
    assert (message.state, message.failure) == ("delivered", "")
