"""The rooms' pages: which are listed, which open, and what their addresses give away."""

from typing import Any

import pytest
from django.test import Client

from bridge.chat.actions import save_room
from bridge.identity import tokens
from bridge.infra import redis
from bridge.models import Inbox, Room

pytestmark = pytest.mark.django_db

KEY = "q" * 22


@pytest.fixture(autouse=True)
def rooms(valkey_url: str) -> list[Room]:
    inbox = Inbox.objects.get(name="default")
    made = [
        Room(inbox=inbox, slug="lobby", name="The <lobby>", topic="Tea & talk"),
        Room(inbox=inbox, slug="attic", name="The attic", access="link", link_key=KEY),
        Room(inbox=inbox, slug="gone", name="Gone"),
        Room(inbox=Inbox.objects.create(name="shop"), slug="till", name="The till"),
        Room(inbox=Inbox.objects.create(name="off", enabled=False), slug="dark", name="Dark"),
    ]
    for at, room in enumerate(made):
        save_room(room, endpoints={"discord": str(910_000_000_000_000_000 + at)}, is_open=room.slug != "gone")
    return made


@pytest.fixture
def stranger() -> Client:
    return Client()


def test_open_rooms_of_an_inbox_are_listed(stranger: Client) -> None:
    page = stranger.get("/rooms/").content.decode()
    assert "The &lt;lobby&gt;" in page
    assert "Tea &amp; talk" in page
    assert "0 here" in page
    for other in ("attic", KEY, "Gone", "till", "Dark"):
        assert other not in page
    assert "The till" in stranger.get("/rooms/?inbox=shop").content.decode()
    assert stranger.get("/rooms/?inbox=off").status_code == 404
    assert stranger.get("/rooms/?inbox=a%00b").status_code == 404


def test_they_are_listed_while_nobody_can_say_who_is_in_them(
    stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(rooms: Any) -> dict[str, int]:
        raise redis.RedisError("away")

    monkeypatch.setattr("bridge.web.views.count_in_rooms", away)
    page = stranger.get("/rooms/").content.decode()
    assert "The &lt;lobby&gt;" in page
    assert " here" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/rooms/nowhere/",
        "/rooms/gone/",
        "/rooms/dark/",
        "/rooms/attic/",
        f"/rooms/attic/{KEY[:-1]}/",
        f"/rooms/attic/{KEY.upper()}/",
        "/rooms/attic/%00/",
        "/rooms/attic/é/",
    ],
)
def test_a_stranger_cannot_tell_a_hidden_room_from_none(stranger: Client, path: str) -> None:
    response = stranger.get(path)
    assert response.status_code == 404
    assert "attic" not in response.content.decode()
    assert tokens.COOKIE_NAME not in response.cookies


def test_a_room_has_the_pages_cookie_and_its_own_words(stranger: Client) -> None:
    response = stranger.get("/rooms/lobby/")
    page = response.content.decode()
    assert 'data-room="lobby"' in page
    assert "<title>The &lt;lobby&gt;</title>" in page
    assert response.cookies[tokens.COOKIE_NAME]["httponly"]
    assert 'data-inbox="shop"' in stranger.get("/rooms/till/").content.decode()


def test_the_address_of_a_room_by_link_is_told_to_nobody(stranger: Client) -> None:
    response = stranger.get(f"/rooms/attic/{KEY}/")
    assert response.status_code == 200
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response.headers["X-Robots-Tag"]
