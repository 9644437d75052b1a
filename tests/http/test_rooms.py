"""Rooms without a socket: who joined may read and write, for as long as he may see the room."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from bridge.chat.actions import save_room
from bridge.chat.actions.moderating import block
from bridge.models import Connection, Inbox, Message, Participant, Room
from tests.http.caller import Caller
from tests.web.conftest import Open


async def make_room(slug: str = "lobby", **fields: Any) -> Room:
    inbox = await Inbox.objects.aget(name="default")
    room = Room(inbox=inbox, slug=slug, name=slug.title(), **fields)
    await sync_to_async(save_room)(room, endpoints={"discord": str(uuid.uuid4().int)[:18]}, is_open=True)
    return room


async def test_who_joined_reads_and_writes_and_who_did_not_does_neither(
    visitor: Caller, stranger: Caller
) -> None:
    await make_room()
    assert [room["slug"] for room in (await visitor.get("/api/rooms"))["rooms"]] == ["lobby"]
    joined = await visitor.post("/api/rooms/lobby/join", nick="Ada")
    assert (joined["you"]["name"], joined["messages"]) == ("Ada", [])
    said = await visitor.write("Hello, room", "/api/rooms/lobby/messages")
    assert said["author"]["id"] == joined["you"]["id"]
    page = await visitor.get("/api/rooms/lobby/messages?limit=1")
    assert [each["content"] for each in page["messages"]] == ["Hello, room"]
    changes = await visitor.get(f"/api/rooms/{joined['room']['uid']}/changes?since=0")
    assert [each["uid"] for each in changes["messages"]] == [said["uid"]]
    assert await stranger.refused("GET", "/api/rooms/lobby/messages") == (403, "not_permitted")
    assert await stranger.refused("GET", "/api/rooms/lobby/members") == (403, "not_permitted")
    body = {"client_id": str(uuid.uuid4()), "content": "Me too"}
    assert await stranger.refused("POST", "/api/rooms/lobby/messages", body) == (403, "not_permitted")
    assert await stranger.refused("PUT", f"/api/messages/{said['uid']}/reactions/👍") == (404, "not_found")
    assert await stranger.refused("POST", "/api/rooms/lobby/join", {"nick": "Ada"}) == (409, "conflict")


async def test_a_program_writes_and_a_page_in_the_room_sees_it(visitor: Caller, browser: Open) -> None:
    await make_room()
    page = browser()
    await page.start()
    await page.ok("room.join", room="lobby", nick="Grace")
    await visitor.post("/api/rooms/lobby/join", nick="Ada")
    said = await visitor.write("From a program", "/api/rooms/lobby/messages")
    heard = await page.event("message.posted")
    assert [each["uid"] for each in heard["payload"]["messages"]] == [said["uid"]]
    reacted = await visitor.call("PUT", f"/api/messages/{said['uid']}/reactions/👍")
    assert reacted["message"]["reactions"] == [{"emoji": "👍", "count": 1, "own": True}]
    await visitor.call("PATCH", f"/api/messages/{said['uid']}", {"content": "Changed"})
    assert (await page.event("message.edited"))["payload"]["messages"][0]["content"] == "Changed"
    gone = await visitor.call("DELETE", f"/api/messages/{said['uid']}")
    assert gone["message"]["deleted_at"]


async def test_a_room_by_link_is_not_there_without_its_key_each_time(
    visitor: Caller, stranger: Caller
) -> None:
    room = await make_room("hidden", access=Connection.Access.LINK, link_key="k" * 32)
    assert (await visitor.get("/api/rooms"))["rooms"] == []
    for body in ({}, {"key": "wrong"}):
        assert await stranger.refused("POST", "/api/rooms/hidden/join", body) == (404, "not_found")
        assert await stranger.refused("POST", "/api/rooms/nothing/join", body) == (404, "not_found")
    await visitor.post("/api/rooms/hidden/join", key=room.link_key)
    said = await visitor.write("Psst", f"/api/rooms/hidden/messages?key={room.link_key}")
    assert await visitor.get(f"/api/rooms/hidden/messages?key={room.link_key}")
    change = {"content": "Louder"}
    await visitor.call("PATCH", f"/api/messages/{said['uid']}?key={room.link_key}", change)
    await Connection.objects.filter(pk=room.pk).aupdate(link_key="n" * 32)
    for method, path, body in (
        ("GET", "/api/rooms/hidden/messages?key=", None),
        ("GET", f"/api/rooms/hidden/messages?key={room.link_key}", None),
        ("PATCH", f"/api/messages/{said['uid']}?key={room.link_key}", change),
        ("GET", f"/api/connections/{room.uid}/messages", None),
    ):
        assert await visitor.refused(method, path, body) == (404, "not_found")


async def test_what_a_room_does_not_let_visitors_say_it_does_not_let_programs_say(
    visitor: Caller, stranger: Caller
) -> None:
    room = await make_room(slow_mode=3600)
    await visitor.post("/api/rooms/lobby/join")
    await stranger.post("/api/rooms/lobby/join")
    address = "/api/rooms/lobby/messages"
    await visitor.write("Slowly", address)
    body = {"client_id": str(uuid.uuid4()), "content": "Again"}
    answer = await visitor.ask("POST", address, body)
    assert (answer.status, answer.json()["error"]["code"]) == (429, "throttled")
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    await stranger.write("I did not say anything yet", address)
    await Connection.objects.filter(pk=room.pk).aupdate(slow_mode=0, read_only=True)
    assert await visitor.refused("POST", address, body) == (403, "not_permitted")
    await Connection.objects.filter(pk=room.pk).aupdate(read_only=False)
    later = timezone.now() + timedelta(hours=1)
    await Participant.objects.filter(connection=room, nick=(await _nick(visitor, room))).aupdate(
        muted_until=later
    )
    assert await visitor.refused("POST", address, body) == (403, "not_permitted")
    await stranger.write("But I may", address)
    await Connection.objects.filter(pk=room.pk).aupdate(state=Connection.State.CLOSED)
    assert await stranger.refused("GET", address) == (409, "closed")


async def _nick(visitor: Caller, room: Connection) -> str:
    messages = (await visitor.get("/api/rooms/lobby/messages"))["messages"]
    return next(str(each["author"]["name"]) for each in messages if each["own"])


async def test_who_is_blocked_reads_and_writes_nothing_and_others_do(
    visitor: Caller, stranger: Caller
) -> None:
    said = await visitor.write("Before")
    row = await Message.objects.select_related("author", "connection__inbox").aget(uid=said["uid"])
    assert row.author is not None
    assert row.author.visitor is not None
    await sync_to_async(block)(row.connection.inbox, row.author.visitor)
    address = f"/api/connections/{said['connection']}/messages"
    for method, path, body in (
        ("GET", address, None),
        ("POST", address, {"client_id": str(uuid.uuid4()), "content": "Still here"}),
        ("POST", "/api/messages", {"client_id": str(uuid.uuid4()), "content": "Still here"}),
        ("DELETE", f"/api/messages/{said['uid']}", None),
        ("GET", "/api/rooms", None),
        ("POST", "/api/session", {"token": visitor.token}),
    ):
        assert await visitor.refused(method, path, body) == (403, "blocked"), path
    await stranger.write("I may")


async def test_a_word_that_staff_forbid_and_a_mute_count_in_a_process_without_sockets(
    visitor: Caller, stranger: Caller
) -> None:
    said = await visitor.write("Hello")
    await Inbox.objects.filter(name="default").aupdate(blocked_words="casino")
    body = {"client_id": str(uuid.uuid4()), "content": "Come to the casino"}
    assert await visitor.refused("POST", "/api/messages", body) == (403, "not_permitted")
    await Participant.objects.filter(messages__uid=said["uid"]).aupdate(
        muted_until=timezone.now() + timedelta(hours=1)
    )
    body["content"] = "Nothing bad"
    assert await visitor.refused("POST", "/api/messages", body) == (403, "not_permitted")
    await stranger.write("I may")


@pytest.mark.parametrize("path", ["/api/messages", "/api/connections/{uid}/messages"])
async def test_another_inbox_is_another_chat(visitor: Caller, process: object, path: str) -> None:
    await Inbox.objects.acreate(name="shop")
    said = await visitor.write("In the first")
    there = Caller(token=visitor.token, inbox="shop")
    assert (await there.get("/api/connections"))["connections"] == []
    uid = said["connection"]
    assert await there.refused("GET", f"/api/connections/{uid}/messages") == (404, "not_found")
    assert await there.refused("DELETE", f"/api/messages/{said['uid']}") == (404, "not_found")
    assert await there.refused("PUT", f"/api/messages/{said['uid']}/reactions/👍") == (404, "not_found")
    body = {"client_id": str(uuid.uuid4()), "content": "In the other"}
    if "{uid}" in path:
        assert await there.refused("POST", path.format(uid=uid), body) == (404, "not_found")
    else:
        assert (await there.post(path, **body))["message"]["connection"] != uid
    assert await Caller(token=visitor.token, inbox="none").refused("GET", "/api/rooms") == (404, "not_found")
