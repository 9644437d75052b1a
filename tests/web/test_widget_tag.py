"""`{% chat_widget %}` and the headers of what it shows. How it behaves in a browser: tests/browser/test_widget.py."""

import re

import pytest
from django.http import HttpResponse
from django.template import Context, Template
from django.test import Client

from bridge.models import Connection, Inbox


def rendered(tag: str, **context: str) -> str:
    return Template("{% load chatbridge %}" + tag).render(Context(context))


def test_it_shows_the_default_inbox_or_another() -> None:
    assert 'data-framed="/?inbox=default&amp;embedded=1"' in rendered("{% chat_widget %}")
    assert 'data-framed="/?inbox=sales&amp;embedded=1"' in rendered('{% chat_widget inbox="sales" %}')
    assert '<a class="launcher plain" href="/?inbox=sales">' in rendered('{% chat_widget inbox="sales" %}')


def test_no_name_of_an_inbox_breaks_out_of_it() -> None:
    page = rendered("{% chat_widget inbox=name %}", name='"><script>&embedded=2')
    assert page.count("<script") == 1
    assert "inbox=%22%3E%3Cscript%3E%26embedded%3D2&amp;embedded=1" in page


def test_it_asks_no_database_and_has_nothing_inline() -> None:
    page = rendered("{% chat_widget %}")
    assert re.search(r"<style|\sstyle=|\son\w+=", page) is None
    assert re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL) == [""]


@pytest.fixture
def room(db: None) -> Connection:
    inbox = Inbox.objects.get(name="default")
    return Connection.objects.create(inbox=inbox, kind=Connection.Kind.ROOM, slug="lobby", name="Lobby")


@pytest.mark.parametrize("path", ["/", "/?embedded=1", "/rooms/", "/rooms/lobby/"])
def test_the_sites_own_pages_may_frame_the_chat_and_no_others(
    client: Client, room: Connection, path: str
) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in response["Content-Security-Policy"]


def test_a_stricter_project_does_not_take_that_back(
    client: Client, room: Connection, settings: object
) -> None:
    settings.X_FRAME_OPTIONS = "DENY"  # type: ignore[attr-defined]
    assert client.get("/")["X-Frame-Options"] == "SAMEORIGIN"
    assert client.get("/admin/login/")["X-Frame-Options"] == "DENY"


def test_in_a_project_without_a_policy_the_chat_has_its_own(
    client: Client, room: Connection, settings: object
) -> None:
    middleware = settings.MIDDLEWARE  # type: ignore[attr-defined]
    settings.MIDDLEWARE = [each for each in middleware if "content_security" not in each]  # type: ignore[attr-defined]
    assert "script-src 'self';" in client.get("/")["Content-Security-Policy"]
    response: HttpResponse = client.get("/admin/login/")  # type: ignore[assignment]
    assert "Content-Security-Policy" not in response


def test_only_in_a_frame_the_page_leaves_room_for_the_button_that_closes_it(
    client: Client, room: Connection
) -> None:
    assert "data-embedded" in client.get("/?embedded=1").content.decode()
    assert "data-embedded" not in client.get("/").content.decode()
