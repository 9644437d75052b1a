"""Who may come in with what: tokens, our page's cookie, other sites; and what no well-meaning program sends."""

import json
import uuid

import pytest
from django.db import OperationalError
from django.test import Client

from bridge.infra import redis
from bridge.infra.redis import RedisError
from bridge.models import Inbox, Message
from bridge.protocol import MAX_FRAME
from tests.http.caller import Caller

SITE = "https://shop.example"
OURS = {"origin": "http://testserver", "sec_fetch_site": "same-origin"}


def written(content: str = "Hello") -> dict[str, str]:
    return {"client_id": str(uuid.uuid4()), "content": content}


async def test_without_a_token_nothing_is_said_or_read(process: object) -> None:
    nobody = Caller()
    answer = await nobody.ask("GET", "/api/connections")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    for token in ("nonsense", "a:b", "\xff\xfe", " "):
        assert (await nobody.ask("GET", "/api/rooms", authorization=f"Bearer {token}")).status == 401
    assert (await nobody.ask("GET", "/api/rooms", authorization="Basic YTpi")).status == 401
    assert await nobody.refused("POST", "/api/messages", written()) == (401, "not_identified")
    assert await Message.objects.acount() == 0


async def test_our_pages_cookie_speaks_for_our_pages_alone(visitor: Caller) -> None:
    page = Caller()
    page.headers = {"cookie": f"chatbridge_visitor={visitor.token}"}
    assert (await page.ask("POST", "/api/messages", written("From the page"), **OURS)).status == 201
    assert (await page.ask("GET", "/api/connections", **OURS)).json()["connections"]
    started = await page.ask("POST", "/api/session", {}, **OURS)
    assert started.json()["token"] == ""
    assert started.json()["connection"]
    for elsewhere in (
        {},
        {"origin": "http://testserver", "sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"},
    ):
        answer = await page.ask("POST", "/api/messages", written("From elsewhere"), **elsewhere)
        assert answer.status == 401
    assert (await page.ask("GET", "/api/connections", sec_fetch_site="cross-site")).status == 401
    anew = await page.ask("POST", "/api/session", {}, sec_fetch_site="cross-site")
    assert anew.json()["connection"] is None
    assert await Message.objects.acount() == 1


async def test_another_sites_page_may_only_where_an_inbox_names_it(visitor: Caller, inbox: Inbox) -> None:
    inbox.allowed_origins = SITE
    await inbox.asave()
    await Inbox.objects.acreate(name="internal")
    asked = {"origin": SITE, "access_control_request_method": "POST"}
    before = await visitor.ask("OPTIONS", "/api/messages", **asked)
    assert (before.status, before.headers["access-control-allow-origin"]) == (204, SITE)
    assert "authorization" in before.headers["access-control-allow-headers"].lower()
    answer = await visitor.ask("POST", "/api/messages", written(), origin=SITE)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (201, SITE)
    assert "access-control-allow-credentials" not in answer.headers
    assert "Origin" in answer.headers["vary"]
    cookie = Caller()
    cookie.headers = {"cookie": f"chatbridge_visitor={visitor.token}"}
    assert (await cookie.ask("GET", "/api/connections", origin=SITE)).status == 401
    stranger = await visitor.ask("POST", "/api/messages", written(), origin="https://evil.example")
    assert stranger.status == 403
    assert "access-control-allow-origin" not in stranger.headers
    there = Caller(token=visitor.token, inbox="internal")
    assert await there.refused("GET", "/api/rooms", origin=SITE) == (403, "not_permitted")
    for odd in ("null", "http://", "https://[", "x" * 5000):
        assert (await visitor.ask("GET", "/api/rooms", origin=odd)).status == 403
    staff = await visitor.ask("GET", "/api/staff/connections", origin=SITE)
    assert "access-control-allow-origin" not in staff.headers


