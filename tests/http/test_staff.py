"""Staff read and answer over HTTP, as far as their permissions in the admin go; nobody else does."""

import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client

from bridge.identity import staff_tokens
from bridge.models import Connection, Delivery, Inbox, Message
from tests.http.caller import Caller
from tests.http.test_rooms import make_room
from tests.web.conftest import Open
from tests.web.files import http, uploaded

ALL = ("view_connection", "view_message", "add_message", "change_connection")


def make_user(name: str, *permissions: str, **fields: Any) -> User:
    user = User.objects.create_user(name, password="secret", is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def token_of(user: User, **lasts: float) -> str:
    return staff_tokens.issue(user, lasts=timedelta(**(lasts or {"days": 1})))


async def staff(name: str = "sam", *permissions: str, **fields: Any) -> Caller:
    user = await sync_to_async(make_user)(name, *(permissions or ALL), **fields)
    return Caller(token=token_of(user), address="203.0.113.9")


def answer(content: str = "Hello from staff") -> dict[str, str]:
    return {"client_id": str(uuid.uuid4()), "content": content}


async def test_staff_answer_and_the_visitor_and_discord_get_it_and_a_stranger_does_not(
    visitor: Caller, stranger: Caller, browser: Open
) -> None:
    asked = await visitor.write("Is anybody there?", nick="Ada")
    page = browser(token=visitor.token)
    await page.start()
    sam = await staff(first_name="Sam", last_name="Doe")
    listed = (await sam.get("/api/staff/connections"))["connections"]
    mine = next(each for each in listed if each["uid"] == asked["connection"])
    assert (mine["name"], mine["inbox"], mine["messages"]) == ("Ada", "default", 1)
    address = f"/api/staff/connections/{asked['connection']}"
    read = await sam.get(address)
    assert [each["content"] for each in read["messages"]] == ["Is anybody there?"]
    body = answer("Yes") | {"reply_to": asked["uid"]}
    said = (await sam.post(f"{address}/messages", **body))["message"]
    again = (await sam.post(f"{address}/messages", **body))["message"]
    assert again["uid"] == said["uid"]
    event = await page.event("message.posted", lambda frame: "Yes" in str(frame))
    (heard,) = event["payload"]["messages"]
    assert (heard["author"]["role"], heard["author"]["name"], heard["content"]) == ("staff", "Sam Doe", "Yes")
    assert heard["reply_to"]["uid"] == asked["uid"]
    assert await Delivery.objects.filter(message__uid=said["uid"], endpoint__service="discord").acount() == 1
    assert [each["own"] for each in (await sam.get(address))["messages"]] == [False, True]
    assert "Yes" not in str(await stranger.get("/api/connections"))
    assert await stranger.refused("GET", address) == (401, "not_identified")
    elsewhere = answer() | {"reply_to": (await stranger.write("Secret"))["uid"]}
    assert await sam.refused("POST", f"{address}/messages", elsewhere) == (404, "not_found")


async def test_the_files_of_a_conversation_open_for_the_staff_who_may_read_it(
    visitor: Caller, stranger: Caller
) -> None:
    file = await uploaded(visitor.token)
    said = await visitor.write("This one", attachments=[file["uid"]])
    (attachment,) = said["attachments"]
    sam, pat = await staff(), await staff("pat", "add_inbox")
    for who, status in (
        (visitor, 200),
        (sam, 200),
        (pat, 404),
        (stranger, 404),
        (Caller(token="staff.x"), 404),
    ):
        assert (await http("GET", attachment["url"], token=who.token)).status == status


async def test_staff_close_and_reopen(visitor: Caller) -> None:
    asked = await visitor.write("Is anybody there?")
    sam = await staff()
    address = f"/api/staff/connections/{asked['connection']}"
    assert (await sam.post(f"{address}/close"))["connection"]["state"] == "closed"
    assert await sam.refused("POST", f"{address}/messages", answer()) == (409, "closed")
    mine = f"/api/connections/{asked['connection']}/messages"
    assert await visitor.refused("POST", mine, answer("Wait")) == (409, "closed")
    assert (await sam.post(f"{address}/reopen"))["connection"]["state"] == "open"
    await sam.post(f"{address}/close")
    await visitor.write("Another thing")
    assert await sam.refused("POST", f"{address}/reopen", {}) == (409, "conflict")
    assert await sam.refused("POST", f"/api/staff/connections/{uuid.uuid4()}/close", {}) == (404, "not_found")


async def test_staff_write_where_only_staff_write(visitor: Caller) -> None:
    room = await make_room(read_only=True, slow_mode=60)
    await visitor.post("/api/rooms/lobby/join")
    assert await visitor.refused("POST", "/api/rooms/lobby/messages", answer()) == (403, "not_permitted")
    sam = await staff()
    for content in ("News", "More news"):
        said = await sam.post(f"/api/staff/connections/{room.uid}/messages", **answer(content))
        assert said["message"]["author"]["role"] == "staff"
    page = await visitor.get("/api/rooms/lobby/messages")
    assert [each["content"] for each in page["messages"]] == ["News", "More news"]


async def test_a_permission_that_is_missing_is_missed(visitor: Caller) -> None:
    asked = await visitor.write("Is anybody there?")
    one = f"/api/staff/connections/{asked['connection']}"
    requests = {
        "list": ("GET", "/api/staff/connections", None),
        "read": ("GET", one, None),
        "answer": ("POST", f"{one}/messages", answer()),
        "close": ("POST", f"{one}/close", {}),
        "reopen": ("POST", f"{one}/reopen", {}),
    }
    for name, permissions, allowed in (
        ("nothing", ("add_inbox",), set()),
        ("reader", ("view_connection", "view_message"), {"list", "read"}),
        ("writer", ("view_connection", "view_message", "add_message"), {"list", "read", "answer"}),
        ("closer", ("view_connection", "change_connection"), {"close", "reopen"}),
    ):
        caller = await staff(name, *permissions)
        for what, request in requests.items():
            status = (await caller.ask(*request)).status
            assert status == (403 if what not in allowed else 201 if what == "answer" else 200), (name, what)
    await User.objects.filter(username="reader").aupdate(is_staff=False)
    reader = Caller(token=token_of(await User.objects.aget(username="reader")))
    assert await reader.refused("GET", one) == (403, "not_permitted")


async def test_a_token_ends_with_its_time_its_password_its_user_and_when_it_is_revoked(
    process: object,
) -> None:
    sam = await sync_to_async(make_user)("sam", *ALL)
    address = "/api/staff/connections"
    refused = (401, "not_identified")
    assert await Caller(token=token_of(sam, seconds=-1)).refused("GET", address) == refused
    caller = Caller(token=token_of(sam))
    assert await caller.get(address)
    assert await Caller(token=caller.token[:-1]).refused("GET", address) == refused
    assert await Caller(token="staff.x").refused("GET", address) == refused
    await sync_to_async(call_command)("staff_token", revoke=caller.token, stdout=StringIO())
    assert await caller.refused("GET", address) == refused
    other = Caller(token=token_of(sam))
    assert await other.get(address)
    sam.set_password("another")
    await sam.asave()
    assert await other.refused("GET", address) == refused
    another = Caller(token=token_of(sam))
    assert await another.get(address)
    await User.objects.filter(pk=sam.pk).aupdate(is_active=False)
    assert await another.refused("GET", address) == (403, "not_permitted")
    await sam.adelete()
    assert await another.refused("GET", address) == refused


async def test_a_visitors_token_is_none_of_staff_and_the_other_way_round(visitor: Caller) -> None:
    sam = await staff()
    assert await visitor.refused("GET", "/api/staff/connections") == (401, "not_identified")
    assert await sam.refused("GET", "/api/connections") == (401, "not_identified")


@pytest.mark.django_db
def test_the_command_makes_a_token_for_active_staff_alone() -> None:
    sam = make_user("sam")
    out = StringIO()
    call_command("staff_token", "sam", days=2, stdout=out)
    assert staff_tokens.read(out.getvalue().strip()) == sam
    User.objects.create_user("visitor")
    for arguments in (["visitor"], ["nobody"], [], ["sam", "--days=0"], ["sam", "--days=4000"]):
        with pytest.raises(CommandError):
            call_command("staff_token", *arguments)
    with pytest.raises(CommandError):
        call_command("staff_token", revoke="nonsense")


async def test_a_login_of_this_site_counts_with_a_csrf_token(visitor: Caller) -> None:
    asked = await visitor.write("Is anybody there?")
    sam = await sync_to_async(make_user)("sam", *ALL)
    django = Client()
    await sync_to_async(django.force_login)(sam)
    session, csrf = django.cookies[settings.SESSION_COOKIE_NAME].value, _get_new_csrf_string()
    page = Caller()
    page.headers = {"cookie": f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={csrf}"}
    address = f"/api/staff/connections/{asked['connection']}/messages"
    assert (await page.ask("GET", "/api/staff/connections")).status == 200
    good = {"origin": "http://testserver", "x_csrftoken": csrf}
    for bad in (
        {},
        {"origin": "http://testserver"},
        good | {"x_csrftoken": "x" * 32},
        good | {"origin": "null"},
    ):
        assert (await page.ask("POST", address, answer(), **bad)).status == 403, bad
    assert (await page.ask("POST", address, answer(), **good)).status == 201
    elsewhere = await page.ask("GET", "/api/staff/connections", origin="https://evil.example")
    assert elsewhere.status == 401
    assert await Caller().refused("GET", "/api/staff/connections") == (401, "not_identified")


async def test_pages_follow_each_other_through_filters_without_a_gap_or_a_repeat(
    process: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = await Inbox.objects.aget(name="default")
    shop = await Inbox.objects.acreate(name="shop")
    made = [
        await Connection.objects.acreate(
            inbox=shop if number % 3 else default, visitor=uuid.uuid4(), nick=f"N{number}"
        )
        for number in range(11)
    ]
    # Two at the same moment: then the key decides.
    await Connection.objects.filter(pk__in=[made[3].pk, made[4].pk]).aupdate(active_at=made[5].active_at)
    monkeypatch.setattr("bridge.chat.browsing.STRETCH", 3)
    sam = await staff()
    for query, wanted in (
        ("limit=2", made),
        ("limit=2&inbox=shop", [each for each in made if each.inbox_id == shop.pk]),
        ("limit=100&state=closed", []),
        ("limit=1&kind=private&inbox=default&state=open", [e for e in made if e.inbox_id == default.pk]),
    ):
        seen: list[str] = []
        address: str | None = f"/api/staff/connections?{query}"
        while address:
            page = await sam.get(address)
            seen += [each["uid"] for each in page["connections"]]
            address = page["next"]
        assert sorted(seen) == sorted(str(each.uid) for each in wanted), query
        assert len(seen) == len(set(seen))
    for before in ("1", "-", "a-1", "99999999999999999-1-", "1-" + "9" * 30, "%00-1"):
        assert (await sam.ask("GET", f"/api/staff/connections?before={before}")).status == 422
    assert await Message.objects.acount() == 0
