"""Rooms: who may come in, who hears and speaks there, what they are called, who is there."""

import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from bridge.chat.actions import close_connection
from bridge.infra import redis
from bridge.live.registry import entries
from bridge.live.worker import Worker
from bridge.models import Connection, Endpoint, Inbox, Message, Participant
from bridge.presence import registry, shared
from tests.web.browser import Browser
from tests.web.clock import Clock
from tests.web.conftest import Open

KEY = "guess-me-if-you-can-22"


def make_room(inbox: Inbox, **fields: Any) -> Connection:
    values = {"slug": "lobby", "name": "The lobby", "topic": "Anything goes", **fields}
    room = Connection.objects.create(inbox=inbox, kind=Connection.Kind.ROOM, **values)
    channel = str(900_000_000_000_000_000 + room.pk)
    Endpoint.objects.create(connection=room, service="discord", remote_id=channel)
    return room


@pytest.fixture
def lobby(inbox: Inbox) -> Connection:
    return make_room(inbox)


@pytest.fixture
def attic(inbox: Inbox) -> Connection:
    """A room by link."""
    return make_room(inbox, slug="attic", name="The attic", access=Connection.Access.LINK, link_key=KEY)


async def _told() -> None:
    """Whoever came and went is told now."""
    await Worker.current().presence.flush()


async def test_a_member_speaks_and_the_others_hear_him(
    browser: Open, visitor: Browser, stranger: Browser, lobby: Connection
) -> None:
    await visitor.ok("room.join", room="lobby")
    joined = await stranger.ok("room.join", room=str(lobby.uid))
    assert joined["connection"]["kind"] == "room"
    assert joined["connection"]["participant"] == joined["you"]["id"]
    message = await visitor.write("Hello, room", connection=str(lobby.uid))
    heard = (await stranger.event("message.posted"))["payload"]["messages"][0]
    assert heard["content"] == "Hello, room"
    assert heard["author"]["id"] == message["author"]["id"]
    assert await Message.objects.filter(connection=lobby).acount() == 1
    late = browser()
    await late.start()
    page = await late.ok("room.join", room="lobby")
    assert [each["content"] for each in page["messages"]] == ["Hello, room"]
    assert not page["messages"][0]["own"]
    assert (await late.ok("connection.sync", connection=str(lobby.uid), since=0))["revision"] == 1


IN_A_ROOM: dict[str, dict[str, Any]] = {
    "message.send": {"client_id": str(uuid.uuid4()), "content": "Let me in"},
    "history.page": {},
    "connection.sync": {"since": 0},
    "connection.close": {},
    "typing.start": {},
    "receipt.read": {"seq": 1},
    "nick.set": {"nick": "Intruder"},
}


@pytest.mark.parametrize("command", IN_A_ROOM)
@pytest.mark.parametrize("access", Connection.Access.values)
async def test_who_did_not_join_a_room_finds_none(
    visitor: Browser, stranger: Browser, inbox: Inbox, command: str, access: str
) -> None:
    room = await sync_to_async(make_room)(inbox, access=access, link_key=KEY)
    await visitor.ok("room.join", room="lobby", key=KEY)
    await visitor.write("Among ourselves", connection=str(room.uid))
    theirs = await stranger.ask(command, connection=str(room.uid), **IN_A_ROOM[command])
    nobodys = await stranger.ask(command, connection=str(uuid.uuid4()), **IN_A_ROOM[command])
    assert theirs["error"] == nobodys["error"]
    assert theirs["error"]["code"] == "not_found"
    assert "ourselves" not in str(theirs)
    assert await Message.objects.acount() == 1
    await visitor.write("Still among ourselves", connection=str(room.uid))
    assert await stranger.hears_nothing()


@pytest.mark.parametrize("command", IN_A_ROOM)
async def test_who_left_a_room_or_is_in_it_on_another_socket_is_not_in_it_here(
    browser: Open, visitor: Browser, lobby: Connection, command: str
) -> None:
    await visitor.ok("room.join", room="lobby")
    await visitor.write("Me again", connection=str(lobby.uid))
    other = browser(token=visitor.token)
    await other.start()
    assert await other.refused(command, connection=str(lobby.uid), **IN_A_ROOM[command]) == "not_found"
    await visitor.ok("room.leave", room=str(lobby.uid))
    assert await visitor.refused(command, connection=str(lobby.uid), **IN_A_ROOM[command]) == "not_found"
    assert await visitor.refused("room.members", room=str(lobby.uid)) == "not_found"
    assert await Message.objects.acount() == 1