async def test_what_is_no_request_of_ours_is_refused_and_nothing_is_stored(visitor: Caller) -> None:
    deep = b'{"content":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    huge = b'{"content": "x", "client_id": ' + b"9" * 5000 + b"}"
    for body, status in (
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        (deep, 400),
        (huge, 400),
        (b'{"content": "\\ud800", "client_id": "' + str(uuid.uuid4()).encode() + b'"}', 400),
        (b'{"content": NaN}', 400),
        (b"", 422),
        (json.dumps(written("a\0b")).encode(), 422),
        (json.dumps(written() | {"connection": str(uuid.uuid4())}).encode(), 422),
        (json.dumps(written() | {"role": "staff"}).encode(), 422),
        (json.dumps(written("x" * 5000)).encode(), 413),
        (b" " * (MAX_FRAME + 1), 413),
    ):
        answer = await visitor.ask("POST", "/api/messages", body)
        assert answer.status == status, (body[:60], answer.content)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert (await visitor.ask("POST", "/api/messages", b"a=b", content_type=kind)).status == 415
    assert (await visitor.ask("POST", "/api/messages", b"{}", content_length="9" * 30)).status == 413
    assert await Message.objects.acount() == 0


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422),
        ("limit=101", 422),
        ("limit=5.0", 422),
        ("limit=" + "9" * 400, 422),
        ("limit=٣", 422),
        ("before=-1", 422),
        ("before=%00", 422),
        ("before=9007199254740993", 422),
        ("colour=red", 422),
        ("limit=5&limit=6", 422),
        ("inbox=%00", 422),
        ("inbox=" + "x" * 60, 422),
        ("limit=%ff", 422),
        ("limit=5", 200),
    ],
)
async def test_an_address_says_what_it_may_and_nothing_else(visitor: Caller, query: str, status: int) -> None:
    said = await visitor.write("Hello")
    answer = await visitor.ask("GET", f"/api/connections/{said['connection']}/messages?{query}")
    assert answer.status == status, answer.content


async def test_methods_addresses_and_heads_are_answered_as_they_should_be(visitor: Caller) -> None:
    put = await visitor.ask("PUT", "/api/rooms")
    assert (put.status, put.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (await visitor.ask("TRACE", "/api/messages")).status == 405
    for path in ("/api/", "/api/nothing", "/api/rooms/", "/api/session/", "/api//rooms", "/api/rooms/a/b/c"):
        assert (await visitor.ask("GET", path)).status == 404, path
    assert (await visitor.ask("GET", "/api/connections/%2e%2e/messages")).status == 422
    assert (await visitor.ask("GET", "/api/connections/none/messages")).status == 422
    head, whole = [await visitor.ask(method, "/api/rooms") for method in ("HEAD", "GET")]
    assert (head.status, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert whole.headers["cache-control"] == "no-store"
    plain = await visitor.ask("OPTIONS", "/api/rooms")
    assert (plain.status, plain.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


async def test_too_many_are_told_when_to_come_again_and_others_are_not_held_up(
    no_refill: None, visitor: Caller, stranger: Caller
) -> None:
    for _ in range(30):
        answer = await visitor.ask("POST", "/api/messages", written())
        if answer.status != 201:
            break
    assert (answer.status, answer.json()["error"]["code"]) == (429, "throttled")
    assert int(answer.headers["retry-after"]) == answer.json()["error"]["details"]["retry_after"]
    await stranger.write("I was not the one")


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [(OperationalError("gone"), 503, "unavailable"), (RuntimeError("the key is 42"), 500, "internal")],
)
async def test_trouble_in_the_server_says_nothing_of_what_it_is(
    visitor: Caller, monkeypatch: pytest.MonkeyPatch, trouble: Exception, status: int, code: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise trouble

    said = await visitor.write("Hello")
    address = f"/api/connections/{said['connection']}/messages"
    with monkeypatch.context() as broken:
        broken.setattr("bridge.chat.history.page", fail)
        answer = await visitor.ask("GET", address)
        assert (answer.status, answer.json()["error"]["code"]) == (status, code)
        assert "42" not in str(answer.content)
    with monkeypatch.context() as broken:
        # Also where nothing of the request was asked yet.
        broken.setattr("bridge.http.door.opens_any_inbox", fail)
        assert (await visitor.ask("GET", address, origin=SITE)).status == (403 if status == 503 else 500)
    assert (await visitor.ask("GET", address)).status == 200


async def test_while_redis_is_away_messages_are_stored_and_limits_hold(
    no_refill: None, visitor: Caller, stranger: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise RedisError("away")

    monkeypatch.setattr(redis, "client", away)
    said = [(await visitor.ask("POST", "/api/messages", written())).status for _ in range(25)]
    assert set(said) == {201, 429}
    assert said == sorted(said)
    await stranger.write("I am not held up")
    assert await Message.objects.filter(content="Hello").acount() == said.count(201)


def test_under_wsgi_it_says_what_is_missing() -> None:
    answer = Client().get("/api/rooms", headers={"host": "testserver"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
