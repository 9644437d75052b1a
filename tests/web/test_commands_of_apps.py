"""Commands and events that another app adds, over a real socket: `tests/shop_app` is that app."""

import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from jsonschema import Draft202012Validator

from bridge import schemas
from bridge.extend import anyone
from bridge.infra.limits import Limit, Throttle
from bridge.live import groups
from bridge.live.registry import entries
from bridge.models import Connection, Contact, Inbox, Participant
from tests.shop_app.bridge_commands import Shipped, group, shipped
from tests.shop_app.models import Order
from tests.web.browser import Browser, Closed
from tests.web.conftest import Open
from tests.web.identities import Page, take, user
from tests.web.test_rooms import make_room


async def order_of(browser: Browser, **fields: Any) -> Order:
    """An order of somebody who has written."""
    await browser.write("Hello")
    author = await Participant.objects.aget(connection__uid=browser.connection, role="visitor")
    return await Order.objects.acreate(number="A7", visitor=author.visitor, **fields)


async def test_a_command_of_another_app_is_answered_with_its_model(visitor: Browser) -> None:
    await order_of(visitor, state="shipped")
    reply = await visitor.ask("shop.status", number="A7")
    assert reply["payload"] == {"number": "A7", "state": "shipped", "open_at": None}
    assert "warning" not in reply


async def test_its_frames_are_as_the_description_says(visitor: Browser) -> None:
    await order_of(visitor)
    schema = schemas.schema(schemas.everything())
    for name in ("shop.status", "shop.state"):
        reply = await visitor.ask(name, number="A7")
        Draft202012Validator({"$ref": f"#/$defs/reply:{name}", "$defs": schema["$defs"]}).validate(reply)


async def test_a_row_that_does_not_exist_is_not_found(visitor: Browser) -> None:
    reply = await visitor.ask("shop.status", number="B8")
    assert reply["error"] == {"code": "not_found", "message": "There is no such order.", "details": {}}


async def test_its_payload_is_as_closed_as_ours(visitor: Browser) -> None:
    assert await visitor.refused("shop.status", number="A7", more=1) == "invalid_payload"
    assert await visitor.refused("shop.status", number=7) == "invalid_payload"
    assert await visitor.refused("shop.status") == "invalid_payload"


async def test_who_has_no_session_is_refused(browser: Open) -> None:
    someone = browser()
    await someone.open()
    assert await someone.refused("shop.status", number="A7") == "not_identified"


async def test_a_deprecated_command_answers_with_a_warning(visitor: Browser) -> None:
    await order_of(visitor)
    reply = await visitor.ask("shop.state", number="A7")
    assert reply["payload"]["state"] == "packed"
    assert reply["warning"] == "shop.state is deprecated: use shop.status"


async def test_a_throttled_command_says_when_and_leaves_the_socket_open(visitor: Browser) -> None:
    for _ in range(2):
        assert await visitor.ok("shop.rare") == {}
    reply = await visitor.ask("shop.rare")
    assert reply["error"]["code"] == "throttled"
    # Two a day: one in twelve hours.
    assert 3600 < reply["error"]["details"]["retry_after"] <= 12 * 3600 + 1
    assert await visitor.ok("ping")


async def test_the_site_may_set_another_throttle_for_a_command(browser: Open, settings: Any) -> None:
    settings.BRIDGE_THROTTLES = {"shop.rare": Throttle(visitor=Limit(1, 86400), address=Limit(2, 86400))}
    visitor, other, stranger = browser(), browser(), browser()
    for each in (visitor, other, stranger):
        await each.start()
    await visitor.ok("shop.rare")
    assert await visitor.refused("shop.rare") == "throttled"
    # All three come from one address, which has had its two then.
    await other.ok("shop.rare")
    assert await stranger.refused("shop.rare") == "throttled"


async def test_one_visitors_throttle_is_not_another_ones(visitor: Browser, stranger: Browser) -> None:
    for each in (visitor, stranger):
        for _ in range(2):
            await each.ok("shop.rare")
        assert await each.refused("shop.rare") == "throttled"


async def test_an_error_that_closes_ends_the_socket_after_its_reply(visitor: Browser) -> None:
    reply = await visitor.ask("shop.leave")
    assert reply["error"] == {
        "code": "conflict",
        "message": "The shop is closed.",
        "details": {"until": "09:30"},
    }
    with pytest.raises(Closed) as close:
        await visitor.receive()
    assert close.value.code == 4403