async def test_what_somebody_said_in_a_room_is_changed_only_by_him_and_while_he_is_there(
    visitor: Browser, stranger: Browser, lobby: Connection
) -> None:
    for each in (visitor, stranger):
        await each.ok("room.join", room="lobby")
    message = (await visitor.write("Hello", connection=str(lobby.uid)))["uid"]
    assert await stranger.refused("message.edit", message=message, content="Bye") == "not_permitted"
    await visitor.ok("message.edit", message=message, content="Hello all")
    await visitor.ok("room.leave", room=str(lobby.uid))
    assert await visitor.refused("message.delete", message=message) == "not_found"
    assert (await Message.objects.aget()).content == "Hello all"


WITH_A_MESSAGE: dict[str, dict[str, Any]] = {
    "message.edit": {"content": "Something else"},
    "message.delete": {},
    "message.retry": {},
    "reaction.add": {"emoji": "\N{THUMBS UP SIGN}"},
    "reaction.remove": {"emoji": "\N{THUMBS UP SIGN}"},
    "shop.about": {},
}


def test_every_command_that_names_a_message_is_tried_in_a_room() -> None:
    named = {name for name, entry in entries.items() if "message" in entry.payload.model_fields}
    assert named == set(WITH_A_MESSAGE)


@pytest.mark.parametrize("command", WITH_A_MESSAGE)
async def test_a_message_of_a_room_is_none_to_who_is_not_in_it(
    browser: Open, visitor: Browser, stranger: Browser, lobby: Connection, command: str
) -> None:
    await visitor.ok("room.join", room="lobby")
    message = (await visitor.write("Hello", connection=str(lobby.uid)))["uid"]
    # Who was never there, who left, and the author himself on a socket that did not join.
    left, elsewhere = browser(), browser(token=visitor.token)
    await left.start()
    await left.ok("room.join", room="lobby")
    await left.ok("room.leave", room=str(lobby.uid))
    await elsewhere.start()
    for nobody in (stranger, left, elsewhere):
        theirs = await nobody.ask(command, message=message, **WITH_A_MESSAGE[command])
        none = await nobody.ask(command, message=str(uuid.uuid4()), **WITH_A_MESSAGE[command])
        assert theirs["error"] == none["error"]
        assert theirs["error"]["code"] == "not_found"
    stored = await Message.objects.aget()
    assert (stored.content, stored.deleted_at) == ("Hello", None)
    assert await stored.reactions.acount() == 0


async def test_a_room_by_link_is_not_listed_and_needs_its_key(
    visitor: Browser, stranger: Browser, lobby: Connection, attic: Connection
) -> None:
    rooms = (await stranger.ok("room.list"))["rooms"]
    assert [room["slug"] for room in rooms] == ["lobby"]
    none = await stranger.ask("room.join", room="nowhere")
    for room in ("attic", str(attic.uid)):
        for key in ("", KEY[:-1], KEY.upper(), KEY + "x"):
            assert (await stranger.ask("room.join", room=room, key=key))["error"] == none["error"]
    assert not await Participant.objects.filter(connection=attic).aexists()
    assert (await visitor.ok("room.join", room="attic", key=KEY))["room"]["name"] == "The attic"


async def test_a_private_conversation_is_no_room(visitor: Browser, stranger: Browser) -> None:
    await visitor.write("My secret")
    assert await stranger.refused("room.join", room=str(visitor.connection)) == "not_found"
    assert await visitor.refused("room.join", room=str(visitor.connection)) == "not_found"


async def test_a_room_of_another_inbox_is_none_here(browser: Open, lobby: Connection) -> None:
    await Inbox.objects.acreate(name="shop")
    guest = browser()
    await guest.start(inbox="shop")
    assert await guest.refused("room.join", room="lobby") == "not_found"
    assert (await guest.ok("room.list"))["rooms"] == []


