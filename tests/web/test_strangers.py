"""A stranger sees nothing and changes nothing, whatever he claims."""

import base64
import uuid
from collections.abc import Awaitable, Callable

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from bridge.chat.actions.moderating import block
from bridge.errors import BridgeError
from bridge.identity import tokens
from bridge.live.registry import entries
from bridge.models import Connection, Inbox, Message, Participant
from tests.web.browser import Browser, Closed
from tests.web.conftest import Open
from tests.web.test_rooms import make_room

Staff = Callable[..., Awaitable[None]]

# Every command that names a conversation, with what else it needs.
WITH_CONNECTION = {
    "message.send": {"client_id": str(uuid.uuid4()), "content": "Let me in"},
    "history.page": {},
    "connection.sync": {"since": 0},
    "connection.close": {},
    "connection.reopen": {},
    "typing.start": {},
    "nick.set": {"nick": "Me"},
    "receipt.read": {"seq": 1},
    # Of another app, with a permission that asks for a session alone, and with `participant`.
    "shop.here": {},
    "shop.ship": {"number": "A7", "to": "everybody"},
}


# Every command that names a message, with what else it needs.
WITH_MESSAGE = {
    "message.edit": {"content": "Let me in"},
    "message.delete": {},
    "message.retry": {},
    "reaction.add": {"emoji": "👍"},
    "reaction.remove": {"emoji": "👍"},
    "shop.about": {},
}


def test_every_command_that_names_a_message_is_tried() -> None:
    named = {name for name, entry in entries.items() if "message" in entry.payload.model_fields}
    assert named == set(WITH_MESSAGE)


@pytest.mark.parametrize("command", WITH_MESSAGE)
async def test_anothers_message_answers_as_one_that_does_not_exist(
    visitor: Browser, stranger: Browser, command: str
) -> None:
    secret = await visitor.write("My secret")
    await stranger.write("Hello")
    await visitor.event("connection.opened")
    theirs = await stranger.ask(command, message=secret["uid"], **WITH_MESSAGE[command])
    nobodys = await stranger.ask(command, message=str(uuid.uuid4()), **WITH_MESSAGE[command])
    assert theirs["error"] == nobodys["error"]
    assert theirs["error"]["code"] == "not_found"
    kept = await Message.objects.aget(uid=secret["uid"])
    assert (kept.content, kept.revision) == ("My secret", secret["revision"])
    assert await visitor.hears_nothing()


async def finds_nothing(asker: Browser, uid: str) -> bool:
    """Whether this message, by every command that can name one, is to them as one that does not exist."""
    answer = {"client_id": str(uuid.uuid4()), "content": "So you said"}
    ways = [(command, "message", rest) for command, rest in WITH_MESSAGE.items()]
    for command, field, rest in (*ways, ("message.send", "reply_to", answer)):
        errors = []
        for each in (uid, str(uuid.uuid4())):
            error = (await asker.ask(command, **{field: each}, **rest))["error"]
            error["details"] = dict.fromkeys(error.get("details", {}))
            errors.append(error)
        assert errors[0] == errors[1], command
        assert errors[0]["code"] == "not_found"
    return True


async def test_a_message_that_is_not_theirs_to_see_is_none(
    visitor: Browser, stranger: Browser, browser: Open, inbox: Inbox
) -> None:
    await Inbox.objects.acreate(name="shop")
    elsewhere = browser(token=visitor.token)
    await elsewhere.start(inbox="shop")
    await stranger.write("Hello")
    secret = await visitor.write("My secret")
    assert await finds_nothing(elsewhere, secret["uid"])
    await visitor.ok("connection.close", connection=visitor.connection)
    assert await finds_nothing(stranger, secret["uid"])


