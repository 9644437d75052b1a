"""Inboxes are configured here, and mistakes are refused in words."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from redis import Redis

from bridge.admin.inboxes import InboxAdmin
from bridge.infra import redis
from bridge.models import Connection, Contact, Inbox
from bridge.presence.registry import Registry
from bridge.presence.rooms import announce
from bridge.presence.shared import Scope
from tests.admin.conftest import client_of

ADD = reverse("admin:bridge_inbox_add")
GOOD = {
    "name": "shop",
    "title": "The shop",
    "greeting": "Hello!",
    "enabled": "on",
    "discord_channel_id": "1180000000000000012",
    "max_upload": "10",
    "email_after": "15",
    "edit_window": "600",
    "upload_types": "image/*, application/pdf image/*",
    "allowed_origins": "https://Shop.example/\nhttp://localhost:3000\nhttps://shop.example",
    "invites": "remove",
    "show_read": "reaction",
    "blocked_words": "rude\nvery rude",
    "links": "refuse",
    "identity": "off",
    "proof": "on",
}


def test_all_that_an_inbox_says_is_set_here() -> None:
    shown = {name for _, options in InboxAdmin.fieldsets for name in options["fields"]}
    fields = {field.name for field in Inbox._meta.fields}
    found_by_the_bot = {"discord_trouble", "discord_hint", "discord_server_id", "discord_unseen_since"}
    assert (
        fields - shown
        == {
            "id",
            "created_at",
            "identity_secret",
            "previous_identity_secret",
            "previous_identity_until",
            "full_at",
            "full_told",
        }
        | found_by_the_bot
    )


@pytest.mark.parametrize("roles", ["1180000000000000004", "1180000000000000004\r\n1180000000000000005\n", ""])
def test_staff_roles_are_ids_one_a_line(staff: Client, roles: str) -> None:
    assert staff.post(ADD, GOOD | {"staff_roles": roles}).status_code == 302
    assert Inbox.objects.get(name="shop").staff_role_ids == {int(role) for role in roles.split()}


@pytest.mark.parametrize("roles", ["@staff", "12", "1180000000000000004 moderators", "١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨"])
def test_what_is_no_roles_id_is_named(staff: Client, roles: str) -> None:
    response = staff.post(ADD, GOOD | {"staff_roles": roles})
    assert "is not the ID of a role" in response.content.decode()
    assert not Inbox.objects.filter(name="shop").exists()


def test_what_holds_an_inbox_is_shown(staff: Client) -> None:
    Inbox.objects.filter(name="default").update(
        discord_trouble="The bot cannot see the channel 1: check the id."
    )
    assert (
        "On hold, nothing is lost: The bot cannot see the channel 1"
        in staff.get(reverse("admin:bridge_inbox_changelist")).content.decode()
    )


def test_staff_add_an_inbox(staff: Client) -> None:
    response = staff.post(ADD, GOOD)

    assert response.status_code == 302
    shop = Inbox.objects.get(name="shop")
    assert shop.channel_id == 1180000000000000012
    assert (shop.blocked_words.split(), shop.links) == (["rude", "very", "rude"], "refuse")
    assert shop.allowed_origins == "https://shop.example\nhttp://localhost:3000"
    assert shop.email_after == 15
    assert shop.proof == Inbox.Proof.ON
    assert (shop.max_upload, shop.upload_types) == (10, "image/* application/pdf")
    assert shop.origins == {"https://shop.example", "http://localhost:3000"}


def test_an_inbox_without_channel_and_origins_is_fine(staff: Client) -> None:
    staff.post(ADD, GOOD | {"discord_channel_id": "", "allowed_origins": ""})

    assert Inbox.objects.get(name="shop").channel_id is None


@pytest.mark.parametrize(
    "channel", ["#support", "12", "118000000000000001x", "١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨", "-1180000000000000"]
)
def test_a_channel_id_is_digits(staff: Client, channel: str) -> None:
    response = staff.post(ADD, GOOD | {"discord_channel_id": channel})

    assert "Copy Channel ID" in response.content.decode()
    assert not Inbox.objects.filter(name="shop").exists()


@pytest.mark.parametrize(
    ("origin", "mistake"),
    [
        ("shop.example", "must begin with https://"),
        ("javascript:alert(1)", "must begin with https://"),
        ("*", "must begin with https://"),
        ("https://", "no valid host name"),
        ("https://*.example", "no valid host name"),
        ("https://-shop.example", "no valid host name"),
        ("https://löwe.example", "no valid host name"),
        ("https://shop.example/cart", "must not contain a path: https://shop.example"),
        ("https://shop.example?x=1", "must not contain a path"),
        ("https://shop.example:99999", "not a valid address"),
        ("https://[::1", "not a valid address"),
        ("https://anna@shop.example", "must not contain a user name"),
    ],
)
def test_an_origin_is_an_origin(staff: Client, origin: str, mistake: str) -> None:
    response = staff.post(ADD, GOOD | {"allowed_origins": f"https://fine.example\n{origin}"})

    assert mistake in response.context["adminform"].form.errors["allowed_origins"][0]
    assert not Inbox.objects.filter(name="shop").exists()


@pytest.mark.parametrize(
    "origin", ["https://shop.example", "http://127.0.0.1:8000", "https://[::1]:8443", "http://localhost/"]
)
def test_these_are_origins(staff: Client, origin: str) -> None:
    staff.post(ADD, GOOD | {"allowed_origins": origin})
    assert Inbox.objects.get(name="shop").origins == {origin.rstrip("/")}


def test_the_default_inbox_keeps_its_name(staff: Client, inbox: Inbox) -> None:
    staff.post(reverse("admin:bridge_inbox_change", args=[inbox.pk]), GOOD | {"name": "other"})

    inbox.refresh_from_db()
    assert (inbox.name, inbox.title) == ("default", "The shop")


def test_no_inbox_is_deleted(staff: Client, conversation: Connection) -> None:
    response = staff.post(reverse("admin:bridge_inbox_delete", args=[conversation.inbox_id]), {"post": "yes"})

    assert response.status_code == 403
    assert Inbox.objects.filter(pk=conversation.inbox_id).exists()


def test_a_viewer_changes_no_inbox(viewer: Client, inbox: Inbox) -> None:
    assert viewer.get(reverse("admin:bridge_inbox_change", args=[inbox.pk])).status_code == 200
    assert viewer.post(reverse("admin:bridge_inbox_change", args=[inbox.pk]), GOOD).status_code == 403
    assert viewer.post(ADD, GOOD).status_code == 403


def _shop(**fields: object) -> Inbox:
    return Inbox.objects.create(name="shop", **fields)


def _change(inbox: Inbox) -> str:
    return reverse("admin:bridge_inbox_change", args=[inbox.pk])


@pytest.fixture
def editor(db: None) -> Client:
    """Staff who may change inboxes, and are no superuser."""
    user = User.objects.create_user("editor", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_inbox", "change_inbox"]))
    return client_of(user)


def test_an_inbox_that_takes_jwts_has_a_secret_that_superusers_see_and_change(
    staff: Client, editor: Client, viewer: Client
) -> None:
    staff.post(ADD, GOOD | {"identity": "jwt"})
    shop = Inbox.objects.get(name="shop")
    first = shop.identity_secret
    assert len(first) == 64
    assert shop.takes_jwt
    staff.post(_change(shop), GOOD | {"identity": "jwt"})
    shop.refresh_from_db()
    assert shop.identity_secret == first
    staff.post(_change(shop), GOOD | {"identity": "jwt", "new_secret": "on"})
    shop.refresh_from_db()
    assert shop.identity_secret not in {"", first}
    assert shop.identity_secret in staff.get(_change(shop)).content.decode()
    for other in (editor, viewer):
        assert shop.identity_secret not in other.get(_change(shop)).content.decode()
    second = shop.identity_secret
    assert editor.post(_change(shop), GOOD | {"identity": "jwt", "new_secret": "on"}).status_code == 302
    shop.refresh_from_db()
    assert shop.identity_secret == second


def test_nobody_can_be_required_to_be_known_where_nobody_vouches(staff: Client) -> None:
    response = staff.post(ADD, GOOD | {"identity": "off", "identity_required": "on"})
    assert "Choose how visitors are identified" in response.content.decode()
    assert not Inbox.objects.filter(name="shop").exists()


def test_an_inbox_shows_who_is_online(valkey_url: str, viewer: Client, conversation: Connection) -> None:
    inbox = conversation.inbox
    here = Registry(announce)
    assert conversation.visitor is not None
    Contact.objects.create(inbox=inbox, visitor=conversation.visitor, name="<b>Ada</b>")
    here.arrive(Scope("inbox", inbox.pk), conversation.visitor.hex, identified=True)
    here.arrive(Scope("inbox", inbox.pk), uuid.uuid4().hex)
    here.arrive(Scope("inbox", _shop().pk), uuid.uuid4().hex)
    asyncio.run(here.flush())
    try:
        page = viewer.get(_change(inbox)).content.decode()
    finally:
        redis.blocking_client().close()
    assert "2 (1 identified)" in page
    assert "&lt;b&gt;Ada&lt;/b&gt;, since" in page
    assert "anonymous, since" in page
    assert reverse("admin:bridge_connection_change", args=[conversation.pk]) in page


def test_an_inbox_is_shown_while_redis_is_away(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Redis(unix_socket_path="/nonexistent/valkey.sock")
    monkeypatch.setattr("bridge.infra.redis.blocking_client", lambda: nowhere)
    assert "Redis cannot be reached" in viewer.get(_change(_shop())).content.decode()


def test_an_inbox_says_how_many_conversations_were_opened_and_whether_browsers_are_checked(
    staff: Client, inbox: Inbox
) -> None:
    page = reverse("admin:bridge_inbox_change", args=[inbox.pk])
    text = staff.get(page).content.decode()
    assert "0 in the last 10 minutes; the limit is 500 in 60 minutes. Browsers are not checked." in text
    rush = [Connection(inbox=inbox, visitor=uuid.uuid4()) for _ in range(50)]
    old = timezone.now() - timedelta(minutes=11)
    Connection.objects.bulk_create([*rush, Connection(inbox=inbox, visitor=uuid.uuid4(), created_at=old)])
    assert "50 in the last 10 minutes; the limit is 500 in 60 minutes. Browsers are checked." in (
        staff.get(page).content.decode()
    )
    assert "The limit was reached" not in text
    Inbox.objects.update(full_at=timezone.now(), proof=Inbox.Proof.OFF)
    text = staff.get(page).content.decode()
    assert "Browsers are not checked. The limit was reached" in text
    assert "Last limit reached" in staff.get(reverse("admin:bridge_inbox_changelist")).content.decode()


def test_a_superuser_gives_a_new_secret_with_time_and_nobody_else_does(
    staff: Client, viewer: Client, stranger: Client, inbox: Inbox
) -> None:
    inbox.identity, inbox.identity_secret = Inbox.Identity.JWT, "s" * 64
    inbox.save()
    asked = {"action": "rotate_secret", "_selected_action": [inbox.pk]}
    for other in (viewer, stranger):
        other.post(reverse("admin:bridge_inbox_changelist"), asked)
        inbox.refresh_from_db()
        assert inbox.identity_secrets() == ["s" * 64]
    staff.post(reverse("admin:bridge_inbox_changelist"), asked)
    inbox.refresh_from_db()
    assert inbox.identity_secrets() == [inbox.identity_secret, "s" * 64]
    assert inbox.identity_secret != "s" * 64
    assert "The previous one is valid until" in staff.get(_change(inbox)).content.decode()
