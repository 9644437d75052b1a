"""What failed is tried again at its place, by whoever may, and everybody sees that it is on its way."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bridge.chat import publishing
from bridge.chat.actions.retrying import SOON, hurry_lines, retry_deliveries
from bridge.delivery import lines
from bridge.infra.clock import Clock
from bridge.models import Connection, Delivery, Endpoint, Message
from tests.admin.conftest import Failing

DELIVERIES = reverse("admin:bridge_delivery_changelist")
LINES = reverse("admin:bridge_endpoint_changelist")


class Published:
    """Stands in for the channel layer's door: keeps what went through it."""

    def __init__(self) -> None:
        self.changes: list[publishing.Change] = []
        self.nudges = 0

    def publish(self, changes: list[publishing.Change], *, nudge: bool = False) -> None:
        self.changes += changes
        self.nudges += nudge


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    door = Published()
    monkeypatch.setattr(publishing, "publish", door.publish)
    return door


def press(client: Client, where: str, action: str, *pks: int) -> Any:
    return client.post(where, {"action": action, "_selected_action": pks}, follow=True)


def row(delivery: Delivery) -> tuple[Any, ...]:
    fresh = Delivery.objects.get(pk=delivery.pk)
    return fresh.settled_at, fresh.outcome, fresh.reason, fresh.detail


def test_staff_try_a_failed_delivery_again(
    staff: Client, failing: Failing, published: Published, django_capture_on_commit_callbacks: Any
) -> None:
    delivery, other = failing(2)

    with django_capture_on_commit_callbacks(execute=True):
        page = press(staff, DELIVERIES, "try_again", delivery.pk).content.decode()

    assert "1 delivery was queued again." in page
    assert row(delivery) == (None, "", "", "")
    assert row(other)[1] == "failed"
    fresh = Delivery.objects.get(pk=delivery.pk)
    assert (fresh.operation, fresh.revision) == ("post", delivery.revision)
    message = Message.objects.get(pk=delivery.message_id)
    connection = Connection.objects.get(pk=message.connection_id)
    assert (message.state, message.failure, message.seq) == ("sent", "", 1)
    assert message.revision == connection.revision == 3
    line = Endpoint.objects.get(pk=delivery.endpoint_id)
    assert line.due is not None
    assert line.due <= timezone.now() + timedelta(seconds=1)
    assert line.failures == 0
    assert published.nudges


def test_everybody_sees_that_it_is_on_its_way(
    failing: Failing, published: Published, django_capture_on_commit_callbacks: Any
) -> None:
    delivery = failing(1)[0]

    with django_capture_on_commit_callbacks(execute=True):
        retry_deliveries([delivery])

    (change,) = published.changes
    assert change.connection == str(delivery.message.connection.uid)
    frame = orjson.loads(change.frame)
    assert (frame["since"], frame["revision"]) == (2, 3)
    assert frame["event"] == "message.posted"
    assert [(m["uid"], m["state"]) for m in frame["payload"]["messages"]] == [
        (str(delivery.message.uid), "sent")
    ]


def test_pressing_twice_changes_nothing_more(failing: Failing) -> None:
    delivery = failing(1)[0]

    assert retry_deliveries([delivery]) == 1
    assert retry_deliveries([delivery]) == 0
    assert Connection.objects.get(pk=delivery.message.connection_id).revision == 3


def test_what_was_delivered_is_not_sent_again(failing: Failing) -> None:
    delivery = failing(1)[0]
    Delivery.objects.update(outcome="delivered")

    assert retry_deliveries([delivery]) == 0
    assert row(delivery)[0] is not None


def test_it_goes_at_its_place_among_what_waits(failing: Failing) -> None:
    delivery = failing(1)[0]
    message = delivery.message
    later = Message.objects.create(
        connection=message.connection, author=message.author, seq=2, revision=3, content="and?"
    )
    Delivery.objects.create(message=later, endpoint=delivery.endpoint, operation="post", revision=3)

    retry_deliveries([delivery])

    waiting = delivery.endpoint.deliveries.filter(settled_at=None).order_by("revision", "pk")
    assert [each.message_id for each in waiting] == [message.pk, later.pk]


def test_several_of_several_conversations_at_once(
    failing: Failing, published: Published, django_capture_on_commit_callbacks: Any
) -> None:
    deliveries = failing(3)

    with django_capture_on_commit_callbacks(execute=True):
        assert retry_deliveries(reversed(deliveries)) == 3

    assert len(published.changes) == 3
    assert not Delivery.objects.filter(outcome="failed").exists()


