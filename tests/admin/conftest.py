"""The cast of the admin's tests, and conversations for them to look at."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from bridge.models import (
    Connection,
    Delivery,
    Endpoint,
    Inbox,
    Message,
    Participant,
    RemoteMessage,
    RemotePart,
)

Failing = Callable[[int], list[Delivery]]


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(autouse=True)
def _team(settings: Any) -> None:
    """Whichever services there are, the admin knows what one of them tells it."""
    settings.BRIDGE_SERVICES = settings.BRIDGE_SERVICES | {"discord": "tests.services.memory.Team"}


@pytest.fixture
def staff(db: None) -> Client:
    """May do everything."""
    return client_of(User.objects.create_superuser("staff"))


@pytest.fixture
def viewer(db: None) -> Client:
    """Staff who may look at everything and change nothing."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="bridge", codename__startswith="view_")
    )
    return client_of(user)


@pytest.fixture
def stranger(db: None) -> Client:
    """Staff of something else: logs in to the admin and may see nothing of the chat."""
    return client_of(User.objects.create_user("stranger", is_staff=True))


@pytest.fixture
def outsider(db: None) -> Client:
    """A user of the site who is no staff."""
    return client_of(User.objects.create_user("outsider"))


@pytest.fixture
def inbox(db: None) -> Inbox:
    return Inbox.objects.get(name="default")


@pytest.fixture
def conversation(inbox: Inbox) -> Connection:
    """Brave Otter wrote, Anna answered from Discord."""
    connection = Connection.objects.create(
        inbox=inbox,
        visitor=uuid.uuid4(),
        nick="Brave Otter",
        revision=2,
        last_seq=2,
        page_url="https://shop.example/cart",
        page_title="Your cart",
        referrer="https://search.example/?q=shop",
        locale="de-AT",
        user_agent="Firefox on a phone",
    )
    visitor = Participant.objects.create(connection=connection, role="visitor", nick="Brave Otter")
    anna = Participant.objects.create(
        connection=connection, role="staff", service="discord", remote_id="77", nick="Anna"
    )
    thread = Endpoint.objects.create(
        connection=connection, service="discord", remote_id="1180000000000000777"
    )
    question = Message.objects.create(
        connection=connection,
        author=visitor,
        seq=1,
        revision=1,
        content="Where is my parcel?",
        state="delivered",
    )
    Message.objects.create(
        connection=connection, author=anna, seq=2, revision=2, service="discord", content="On its way!"
    )
    remote = RemoteMessage.objects.create(endpoint=thread, remote_id="1180000000000000888", ours=True)
    RemotePart.objects.create(remote=remote, message=question, position=0)
    return connection


@pytest.fixture
def failing(inbox: Inbox) -> Failing:
    """Makes so many conversations more, each with a message that failed and a line that is held."""

    def make(count: int) -> list[Delivery]:
        return [_failed(inbox, number) for number in range(count)]

    return make


def _failed(inbox: Inbox, number: int) -> Delivery:
    at = timezone.now() - timedelta(minutes=number)
    connection = Connection.objects.create(
        inbox=inbox, visitor=uuid.uuid4(), nick=f"Visitor {number}", revision=2, last_seq=1, active_at=at
    )
    author = Participant.objects.create(connection=connection, role="visitor", nick=f"Visitor {number}")
    endpoint = Endpoint.objects.create(
        connection=connection, service="discord", trouble="The bot may not write here.", failures=3
    )
    message = Message.objects.create(
        connection=connection,
        author=author,
        seq=1,
        revision=2,
        content=f"Help {number}",
        state="failed",
        failure="blocked_by_automod",
        created_at=at,
    )
    return Delivery.objects.create(
        message=message,
        endpoint=endpoint,
        operation="post",
        revision=1,
        settled_at=at,
        outcome="failed",
        reason="blocked_by_automod",
        detail="Discord said: no",
    )
