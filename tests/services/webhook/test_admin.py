"""Webhooks in the admin: made, tried, given a new secret; and their secret is not for everybody who may look."""

import asyncio
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from bridge.models import Connection, Delivery, Endpoint, Inbox, Webhook
from tests.admin.conftest import client_of
from tests.services.webhook.receiver import Receiver

ADD = reverse("admin:bridge_webhook_add")
LIST = reverse("admin:bridge_webhook_changelist")


def form(inbox: Inbox, **changed: str) -> dict[str, Any]:
    return {"name": "Shop", "inbox": inbox.pk, "url": "https://shop.example/hook", "enabled": "on"} | changed


@pytest.fixture
def webhook(inbox: Inbox) -> Webhook:
    return Webhook.objects.create(inbox=inbox, name="Shop", url="https://shop.example/hook?key=hunter2")


def change_of(webhook: Webhook) -> str:
    return reverse("admin:bridge_webhook_change", args=[webhook.pk])


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """On a loop of its own: the admin waits for the answer."""
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    receiver = Receiver()
    asyncio.run_coroutine_threadsafe(receiver.__aenter__(), loop).result()
    yield receiver
    asyncio.run_coroutine_threadsafe(receiver.__aexit__(None, None, None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_staff_make_one_and_open_conversations_of_its_inbox_get_it(
    staff: Client, inbox: Inbox, conversation: Connection
) -> None:
    strange = Inbox.objects.create(name="strange")
    elsewhere = Connection.objects.create(inbox=strange, visitor=uuid.uuid4())
    closed = Connection.objects.create(inbox=inbox, visitor=uuid.uuid4(), state="closed")
    assert staff.post(ADD, form(inbox)).status_code == 302

    webhook = Webhook.objects.get()
    assert webhook.secret.startswith("whsec_")
    (endpoint,) = Endpoint.objects.filter(service="webhook")
    assert endpoint.connection == conversation
    assert endpoint.remote_id == f"{webhook.pk}:{conversation.uid}"
    assert not elsewhere.endpoints.exists()
    assert not closed.endpoints.exists()


def test_switched_on_again_it_joins_what_began_without_it(
    staff: Client, webhook: Webhook, conversation: Connection
) -> None:
    Webhook.objects.update(enabled=False)
    given = form(webhook.inbox)
    del given["inbox"]
    staff.post(change_of(webhook), given)
    assert conversation.endpoints.filter(service="webhook").count() == 1


def test_its_inbox_stays(staff: Client, webhook: Webhook) -> None:
    """Its endpoints are in that inbox's conversations: it would hear one and answer for the other."""
    strange = Inbox.objects.create(name="strange")
    staff.post(change_of(webhook), form(strange, name="Renamed"))
    webhook.refresh_from_db()
    assert (webhook.name, webhook.inbox.name) == ("Renamed", "default")


@pytest.mark.parametrize(
    "url", ["http://shop.example/", "https://127.0.0.1/", "https://me:secret@shop.example/"]
)
def test_an_address_that_is_not_taken_is_refused_in_words(staff: Client, inbox: Inbox, url: str) -> None:
    page = staff.post(ADD, form(inbox, url=url)).content.decode()
    assert "errorlist" in page
    assert not Webhook.objects.exists()


def test_who_may_only_look_sees_neither_the_secret_nor_the_path(viewer: Client, webhook: Webhook) -> None:
    page = viewer.get(change_of(webhook)).content.decode()
    assert "whsec_" not in page
    listed = viewer.get(LIST).content.decode()
    assert "shop.example" in listed
    assert "hunter2" not in listed + page
    assert viewer.post(LIST, {"action": "rotate_secret", "_selected_action": [webhook.pk]}).status_code in (
        200,
        302,
        403,
    )
    webhook.refresh_from_db()
    assert webhook.previous_secret == ""


def test_who_may_change_it_sees_the_secret_and_where_to_post(staff: Client, webhook: Webhook) -> None:
    page = staff.get(change_of(webhook)).content.decode()
    assert webhook.secret in page
    assert f"/services/webhook/{webhook.uid}/" in page


def test_a_stranger_sees_nothing_and_changes_nothing(stranger: Client, webhook: Webhook) -> None:
    for url in (LIST, ADD, change_of(webhook)):
        assert stranger.get(url).status_code == 403
    assert stranger.post(change_of(webhook), form(webhook.inbox, name="Mine")).status_code == 403
    assert (
        stranger.post(LIST, {"action": "rotate_secret", "_selected_action": [webhook.pk]}).status_code == 403
    )
    webhook.refresh_from_db()
    assert (webhook.name, webhook.previous_secret) == ("Shop", "")


def test_a_new_secret_leaves_the_old_one_for_a_day(staff: Client, webhook: Webhook) -> None:
    before = webhook.secret
    page = staff.post(LIST, {"action": "rotate_secret", "_selected_action": [webhook.pk]}, follow=True)
    assert "for 24 hours" in page.content.decode()
    webhook.refresh_from_db()
    assert webhook.secret != before
    assert webhook.secrets() == [webhook.secret, before]
    assert before in staff.get(change_of(webhook)).content.decode()


def test_a_test_event_is_sent_and_what_becomes_of_it_is_said(
    staff: Client, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.secret = webhook.secret
    Webhook.objects.update(url=receiver.url)
    action = {"action": "send_test_event", "_selected_action": [webhook.pk]}
    assert "Shop accepted the event." in staff.post(LIST, action, follow=True).content.decode()
    (event,) = receiver.events()
    assert (event["type"], event["data"]) == ("webhook.test", {"webhook": "Shop", "inbox": "default"})

    receiver.trouble = 500
    assert (
        "Shop: It answered 500 Internal Server Error."
        in staff.post(LIST, action, follow=True).content.decode()
    )
    webhook.refresh_from_db()
    assert webhook.succeeded_at is not None
    assert webhook.failed_at is not None
    assert "500 Internal Server Error" in staff.get(LIST).content.decode()


def test_a_test_event_to_a_private_address_is_not_sent(
    staff: Client, webhook: Webhook, receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    Webhook.objects.update(url=receiver.url)
    page = staff.post(LIST, {"action": "send_test_event", "_selected_action": [webhook.pk]}, follow=True)
    assert "127.0.0.1 is not a public address" in page.content.decode()
    assert receiver.asked == []


def test_what_a_webhook_never_took_is_listed_with_its_reason(
    staff: Client, webhook: Webhook, conversation: Connection
) -> None:
    endpoint = Endpoint.objects.create(
        connection=conversation, service="webhook", remote_id=f"{webhook.pk}:{conversation.uid}"
    )
    message = conversation.messages.order_by("seq")[0]
    Delivery.objects.create(
        message=message,
        endpoint=endpoint,
        operation="post",
        revision=1,
        outcome="failed",
        reason="webhook_refused",
        detail="It answered 400 Bad Request.",
        settled_at=message.created_at,
    )
    page = staff.get(reverse("admin:bridge_delivery_changelist")).content.decode()
    assert "receiver refused this event" in page
    assert "It answered 400 Bad Request." in page


def test_one_may_be_taken_away_and_what_was_said_stays(
    staff: Client, webhook: Webhook, conversation: Connection
) -> None:
    Endpoint.objects.create(
        connection=conversation, service="webhook", remote_id=f"{webhook.pk}:{conversation.uid}"
    )
    staff.post(reverse("admin:bridge_webhook_delete", args=[webhook.pk]), {"post": "yes"})
    assert not Webhook.objects.exists()
    assert conversation.messages.count() == 2


def test_who_may_add_but_not_change_does_not_see_the_secret(webhook: Webhook) -> None:
    user = User.objects.create_user("adder", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["add_webhook", "view_webhook"]))
    assert "whsec_" not in client_of(user).get(change_of(webhook)).content.decode()
