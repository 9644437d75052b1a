"""What a service brings in, seen from the database: cases that process tests found."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from bridge.actions import receiving
from bridge.actions.receiving import Incoming, RemoteAuthor
from bridge.models import Connection, Endpoint, Inbox, RemoteMessage

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
    assert receiving.known_since(endpoint.pk, 0) == ["2001"]


def test_a_staff_message_bears_the_time_at_which_it_was_written(endpoint: Endpoint) -> None:
    written = timezone.now() - timedelta(hours=3)
    incoming = Incoming(remote_id="1001", author=STAFF, content="hello", created_at=written)
    message = receiving.receive_message(endpoint.pk, incoming)
    assert message is not None
    assert message.created_at == written
    assert Connection.objects.get().active_at > written


def test_a_deletion_that_was_seen_before_its_message_is_the_echos(endpoint: Endpoint) -> None:
    sent = RemoteMessage.objects.create(endpoint=endpoint, ours=True, nonce="n", sent_at=timezone.now())
    receiving.receive_delete(endpoint.pk, "1001", deleted_at=timezone.now())
    receiving.receive_echo(endpoint.pk, nonce="n", remote_id="1001")
    sent.refresh_from_db()
    assert (sent.remote_id, sent.deleted_at is not None) == ("1001", True)


def test_an_echo_that_comes_after_the_answer_changes_nothing(endpoint: Endpoint) -> None:
    sent = RemoteMessage.objects.create(endpoint=endpoint, ours=True, nonce="n", remote_id="1001")
    receiving.receive_echo(endpoint.pk, nonce="n", remote_id="1001")
    sent.refresh_from_db()
    assert RemoteMessage.objects.count() == 1
    assert sent.deleted_at is None