async def test_a_message_of_a_room_that_they_are_not_in_is_none(
    visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    room = str((await sync_to_async(make_room)(inbox)).uid)
    for each in (visitor, stranger):
        await each.write("Hello")
    await visitor.ok("room.join", room=room)
    said = await visitor.write("Among us", connection=room)
    assert await finds_nothing(stranger, said["uid"])
    await visitor.ok("room.leave", room=room)
    assert await finds_nothing(visitor, said["uid"])


async def test_a_deleted_message_is_none_for_its_author_either(visitor: Browser) -> None:
    gone = await visitor.write("Never mind")
    await visitor.ok("message.delete", message=gone["uid"])
    assert await finds_nothing(visitor, gone["uid"])


async def test_anothers_message_cannot_be_answered_and_so_not_be_read(
    visitor: Browser, stranger: Browser
) -> None:
    secret = await visitor.write("My secret")
    await stranger.write("Hello")
    for where in ({}, {"connection": stranger.connection}):
        for uid in (secret["uid"], str(uuid.uuid4())):
            reply = await stranger.ask(
                "message.send", client_id=str(uuid.uuid4()), content="So you said", reply_to=uid, **where
            )
            assert reply["error"]["code"] == "not_found"
            assert "secret" not in str(reply)
    assert await Message.objects.filter(content="So you said").acount() == 0


def test_every_command_that_names_a_conversation_is_tried() -> None:
    named = {name for name, entry in entries.items() if "connection" in entry.payload.model_fields}
    assert named == set(WITH_CONNECTION)


@pytest.mark.parametrize("command", WITH_CONNECTION)
async def test_anothers_conversation_answers_as_one_that_does_not_exist(
    visitor: Browser, stranger: Browser, command: str
) -> None:
    await visitor.write("My secret")
    await visitor.event("connection.opened")
    rest = WITH_CONNECTION[command]
    theirs = await stranger.ask(command, connection=visitor.connection, **rest)
    nobodys = await stranger.ask(command, connection=str(uuid.uuid4()), **rest)
    assert theirs["error"] == nobodys["error"]
    assert theirs["error"]["code"] == "not_found"
    assert "secret" not in str(theirs)
    assert await Message.objects.acount() == 1
    assert (await Connection.objects.aget()).state == "open"
    assert await visitor.hears_nothing()


async def test_a_stranger_hears_nothing_of_anothers_conversation(
    visitor: Browser, stranger: Browser, staff_write: Staff
) -> None:
    await visitor.write("My secret")
    await stranger.write("Hello")
    await stranger.event("connection.opened")
    await staff_write(visitor.connection, "I know your secret")
    await visitor.event("message.posted")
    assert await stranger.hears_nothing()
    assert set((await stranger.ok("ping"))["heads"]) == {stranger.connection}


def _altered(token: str) -> dict[str, str]:
    value, signature = token.split(":")
    other = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return {
        "another visitor, same signature": f"{other}:{signature}",
        "no signature": value,
        "empty signature": f"{value}:",
        "cut off": token[:-1],
        "made longer": token + "A",
        "other case": token.swapcase(),
        "the bare id": str(uuid.uuid4()),
        "nothing at all": ":",
        "not ascii": "é" + token,
        "a surrogate's neighbour": "\ud7ff" + token,
    }


@pytest.mark.parametrize("how", _altered("a:b"))
async def test_an_altered_token_is_refused(visitor: Browser, browser: Open, how: str) -> None:
    await visitor.write("My secret")
    forger = browser()
    await forger.open()
    reply = await forger.ask("session.start", token=_altered(visitor.token or "")[how])
    assert reply["error"]["code"] == "not_identified"
    assert "secret" not in str(reply)
    # The socket lives, without a session.
    assert await forger.refused("ping") == "not_identified"


async def test_a_token_that_another_key_signed_is_refused(browser: Open) -> None:
    from django.core import signing

    value = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    forged = signing.Signer(key="guessed", salt="bridge.visitor").sign(value)
    # Signed by the right key, but for another purpose.
    for token in (forged, signing.Signer(salt="something.else").sign(value)):
        with pytest.raises(BridgeError, match="invalid"):
            tokens.read(token)
    forger = browser(cookie=forged)
    await forger.open()
    assert await forger.refused("session.start") == "not_identified"


def test_a_token_is_short_and_comes_back_as_its_visitor() -> None:
    visitor = uuid.uuid4()
    token = tokens.issue(visitor).text
    assert tokens.read(token).visitor == visitor
    assert len(token) <= 120
    assert visitor.hex not in token


def test_what_others_know_a_visitor_by_is_not_in_his_token() -> None:
    visitor = uuid.uuid4()
    assert tokens.public_id(visitor) not in {visitor.hex, str(visitor), tokens.issue(visitor).text}
    assert tokens.public_id(visitor) == tokens.public_id(visitor)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://testserver.evil.example",
        "http://testserver:8080",
        "null",
        "testserver",
        "http://",
        "http://testserver@evil.example",
        "http://[half",
        "file://testserver",
    ],
)
async def test_another_origin_is_closed_with_4403(browser: Open, origin: str) -> None:
    foreign = browser(origin=origin)
    await foreign.open()
    assert await foreign.closed() == 4403