async def test_a_room_is_nobodys_to_close_and_a_closed_one_takes_nobody(
    visitor: Browser, lobby: Connection
) -> None:
    await visitor.ok("room.join", room="lobby")
    assert await visitor.refused("connection.close", connection=str(lobby.uid)) == "not_permitted"
    await sync_to_async(close_connection)(lobby)
    refused = await visitor.refused(
        "message.send", connection=str(lobby.uid), client_id=str(uuid.uuid4()), content="Anybody?"
    )
    assert refused == "closed"
    assert await visitor.refused("room.join", room="lobby") == "closed"
    assert (await visitor.ok("room.list"))["rooms"] == []


async def test_a_room_is_not_what_a_visitor_goes_on_with(browser: Open, lobby: Connection) -> None:
    someone = browser()
    await someone.start()
    await someone.ok("room.join", room="lobby")
    await someone.write("In the room", connection=str(lobby.uid))
    again = browser(token=someone.token)
    assert (await again.start())["connection"] is None
    assert (await again.ok("ping"))["heads"] == {}
    private = await again.write("In private")
    assert private["connection"] != str(lobby.uid)
    heads = (await someone.ok("ping"))["heads"]
    assert heads == {private["connection"]: 2, str(lobby.uid): 1}


async def test_a_read_only_room_is_read_and_not_written(
    visitor: Browser, inbox: Inbox, staff_write: Any
) -> None:
    room = await sync_to_async(make_room)(inbox, read_only=True)
    assert (await visitor.ok("room.join", room="lobby"))["room"]["read_only"]
    refused = await visitor.refused(
        "message.send", connection=str(room.uid), client_id=str(uuid.uuid4()), content="Me too"
    )
    assert refused == "not_permitted"
    await staff_write(str(room.uid), "News")
    heard = (await visitor.event("message.posted"))["payload"]["messages"][0]
    assert heard["content"] == "News"
    assert heard["seq"] == 1


