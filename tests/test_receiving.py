"""What a service brings in, seen from the database: cases that process tests found."""

import uuid

import pytest
from django.utils import timezone

from bridge.actions import receiving
from bridge.actions.receiving import Incoming, RemoteAuthor
from bridge.models import Connection, Endpoint, Inbox

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