async def test_a_host_that_is_not_ours_is_closed_with_4403(browser: Open) -> None:
    rebound = browser(host="evil.example", origin="http://evil.example")
    await rebound.open()
    assert await rebound.closed() == 4403


@pytest.mark.parametrize("origin", ["http://testserver", "http://TESTSERVER", "https://testserver", None])
async def test_our_own_page_and_what_is_no_browser_come_in(browser: Open, origin: str | None) -> None:
    assert await browser(origin=origin).start()


async def test_an_allowed_site_comes_in_but_not_with_our_cookie(browser: Open, inbox: Inbox) -> None:
    await Inbox.objects.aupdate(allowed_origins="https://shop.example\nhttps://Other.example/")
    known = browser()
    await known.start()
    await known.write("My secret")
    for origin in ("https://shop.example", "https://other.example"):
        embedded = browser(origin=origin, cookie=known.token)
        started = await embedded.start()
        assert started["connection"] is None
        assert started["token"]


async def test_a_site_that_one_inbox_allows_may_not_open_another(browser: Open) -> None:
    await Inbox.objects.acreate(name="shop", allowed_origins="https://shop.example")
    embedded = browser(origin="https://shop.example")
    await embedded.open()
    assert await embedded.refused("session.start", inbox="default") == "not_permitted"
    with pytest.raises(Closed) as close:
        await embedded.receive()
    assert close.value.code == 4403
    again = browser(origin="https://shop.example")
    await again.start(inbox="shop")


async def test_a_conversation_of_another_inbox_is_his_but_not_what_he_goes_on_with(browser: Open) -> None:
    await Inbox.objects.acreate(name="shop")
    here = browser()
    await here.start()
    await here.write("Hello")
    there = browser(token=here.token)
    assert (await there.start(inbox="shop"))["connection"] is None
    assert (await there.ok("ping"))["heads"] == {}


async def test_who_is_blocked_in_one_inbox_does_not_reach_his_conversation_there_from_another(
    browser: Open, inbox: Inbox
) -> None:
    await Inbox.objects.acreate(name="shop")
    here = browser()
    await here.start()
    said = await here.write("Hello")
    author = await Participant.objects.aget(messages__uid=said["uid"])
    assert author.visitor is not None
    await sync_to_async(block)(inbox, author.visitor)
    there = browser(token=here.token)
    await there.start(inbox="shop")
    for command, rest in WITH_CONNECTION.items():
        assert await there.refused(command, connection=here.connection, **rest) == "not_found", command
    for command, rest in WITH_MESSAGE.items():
        assert await there.refused(command, message=said["uid"], **rest) == "not_found", command
    assert await Message.objects.acount() == 1


async def test_an_internal_error_says_nothing_of_what_went_wrong(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"the key is {settings.SECRET_KEY}")

    monkeypatch.setattr("bridge.chat.history.heads", fail)
    reply = await visitor.ask("ping")
    assert reply["error"] == {
        "code": "internal",
        "message": "Something went wrong on the server.",
        "details": {},
    }
    assert "the key is" in caplog.text
