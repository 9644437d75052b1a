"""Which permission shows what: every page that staff can open, with each permission alone and with the others."""

import uuid
from itertools import product

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from bridge.conf import file_storage
from bridge.models import Attachment, Connection, Delivery, Endpoint, Inbox, Message, MessageVersion, Room
from tests.admin.conftest import client_of

pytestmark = pytest.mark.django_db
SAID, BEFORE, SENT, UNSENT, KEY = "what-was-said", "what-it-said-before", "sent.txt", "unsent.txt", "k" * 22


@pytest.fixture
def secret(conversation: Connection, inbox: Inbox) -> dict[str, object]:
    """A conversation with all that could be read of it, and one row of each list."""
    message = Message.objects.get(connection=conversation, seq=1)
    Message.objects.filter(pk=message.pk).update(content=SAID, state="failed")
    MessageVersion.objects.create(message=message, content=BEFORE)
    files = {
        name: Attachment.objects.create(
            inbox=inbox,
            visitor=conversation.visitor,
            name=name,
            content_type="text/plain",
            size=4,
            state="stored",
            message=of,
            file=file_storage().save(f"{uuid.uuid4()}", ContentFile(b"file")),
        )
        for name, of in ((SENT, message), (UNSENT, None))
    }
    endpoint = Endpoint.objects.get(connection=conversation)
    Endpoint.objects.filter(pk=endpoint.pk).update(trouble="It waits.", failures=1)
    delivery = Delivery.objects.create(
        message=message, endpoint=endpoint, operation="post", revision=1, outcome="failed", reason="refused"
    )
    room = Room.objects.create(
        inbox=inbox, kind="room", name="Lobby", slug="lobby", access="link", link_key=KEY
    )
    rows = {"connection": conversation, "message": message, "delivery": delivery, "endpoint": endpoint}
    return {**rows, "inbox": inbox, "room": room, "files": files}


def staff_with(*permissions: str) -> Client:
    user = User.objects.create_user(uuid.uuid4().hex, is_staff=True)
    found = Permission.objects.filter(content_type__app_label="bridge", codename__in=permissions)
    assert len(found) == len(permissions), permissions
    user.user_permissions.set(found)
    return client_of(user)


def pages(secret: dict[str, object]) -> list[str]:
    """Every address of the admin for these models, from the admin itself."""
    found = [reverse("admin:index"), reverse("admin:app_list", args=["bridge"])]
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label != "bridge":
            continue
        row = secret.get(model._meta.model_name or "")
        for pattern in model_admin.get_urls():
            if not pattern.name or "sign_out" in pattern.name:
                continue
            takes = "object_id" in str(pattern.pattern)
            if not takes or row is not None:
                found.append(reverse(f"admin:{pattern.name}", args=[row.pk] if takes else []))  # type: ignore[attr-defined]
        found += [
            f"{found[-1]}?q=what",
            f"/admin/autocomplete/?app_label=bridge&model_name={model._meta.model_name}&term=w",
        ]
    return found


def all_text(client: Client, secret: dict[str, object]) -> str:
    """Whatever this user can open, on its own and where it leads."""
    return "".join(client.get(page, follow=True).content.decode(errors="replace") for page in pages(secret))


VIEWS = [
    "view_connection",
    "view_message",
    "view_delivery",
    "view_endpoint",
    "view_inbox",
    "view_room",
    "view_block",
]


@pytest.mark.parametrize(
    "permission",
    [*VIEWS, "change_delivery", "change_endpoint", "add_block", "add_revokedtoken", "view_webhook"],
)
def test_one_permission_alone_shows_messages_only_where_it_is_for_them(
    secret: dict[str, object], permission: str
) -> None:
    text = all_text(staff_with(permission), secret)
    if permission != "view_message":
        assert SAID not in text
    for hidden in (BEFORE, UNSENT, KEY):
        assert hidden not in text


def test_all_of_them_but_that_for_messages_show_no_message(secret: dict[str, object]) -> None:
    others = [each for each in VIEWS if each != "view_message"]
    client = staff_with(*others, "change_connection", "change_delivery", "change_endpoint")
    text = all_text(client, secret)
    for hidden in (SAID, BEFORE, SENT, UNSENT, KEY):
        assert hidden not in text
    assert "Brave Otter" in text
    assert "You need the permission to view messages" in text


def test_with_it_what_was_said_is_there_and_what_was_not_sent_is_nowhere(secret: dict[str, object]) -> None:
    text = all_text(staff_with(*VIEWS), secret)
    for shown in (SAID, BEFORE, SENT):
        assert shown in text
    for hidden in (UNSENT, KEY):
        assert hidden not in text


def test_also_for_a_superuser_what_was_not_sent_is_nowhere(staff: Client, secret: dict[str, object]) -> None:
    text = all_text(staff, secret)
    assert SAID in text
    assert KEY in text
    assert UNSENT not in text


@pytest.mark.parametrize(
    ("connection", "message", "file"), [*product([True, False], [True, False], [SENT, UNSENT])]
)
def test_files_are_for_who_may_read_where_they_were_sent(
    secret: dict[str, object], connection: bool, message: bool, file: str
) -> None:
    wanted = [*(["view_connection"] if connection else []), *(["view_message"] if message else [])]
    row = secret["files"][file]  # type: ignore[index]
    answered = staff_with(*wanted).head(reverse("bridge:file", args=[row.uid]))
    assert answered.status_code == (200 if connection and message and file == SENT else 404)


def test_a_superuser_reads_no_file_that_was_not_sent(staff: Client, secret: dict[str, object]) -> None:
    row = secret["files"][UNSENT]  # type: ignore[index]
    assert staff.head(reverse("bridge:file", args=[row.uid])).status_code == 404


def test_a_stranger_sees_none_of_it(stranger: Client, secret: dict[str, object]) -> None:
    text = all_text(stranger, secret)
    assert [each for each in (SAID, BEFORE, SENT, UNSENT, KEY, "Brave Otter") if each in text] == []
