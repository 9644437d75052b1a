"""A message that a visitor may not know of is to every address as one that does not exist."""

import uuid

from bridge.http.addresses import operations
from bridge.models import Connection, Inbox
from tests.http.caller import Caller, Refused
from tests.http.test_rooms import make_room

WITH_MESSAGE = {
    "PATCH messages/{message}": {"content": "Let me in"},
    "DELETE messages/{message}": None,
    "POST messages/{message}/retry": None,
    "PUT messages/{message}/reactions/{emoji}": None,
    "DELETE messages/{message}/reactions/{emoji}": None,
}
KEY = "k" * 22


def test_every_address_that_names_a_message_is_tried() -> None:
    named = {f"{each.method} {each.path}" for each in operations() if "message" in each.in_path}
    assert named == set(WITH_MESSAGE)


async def error(asker: Caller, way: str, uid: str) -> object:
    method, path = way.split(" ")
    try:
        await asker.call(method, f"/api/{path.format(message=uid, emoji='👍')}", WITH_MESSAGE[way])
    except Refused as refused:
        return refused.status, refused.error
    return None


async def finds_nothing(asker: Caller, uid: str) -> bool:
    for way in WITH_MESSAGE:
        hidden, nothing = [await error(asker, way, each) for each in (uid, str(uuid.uuid4()))]
        assert hidden == nothing, way
        assert hidden == (
            404,
            {"code": "not_found", "message": "This message does not exist.", "details": {}},
        )
    return True


async def test_a_message_that_is_not_theirs_to_see_is_none(visitor: Caller, stranger: Caller) -> None:
    await Inbox.objects.acreate(name="shop")
    secret = await visitor.write("My secret")
    assert await finds_nothing(stranger, secret["uid"])
    assert await finds_nothing(Caller(token=visitor.token, inbox="shop"), secret["uid"])
    await visitor.post(f"/api/connections/{secret['connection']}/close")
    assert await finds_nothing(stranger, secret["uid"])
    gone = await visitor.call("DELETE", f"/api/messages/{secret['uid']}")
    assert gone["message"]["deleted_at"]
    assert await finds_nothing(visitor, secret["uid"])


async def test_a_message_of_a_room_by_link_is_none_without_the_key(visitor: Caller, stranger: Caller) -> None:
    await make_room("attic", access=Connection.Access.LINK, link_key=KEY)
    await visitor.post("/api/rooms/attic/join", key=KEY, nick="Ada")
    said = await visitor.write("Up here", f"/api/rooms/attic/messages?key={KEY}")
    assert await finds_nothing(visitor, said["uid"])
    assert await finds_nothing(stranger, said["uid"])
    way = f"/api/messages/{said['uid']}/reactions/👍?key={KEY}"
    assert await stranger.refused("PUT", way) == (404, "not_found")
    assert (await visitor.call("PUT", way))["message"]["reactions"]
