"""A visitor's program holds a conversation without a socket, and no stranger reads it."""

import uuid

from asgiref.sync import sync_to_async
from django.utils import timezone

from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
from bridge.models import Endpoint, Message
from tests.http.caller import Caller


async def test_it_starts_writes_reads_and_goes_on_while_a_stranger_sees_nothing(
    visitor: Caller, stranger: Caller
) -> None:
    first = await visitor.write("Where is my parcel?", nick="Ada", page={"url": "https://shop.example/"})
    uid = first["connection"]
    assert (first["own"], first["author"]["name"], first["seq"]) == (True, "Ada", 1)
    second = await visitor.write("It is late.", f"/api/connections/{uid}/messages")
    third = await visitor.write("Hello?")
    assert {second["connection"], third["connection"]} == {uid}
    (mine,) = (await visitor.get("/api/connections"))["connections"]
    assert mine["uid"] == uid
    page = await visitor.get(f"/api/connections/{uid}/messages")
    assert [each["content"] for each in page["messages"]] == ["Where is my parcel?", "It is late.", "Hello?"]
    row = await Message.objects.select_related("connection").aget(uid=first["uid"])
    assert row.connection.page_url == "https://shop.example/"
    for method, path, body in (
        ("GET", f"/api/connections/{uid}/messages", None),
        ("GET", f"/api/connections/{uid}/changes?since=0", None),
        ("POST", f"/api/connections/{uid}/messages", {"client_id": str(uuid.uuid4()), "content": "Me too"}),
        ("POST", f"/api/connections/{uid}/read", {"seq": 1}),
        ("POST", f"/api/connections/{uid}/close", {}),
        ("POST", f"/api/connections/{uid}/reopen", {}),
        ("PATCH", f"/api/messages/{first['uid']}", {"content": "Mine now"}),
        ("DELETE", f"/api/messages/{first['uid']}", None),
        ("POST", f"/api/messages/{first['uid']}/retry", {}),
        ("PUT", f"/api/messages/{first['uid']}/reactions/👍", None),
        ("DELETE", f"/api/messages/{first['uid']}/reactions/👍", None),
    ):
        assert await stranger.refused(method, path, body) == (404, "not_found"), path
    assert "parcel" not in str(await stranger.get("/api/connections"))


async def test_a_late_answer_is_listed_as_unread_read_and_gone_on_with(visitor: Caller) -> None:
    first = (await visitor.write("Where is my parcel?"))["connection"]
    await visitor.post(f"/api/connections/{first}/close")
    second = (await visitor.write("Something else"))["connection"]
    await _answer(first, "It comes tomorrow.")
    listed = (await visitor.get("/api/connections"))["connections"]
    assert [(row["uid"], row["state"], row["unread"]) for row in listed] == [
        (first, "closed", 1),
        (second, "open", 0),
    ]
    (last,) = (await visitor.get(f"/api/connections/{first}/messages?limit=1"))["messages"]
    assert last["content"] == "It comes tomorrow."
    await visitor.post(f"/api/connections/{first}/read", seq=last["seq"])
    assert (await visitor.get("/api/connections"))["connections"][0]["unread"] == 0
    assert await visitor.refused("POST", f"/api/connections/{first}/reopen", {}) == (409, "conflict")
    await visitor.post(f"/api/connections/{second}/close")
    reopened = await visitor.post(f"/api/connections/{first}/reopen")
    assert reopened["connection"]["state"] == "open"
    assert (await visitor.write("Thank you!"))["connection"] == first


@sync_to_async
def _answer(connection: str, content: str) -> None:
    endpoint = Endpoint.objects.get(connection__uid=connection, service="discord")
    sam = RemoteAuthor("42", "Sam")
    assert receive_message(endpoint.pk, Incoming("900", sam, content, created_at=timezone.now()))


async def test_a_resend_is_one_message(visitor: Caller) -> None:
    client_id = str(uuid.uuid4())
    first = await visitor.write("Once", client_id=client_id)
    again = await visitor.write("Once", client_id=client_id)
    there = await visitor.write(
        "Once", f"/api/connections/{first['connection']}/messages", client_id=client_id
    )
    assert {each["uid"] for each in (again, there)} == {first["uid"]}
    assert await Message.objects.acount() == 1