async def test_a_reply_that_is_not_what_it_says_is_a_bug_and_not_sent(
    visitor: Browser, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> Shipped:
        return Order(number="A7")  # type: ignore[return-value]

    # For this test alone: no other may find it.
    monkeypatch.setattr(groups, "entries", {})
    group.command("broken", permission=anyone, throttle="read")(broken)
    monkeypatch.setitem(entries, "shop.broken", groups.entries["shop.broken"])
    reply = await visitor.ask("shop.broken")
    assert reply["error"] == {
        "code": "internal",
        "message": "Something went wrong on the server.",
        "details": {},
    }
    assert "shop.broken" in caplog.text
    assert await visitor.ok("ping")


async def test_what_a_function_of_ours_gives_is_its_own_visitors(visitor: Browser, stranger: Browser) -> None:
    await order_of(visitor)
    assert (await visitor.ok("shop.state", number="A7"))["number"] == "A7"
    theirs = await stranger.ask("shop.state", number="A7")
    nobodys = await stranger.ask("shop.state", number="B8")
    unknown = {"code": "not_found", "message": "You have no such order.", "details": {}}
    assert theirs["error"] == nobodys["error"] == unknown


async def test_what_two_ask_for_is_got_once(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    order = await order_of(visitor)
    nick = (await Participant.objects.aget(visitor=order.visitor)).nick
    asked = []
    original = Order.objects.filter

    def counted(**by: Any) -> Any:
        asked.append(by)
        return original(**by)

    monkeypatch.setattr(Order.objects, "filter", counted)
    reply = await visitor.ok("shop.greet", number="A7")
    assert reply["number"] == f"{nick}, your order A7 is packed."
    assert len(asked) == 1


async def test_the_connection_is_the_callers_own(visitor: Browser, stranger: Browser) -> None:
    await visitor.write("My secret")
    await stranger.write("Hello")
    mine = await visitor.ok("shop.here", connection=visitor.connection)
    assert mine == {"connection": visitor.connection, "inbox": "default", "nick": mine["nick"]}
    theirs = await stranger.ask("shop.here", connection=visitor.connection)
    nobodys = await stranger.ask("shop.here", connection=str(uuid.uuid4()))
    assert theirs["error"] == nobodys["error"]
    assert theirs["error"]["code"] == "not_found"


async def test_without_a_name_the_connection_is_the_open_one(visitor: Browser, stranger: Browser) -> None:
    await visitor.write("Hello")
    for command in ("shop.here", "shop.mine"):
        assert (await visitor.ok(command))["connection"] == visitor.connection
        assert await stranger.refused(command) == "not_found"
    await visitor.ok("connection.close", connection=visitor.connection)
    assert await visitor.refused("shop.here") == "not_found"
    # By its name it is still his.
    assert await visitor.ok("shop.here", connection=visitor.connection)


async def test_a_room_is_the_callers_while_he_is_in_it(
    visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    room = await sync_to_async(make_room)(inbox)
    assert await visitor.refused("shop.here", connection=str(room.uid)) == "not_found"
    joined = await visitor.ok("room.join", room="lobby", nick="Ada")
    uid = joined["room"]["uid"]
    assert (await visitor.ok("shop.here", connection=uid))["nick"] == "Ada"
    assert (await visitor.ok("shop.room", room=uid))["nick"] == "Ada"
    assert await stranger.refused("shop.here", connection=uid) == "not_found"
    assert await stranger.refused("shop.room", room=uid) == "not_found"
    await visitor.ok("room.leave", room=uid)
    assert await visitor.refused("shop.here", connection=uid) == "not_found"


async def test_the_message_is_one_that_the_caller_can_read(visitor: Browser, stranger: Browser) -> None:
    secret = await visitor.write("My secret")
    assert await visitor.ok("shop.about", message=secret["uid"]) == {"content": "My secret"}
    theirs = await stranger.ask("shop.about", message=secret["uid"])
    nobodys = await stranger.ask("shop.about", message=str(uuid.uuid4()))
    assert theirs["error"] == nobodys["error"]
    assert theirs["error"]["code"] == "not_found"
    await visitor.ok("message.delete", message=secret["uid"])
    assert await visitor.refused("shop.about", message=secret["uid"]) == "not_found"


async def test_a_message_in_a_room_is_for_who_is_in_it(
    visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    await sync_to_async(make_room)(inbox)
    uid = (await visitor.ok("room.join", room="lobby", nick="Ada"))["room"]["uid"]
    said = await visitor.write("Hello", connection=uid)
    assert await visitor.ok("shop.about", message=said["uid"]) == {"content": "Hello"}
    assert await stranger.refused("shop.about", message=said["uid"]) == "not_found"
    await visitor.ok("room.leave", room=uid)
    assert await visitor.refused("shop.about", message=said["uid"]) == "not_found"


EVENT = {"event": "shop.shipped", "payload": {"number": "A7", "parcels": []}}


async def hears_no_other(browser: Browser) -> bool:
    """Whether the next one that he hears is one that is told after all the others."""
    await browser.ok("shop.end")
    return bool((await browser.event("shop.shipped"))["payload"]["number"] == "END")


async def test_an_event_for_the_caller_is_heard_by_his_socket_alone(
    visitor: Browser, stranger: Browser, browser: Open
) -> None:
    await visitor.write("Hello")
    await visitor.event("connection.opened")
    tab = browser(token=visitor.token)
    await tab.start()
    await visitor.ok("shop.ship", number="A7", to="caller")
    assert await visitor.event("shop.shipped") == EVENT
    assert await hears_no_other(tab)
    assert await hears_no_other(stranger)


async def test_an_event_for_a_visitor_is_heard_by_every_page_of_his(
    visitor: Browser, stranger: Browser, browser: Open
) -> None:
    await visitor.write("Hello")
    await visitor.event("connection.opened")
    tab = browser(token=visitor.token)
    await tab.start()
    await visitor.ok("shop.ship", number="A7", to="visitor")
    for each in (visitor, tab):
        assert await each.event("shop.shipped") == EVENT
    assert await hears_no_other(stranger)


async def test_an_event_for_a_conversation_is_heard_by_everybody_in_it(
    visitor: Browser, stranger: Browser, browser: Open, inbox: Inbox
) -> None:
    await sync_to_async(make_room)(inbox)
    other = browser(address="198.51.100.8")
    await other.start()
    for each, nick in ((visitor, "Ada"), (other, "Bob")):
        uid = (await each.ok("room.join", room="lobby", nick=nick))["room"]["uid"]
    await visitor.ok("shop.ship", number="A7", to="everybody", connection=uid)
    for each in (visitor, other):
        assert await each.event("shop.shipped") == EVENT | {"connection": uid}
    assert await hears_no_other(stranger)


async def test_an_event_for_one_other_participant_is_heard_by_nobody_else(
    visitor: Browser, stranger: Browser, browser: Open, inbox: Inbox
) -> None:
    await sync_to_async(make_room)(inbox)
    other = browser(address="198.51.100.8")
    await other.start()
    for each, nick in ((visitor, "Ada"), (other, "Bob"), (stranger, "Eve")):
        uid = (await each.ok("room.join", room="lobby", nick=nick))["room"]["uid"]
    await visitor.ok("shop.ship", number="A7", to="one", nick="Bob", connection=uid)
    assert await other.event("shop.shipped") == EVENT
    for each in (visitor, stranger):
        assert await hears_no_other(each)


async def test_an_event_reaches_pages_from_code_without_a_session(
    visitor: Browser, stranger: Browser
) -> None:
    await visitor.write("Hello")
    parcel = uuid.uuid4()
    connection = await Connection.objects.aget(uid=visitor.connection)
    shipped.tell(connection, Shipped(number="A7", parcels=[parcel]))
    heard = await visitor.event("shop.shipped")
    assert heard["payload"] == {"number": "A7", "parcels": [str(parcel)]}
    assert await hears_no_other(stranger)


async def test_a_protected_command_knows_its_user_and_refuses_a_stranger(
    visitor: Browser, browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "login")
    page = Page()
    await page.log_in(await user("ada"))
    ada = browser(**page.cookies)
    await ada.start()
    assert await ada.ok("shop.who") == {"email": "ada@example.com", "user": "ada"}
    # A stranger who says that he is somebody has a contact all the same: that does not make him known.
    for _ in range(2):
        assert await visitor.refused("shop.who") == "not_identified"
        await visitor.ok("contact.set", name="Ada", email="ada@example.com")


async def test_who_has_no_contact_is_asked_for_it(stranger: Browser) -> None:
    reply = await stranger.ask("shop.tell", number="A7")
    assert reply["error"]["code"] == "not_identified"
    assert reply["error"]["details"] == {"reason": "sign_in"}


async def test_an_event_for_a_user_is_heard_wherever_he_is_signed_in(
    stranger: Browser, browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "login")
    ada = await user("ada")
    signed_in = []
    for address in ("192.0.2.7", "198.51.100.9"):
        # Two computers, nothing in common but her login.
        page = Page()
        await page.log_in(ada)
        signed_in.append(browser(**page.cookies, address=address))
        await signed_in[-1].start()
    await signed_in[0].ok("shop.tell", number="A7")
    for each in signed_in:
        assert await each.event("shop.shipped") == EVENT
    async for contact in Contact.objects.filter(user=ada):
        shipped.tell(contact, Shipped(number="B8"))
    for each in signed_in:
        assert (await each.event("shop.shipped"))["payload"]["number"] == "B8"
    assert await hears_no_other(stranger)


def test_who_is_no_visitor_has_no_page_to_tell() -> None:
    with pytest.raises(ValueError, match="only visitors"):
        shipped.tell(Participant(nick="Sam", role=Participant.Role.STAFF), Shipped(number="A7"))


def test_a_function_that_takes_session_and_payload_is_called_as_it_is() -> None:
    """The hot path pays nothing for what others may ask for."""
    assert entries["message.send"].call is entries["message.send"].function
    assert entries["message.send"].dump is None
    assert entries["shop.status"].call is not entries["shop.status"].function
