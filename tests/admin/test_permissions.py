"""Who may not look sees nothing; nobody changes what was said."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from bridge.models import Connection, Delivery, Endpoint, Message
from tests.admin.conftest import Failing

LISTS = [
    reverse(f"admin:bridge_{name}_changelist") for name in ("connection", "message", "delivery", "endpoint")
]
HISTORY = [("connection", Connection), ("message", Message), ("delivery", Delivery), ("endpoint", Endpoint)]


def pages(failing: Failing) -> list[str]:
    delivery = failing(1)[0]
    rows = {
        "connection": delivery.message.connection_id,
        "message": delivery.message_id,
        "delivery": delivery.pk,
        "endpoint": delivery.endpoint_id,
    }
    return LISTS + [reverse(f"admin:bridge_{name}_change", args=[pk]) for name, pk in rows.items()]


def test_nobody_sees_anything_without_logging_in(failing: Failing) -> None:
    for url in pages(failing):
        response = Client().get(url, follow=True)
        assert response.redirect_chain, url
        assert "Help 0" not in response.content.decode()
        assert "Visitor 0" not in response.content.decode()


def test_a_user_who_is_no_staff_sees_nothing(outsider: Client, failing: Failing) -> None:
    for url in pages(failing):
        assert "Visitor 0" not in outsider.get(url, follow=True).content.decode()
        assert outsider.get(url).status_code == 302, url


def test_staff_without_the_permission_see_nothing(stranger: Client, failing: Failing) -> None:
    for url in pages(failing):
        assert stranger.get(url).status_code == 403, url
    assert "Connections" not in stranger.get(reverse("admin:index")).content.decode()


def test_a_redirect_does_not_tell_which_ids_exist(stranger: Client, failing: Failing) -> None:
    message = failing(1)[0].message
    there = stranger.get(reverse("admin:bridge_message_change", args=[message.pk]))
    nowhere = stranger.get(reverse("admin:bridge_message_change", args=[message.pk + 1]))

    assert there.status_code == nowhere.status_code == 403


def test_a_viewer_sees_all_of_it(viewer: Client, failing: Failing) -> None:
    for url in pages(failing):
        response = viewer.get(url, follow=True)
        assert response.status_code == 200, url
        assert "Visitor 0" in response.content.decode(), url


@pytest.mark.parametrize(("name", "model"), HISTORY)
def test_even_a_superuser_changes_no_history(
    staff: Client, failing: Failing, name: str, model: type[Connection]
) -> None:
    failing(1)
    row = model.objects.get()
    before = model.objects.values().get()

    assert staff.get(reverse(f"admin:bridge_{name}_add")).status_code == 403
    assert (
        staff.post(reverse(f"admin:bridge_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    )
    staff.post(reverse(f"admin:bridge_{name}_change", args=[row.pk]), {"content": "forged", "nick": "forged"})
    staff.post(
        reverse(f"admin:bridge_{name}_changelist"),
        {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"},
    )

    assert model.objects.values().get() == before


def test_what_is_not_there_is_not_found(staff: Client) -> None:
    for name, _ in HISTORY:
        for pk in ("999", "not-a-number", "_5F"):
            assert staff.get(f"/admin/bridge/{name}/{pk}/change/").status_code == 404


def test_no_page_needs_what_the_security_policy_forbids(staff: Client, failing: Failing) -> None:
    for url in [*pages(failing), reverse("admin:bridge_inbox_add"), f"{LISTS[0]}?q=visitor"]:
        response = staff.get(url, follow=True)
        page = response.content.decode()

        assert "script-src 'self';" in response.headers["Content-Security-Policy"]
        assert not re.findall(r"<style\b|\sstyle=|\son[a-z]+=", page), url
        inline = [each for each in re.findall(r"<script\b[^>]*>", page) if "src=" not in each]
        assert [each for each in inline if "application/json" not in each] == [], url