def test_an_edit_tried_again_leaves_the_message_delivered(
    failing: Failing, published: Published, django_capture_on_commit_callbacks: Any
) -> None:
    delivery = failing(1)[0]
    Delivery.objects.update(operation="edit")
    Message.objects.update(state="delivered", failure="")

    with django_capture_on_commit_callbacks(execute=True):
        retry_deliveries([delivery])

    message = Message.objects.get()
    assert (message.state, message.revision) == ("delivered", 2)
    assert published.changes == []
    assert published.nudges == 1


def test_nothing_is_published_of_what_is_rolled_back(
    failing: Failing, published: Published, django_capture_on_commit_callbacks: Any
) -> None:
    delivery = failing(1)[0]

    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        retry_deliveries([delivery])
        transaction.set_rollback(True)

    assert (published.changes, published.nudges) == ([], 0)
    assert row(delivery)[1] == "failed"


@pytest.mark.parametrize(("waits", "at_most"), [(5, 5), (3600, 31)])
def test_a_line_that_a_worker_may_hold_is_not_taken_from_it(
    failing: Failing, waits: int, at_most: int
) -> None:
    delivery = failing(1)[0]
    start = timezone.now()
    due = start + timedelta(seconds=waits)
    Endpoint.objects.update(due=due)

    hurry_lines([delivery.endpoint_id])

    line = Endpoint.objects.get()
    assert line.due is not None
    assert (
        start + timedelta(seconds=min(waits, 29)) <= line.due <= timezone.now() + timedelta(seconds=at_most)
    )


def test_a_worker_keeps_the_line_that_it_works(failing: Failing) -> None:
    delivery = failing(1)[0]
    retry_deliveries([delivery])
    (held,) = lines.claim("discord", limit=5, clock=Clock())

    hurry_lines([delivery.endpoint_id])

    assert lines.claim("discord", limit=5, clock=Clock()) == []
    endpoint, _ = lines.hold(held, clock=Clock())
    assert [each.pk for each in endpoint.deliveries.filter(settled_at=None)] == [delivery.pk]
    assert lines.CLAIM <= SOON


def test_a_viewer_tries_nothing_again(viewer: Client, failing: Failing) -> None:
    delivery = failing(1)[0]

    page = press(viewer, DELIVERIES, "try_again", delivery.pk).content.decode()
    press(viewer, LINES, "try_now", delivery.endpoint_id)

    assert 'value="try_again"' not in page
    assert row(delivery)[1] == "failed"
    assert Endpoint.objects.get().failures == 3


def test_who_may_neither_look_nor_change_gets_no_answer(
    stranger: Client, outsider: Client, failing: Failing
) -> None:
    delivery = failing(1)[0]

    assert press(stranger, DELIVERIES, "try_again", delivery.pk).status_code == 403
    press(outsider, DELIVERIES, "try_again", delivery.pk)
    press(Client(), DELIVERIES, "try_again", delivery.pk)
    assert row(delivery)[1] == "failed"


def test_staff_with_the_permission_may(failing: Failing) -> None:
    delivery = failing(1)[0]
    user = User.objects.create_user("agent", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_delivery", "change_delivery"]))
    client = Client()
    client.force_login(user)

    press(client, DELIVERIES, "try_again", delivery.pk)

    assert row(delivery)[1] == ""


def test_without_the_token_of_a_form_nothing_happens(failing: Failing) -> None:
    delivery = failing(1)[0]
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("staff"))

    assert press(client, DELIVERIES, "try_again", delivery.pk).status_code == 403
    assert row(delivery)[1] == "failed"


def test_reasons_are_given_in_words(staff: Client, failing: Failing) -> None:
    message = failing(1)[0].message

    page = staff.get(DELIVERIES).content.decode()
    place = reverse("admin:bridge_connection_change", args=[message.connection_id])
    assert f'<a href="{place}?before=12#message-1">Help 0</a>' in page
    assert "A filter blocked the text: change it, then try again." in page
    assert "Discord said: no" in page
    assert "The bot may not write here." in staff.get(LINES).content.decode()


def test_a_held_line_is_tried_soon(
    staff: Client, failing: Failing, published: Published, django_capture_on_commit_callbacks: Any
) -> None:
    delivery = failing(1)[0]
    Endpoint.objects.update(due=timezone.now() + timedelta(hours=1))

    with django_capture_on_commit_callbacks(execute=True):
        page = press(staff, LINES, "try_now", delivery.endpoint_id).content.decode()

    line = Endpoint.objects.get()
    assert "within half a minute" in page
    assert line.due is not None
    assert line.due <= timezone.now() + timedelta(seconds=31)
    assert published.nudges == 1