async def test_slow_mode_makes_each_wait_for_himself(
    visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    room = await sync_to_async(make_room)(inbox, slow_mode=21_600)
    for each in (visitor, stranger):
        await each.ok("room.join", room="lobby")
    first = {"connection": str(room.uid), "client_id": str(uuid.uuid4()), "content": "First"}
    await visitor.ok("message.send", **first)
    again = await visitor.ask(
        "message.send", connection=str(room.uid), client_id=str(uuid.uuid4()), content="Second"
    )
    assert again["error"]["code"] == "throttled"
    assert 0 < again["error"]["details"]["retry_after"] <= 21_600
    # What was stored and whose answer was lost is no second message.
    assert (await visitor.ok("message.send", **first))["message"]["seq"] == 1
    await stranger.write("I did not wait", connection=str(room.uid))
    await Participant.objects.filter(spoke_at__isnull=False).aupdate(spoke_at=room.created_at)
    await Connection.objects.aupdate(slow_mode=0)
    assert (await visitor.write("At last", connection=str(room.uid)))["revision"] == 3


async def test_who_is_muted_waits_until_his_time_is_over(visitor: Browser, lobby: Connection) -> None:
    from django.utils import timezone

    await visitor.ok("room.join", room="lobby")
    await Participant.objects.aupdate(muted_until=timezone.now() + timezone.timedelta(minutes=5))
    refused = await visitor.refused(
        "message.send", connection=str(lobby.uid), client_id=str(uuid.uuid4()), content="Hm"
    )
    assert refused == "not_permitted"
    await Participant.objects.aupdate(muted_until=timezone.now())
    await visitor.write("Hm", connection=str(lobby.uid))


async def test_who_writes_in_a_room_is_seen_by_the_others_and_not_by_who_is_elsewhere(
    browser: Open, visitor: Browser, stranger: Browser, lobby: Connection
) -> None:
    elsewhere = browser()
    await elsewhere.start()
    me = (await visitor.ok("room.join", room="lobby"))["you"]
    await stranger.ok("room.join", room="lobby")
    await _told()
    await stranger.event("participant.joined")
    await visitor.ok("typing.start", connection=str(lobby.uid))
    assert (await stranger.event("typing.started"))["payload"]["author"] == me
    assert await elsewhere.hears_nothing()


async def test_several_tabs_are_one_member(browser: Open, visitor: Browser, lobby: Connection) -> None:
    watcher = browser()
    await watcher.start()
    await watcher.ok("room.join", room="lobby")
    await _told()
    await watcher.event("participant.joined")
    first = await visitor.ok("room.join", room="lobby")
    tab = browser(token=visitor.token)
    await tab.start()
    assert (await tab.ok("room.join", room="lobby"))["you"] == first["you"]
    await _told()
    joined = await watcher.event("participant.joined")
    assert joined["payload"] == {"participants": [first["you"]], "more": 0, "online": 2}
    assert (await watcher.ok("room.members", room=str(lobby.uid)))["online"] == 2
    await tab.ok("room.leave", room=str(lobby.uid))
    await _told()
    assert await watcher.hears_nothing()
    await visitor.ok("room.leave", room=str(lobby.uid))
    await _told()
    left = await watcher.event("participant.left")
    assert left["payload"] == {"participants": [first["you"]["id"]], "clean": True, "online": 1}
    members = await watcher.ok("room.members", room=str(lobby.uid))
    assert [each["id"] for each in members["members"]] != [first["you"]["id"]]
    # What he said keeps his name, and so he has it again.
    assert (await visitor.ok("room.join", room="lobby"))["you"] == first["you"]


@pytest.mark.parametrize(("code", "clean"), [(1001, True), (1000, True), (1006, False)])
async def test_who_goes_and_who_is_lost_are_told_apart(
    browser: Open,
    visitor: Browser,
    lobby: Connection,
    code: int,
    clean: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bridge.presence.registry.GRACE", {True: 0.0, False: 0.0})
    watcher = browser()
    await watcher.start()
    await watcher.ok("room.join", room="lobby")
    me = (await visitor.ok("room.join", room="lobby"))["you"]
    await _told()
    await visitor._socket.send_input({"type": "websocket.disconnect", "code": code})
    await visitor._socket.future
    await _told()
    assert (await watcher.event("participant.left"))["payload"] == {
        "participants": [me["id"]],
        "clean": clean,
        "online": 1,
    }


@pytest.mark.parametrize("code", [1001, 1006], ids=["a reload", "a line that is back at once"])
async def test_a_reload_is_nobodys_news(
    browser: Open, visitor: Browser, lobby: Connection, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    clock = Clock()
    monkeypatch.setattr(registry, "time", clock)
    watcher = browser()
    await watcher.start()
    for each in (watcher, visitor):
        await each.ok("room.join", room="lobby")
    await _told()
    await watcher.event("participant.joined")
    await visitor._socket.send_input({"type": "websocket.disconnect", "code": code})
    await visitor._socket.future
    await _told()
    again = browser(token=visitor.token)
    await again.start()
    await again.ok("room.join", room="lobby")
    await _told()
    assert await watcher.hears_nothing()
    # Nor later, when the time is over for which one waits for them to come back.
    for _ in range(3):
        clock.ahead += max(*registry.GRACE.values(), registry.PATIENCE) + 1
        await _told()
    assert await watcher.hears_nothing()
    assert (await watcher.ok("room.members", room=str(lobby.uid)))["online"] == 2
    # Whoever does not come back is told as gone, once that time is over and not before.
    await again._socket.send_input({"type": "websocket.disconnect", "code": code})
    await again._socket.future
    await _told()
    assert await watcher.hears_nothing()
    clock.ahead += registry.GRACE[code == 1001] + 1
    await _told()
    assert (await watcher.event("participant.left"))["payload"]["clean"] is (code == 1001)


async def test_a_room_is_joined_and_heard_while_redis_cannot_say_who_is_there(
    visitor: Browser, lobby: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> list[Any]:
        raise redis.RedisError("away")

    monkeypatch.setattr(shared, "read", away)
    joined = await visitor.ok("room.join", room="lobby")
    assert joined["room"]["online"] == 1
    assert joined["members"] == [joined["you"]]
