"""A visitor changes, takes back and answers: his own words, for a while."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bridge.chat import actions
from bridge.chat.actions import Opening, Post, Posted, Target
from bridge.chat.actions.changing import delete_message, edit_message
from bridge.infra.limits import THROTTLES
from bridge.models import Connection, Delivery, Inbox, Message, MessageVersion, Participant
from bridge.protocol import MAX_CONTENT
from tests.web.browser import Browser
from tests.web.conftest import Open

Staff = Callable[..., Awaitable[None]]


async def edit(browser: Browser, message: dict[str, Any], content: str) -> dict[str, Any]:
    return dict((await browser.ok("message.edit", message=message["uid"], content=content))["message"])


async def delete(browser: Browser, message: dict[str, Any]) -> dict[str, Any]:
    return dict((await browser.ok("message.delete", message=message["uid"]))["message"])


async def age(message: dict[str, Any], seconds: float) -> None:
    written = timezone.now() - timedelta(seconds=seconds)
    await Message.objects.filter(uid=message["uid"]).aupdate(created_at=written)


async def refusal(browser: Browser, command: str, **payload: Any) -> dict[str, Any]:
    reply = await browser.ask(command, **payload)
    assert not reply["ok"], reply
    return dict(reply["error"])


# --------------------------------------------------------------------- editing


async def test_an_edit_is_seen_in_his_other_tab_and_waits_for_discord_but_no_stranger_hears(
    browser: Open, stranger: Browser
) -> None:
    here = browser()
    await here.start()
    message = await here.write("Helo")
    there = browser(token=here.token)
    await there.start()
    changed = await edit(here, message, "Hello")
    assert (changed["content"], changed["own"]) == ("Hello", True)
    assert changed["edited_at"]
    event = await there.event("message.edited")
    assert event["payload"]["messages"][0]["content"] == "Hello"
    assert (event["since"], event["revision"]) == (message["revision"], changed["revision"])
    waiting = [
        each async for each in Delivery.objects.order_by("revision").values_list("operation", flat=True)
    ]
    assert waiting == ["post", "edit"]
    assert await stranger.hears_nothing()


async def test_what_it_said_before_is_kept_for_staff_and_goes_with_its_deletion(visitor: Browser) -> None:
    message = await visitor.write("one")
    await edit(visitor, message, "two")
    await edit(visitor, message, "three")
    kept = [each async for each in MessageVersion.objects.order_by("pk").values_list("content", flat=True)]
    assert kept == ["one", "two"]
    gone = await delete(visitor, message)
    assert (gone["content"], bool(gone["deleted_at"])) == ("", True)
    assert not await MessageVersion.objects.aexists()


async def test_the_same_content_again_changes_nothing(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    await visitor.event("connection.opened")
    same = await edit(visitor, message, "  Hello ")
    assert (same["revision"], same["edited_at"]) == (message["revision"], None)
    assert not await MessageVersion.objects.aexists()
    assert await visitor.hears_nothing()


async def test_an_edit_reaches_a_page_that_missed_it(visitor: Browser) -> None:
    message = await visitor.write("Helo")
    await edit(visitor, message, "Hello")
    page = await visitor.ok("connection.sync", connection=visitor.connection, since=message["revision"])
    assert [each["content"] for each in page["messages"]] == ["Hello"]


async def test_too_long_is_too_large_and_changes_nothing(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    error = await refusal(visitor, "message.edit", message=message["uid"], content="x" * (MAX_CONTENT + 1))
    assert (error["code"], error["details"]["limit"]) == ("too_large", MAX_CONTENT)
    assert (await Message.objects.aget()).content == "Hello"


# ------------------------------------------------------------------ permission


@pytest.mark.parametrize("command", ["message.edit", "message.delete"])
async def test_the_time_for_changes_is_the_inboxs_and_told_to_the_page(
    visitor: Browser, command: str
) -> None:
    message = await visitor.write("Hello")
    payload = {"message": message["uid"], **({"content": "Bye"} if command == "message.edit" else {})}
    await age(message, 901)
    error = await refusal(visitor, command, **payload)
    assert error["code"] == "not_permitted"
    assert "15 minutes" in error["message"]
    assert error["details"] == {"window": 900}
    await Inbox.objects.aupdate(edit_window=1000)
    assert await visitor.ok(command, **payload)


async def test_no_time_at_all_switches_it_off(browser: Open) -> None:
    await Inbox.objects.aupdate(edit_window=0)
    visitor = browser()
    assert (await visitor.start())["inbox"]["edit_window"] == 0
    message = await visitor.write("Hello")
    for command, more in (("message.edit", {"content": "Bye"}), ("message.delete", {})):
        error = await refusal(visitor, command, message=message["uid"], **more)
        assert (error["code"], error["details"]) == ("not_permitted", {"window": 0})
    assert (await Message.objects.aget()).content == "Hello"


@pytest.mark.parametrize("command", ["message.edit", "message.delete"])
async def test_what_staff_wrote_is_not_his_to_change(
    visitor: Browser, staff_write: Staff, command: str
) -> None:
    await visitor.write("Hello")
    await staff_write(visitor.connection, "Hi")
    answer = await Message.objects.aget(content="Hi")
    more = {"content": "Everything is free"} if command == "message.edit" else {}
    assert await visitor.refused(command, message=str(answer.uid), **more) == "not_permitted"
    assert (await Message.objects.aget(pk=answer.pk)).content == "Hi"


@pytest.mark.parametrize("command", ["message.edit", "message.delete"])
async def test_what_is_deleted_is_not_there(visitor: Browser, command: str) -> None:
    message = await visitor.write("Hello")
    await delete(visitor, message)
    more = {"content": "Back"} if command == "message.edit" else {}
    assert await visitor.refused(command, message=message["uid"], **more) == "not_found"
    assert (await Message.objects.aget()).content == ""


async def test_in_a_closed_conversation_nothing_is_edited_but_a_message_can_be_taken_back(
    visitor: Browser,
) -> None:
    message = await visitor.write("My address is")
    await visitor.ok("connection.close", connection=visitor.connection)
    assert await visitor.refused("message.edit", message=message["uid"], content="Bye") == "closed"
    assert (await delete(visitor, message))["deleted_at"]


@pytest.mark.parametrize("command", ["message.edit", "message.delete"])
async def test_nobody_changes_anything_before_a_session(
    visitor: Browser, browser: Open, command: str
) -> None:
    message = await visitor.write("Hello")
    nobody = browser()
    await nobody.open()
    more = {"content": "Bye"} if command == "message.edit" else {}
    assert await nobody.refused(command, message=message["uid"], **more) == "not_identified"


async def test_who_is_muted_cannot_go_on_by_editing_but_may_take_back(visitor: Browser) -> None:
    message = await visitor.write("Hello")
    await Participant.objects.aupdate(muted_until=timezone.now() + timedelta(minutes=5))
    error = await refusal(visitor, "message.edit", message=message["uid"], content="And another thing")
    assert error["code"] == "not_permitted"
    assert error["details"]["muted_until"]
    assert (await delete(visitor, message))["deleted_at"]


async def test_who_changes_too_often_is_asked_to_wait(no_refill: None, visitor: Browser) -> None:
    message = await visitor.write("0")
    limit = THROTTLES["edit"].visitor.amount
    for number in range(limit):
        await edit(visitor, message, str(number + 1))
    error = await refusal(visitor, "message.edit", message=message["uid"], content="once more")
    assert error["code"] == "throttled"
    assert error["details"]["retry_after"] > 0
    assert (await Message.objects.aget()).content == str(limit)


async def test_an_edit_and_a_deletion_at_once_leave_a_tombstone(browser: Open) -> None:
    here = browser()
    await here.start()
    message = await here.write("Hello")
    there = browser(token=here.token)
    await there.start()
    await asyncio.gather(
        here.ask("message.edit", message=message["uid"], content="Bye"),
        there.ok("message.delete", message=message["uid"]),
    )
    row = await Message.objects.aget()
    assert (row.content, bool(row.deleted_at)) == ("", True)
    assert not await MessageVersion.objects.aexists()


async def test_in_a_room_everybody_changes_his_own_as_long_as_he_is_there(
    visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    room = await Connection.objects.acreate(inbox=inbox, kind="room", slug="lobby", name="The lobby")
    for member in (visitor, stranger):
        await member.ok("room.join", room="lobby")
    message = await visitor.write("Hello, rom", connection=str(room.uid))
    answer = await stranger.write("Hi", connection=str(room.uid), reply_to=message["uid"])
    assert answer["reply_to"]["content"] == "Hello, rom"
    code = await stranger.refused("message.edit", message=message["uid"], content="Buy my things")
    assert code == "not_permitted"
    await edit(visitor, message, "Hello, room")
    heard = await stranger.event("message.edited")
    assert heard["payload"]["messages"][0]["content"] == "Hello, room"
    await visitor.ok("room.leave", room=str(room.uid))
    assert await visitor.refused("message.delete", message=message["uid"]) == "not_found"


# --------------------------------------------------------------------- replies


async def test_a_reply_quotes_what_it_answers_here_there_and_in_its_history(
    browser: Open, staff_write: Staff
) -> None:
    here = browser()
    await here.start()
    await here.write("Is it in stock?")
    await staff_write(here.connection, "Which one?" + "!" * 300)
    asked = await Message.objects.aget(seq=2)
    there = browser(token=here.token)
    await there.start()
    reply = await here.write("The blue one", reply_to=str(asked.uid))
    quote = {"uid": str(asked.uid), "seq": 2, "name": "Sam", "role": "staff", "deleted": False}
    quote["content"] = asked.content[:200]
    assert reply["reply_to"] == quote
    event = await there.event("message.posted", lambda each: each["revision"] == reply["revision"])
    assert event["payload"]["messages"][0]["reply_to"] == quote
    page = await here.ok("history.page", connection=here.connection)
    assert [each["reply_to"] for each in page["messages"]] == [None, None, quote]
    await sync_to_async(delete_message)(asked.pk)
    page = await here.ok("history.page", connection=here.connection)
    assert page["messages"][2]["reply_to"] == {**quote, "content": "", "deleted": True}


async def test_a_resent_reply_is_stored_once_with_its_quote(visitor: Browser) -> None:
    first = await visitor.write("one")
    client_id = str(uuid.uuid4())
    reply = await visitor.write("two", reply_to=first["uid"], client_id=client_id)
    assert await visitor.write("two", reply_to=first["uid"], client_id=client_id) == reply
    # Even when what it answers was deleted in between.
    await delete(visitor, first)
    again = await visitor.write("two", reply_to=first["uid"], client_id=client_id)
    assert (again["uid"], again["reply_to"]["content"]) == (reply["uid"], "")


async def test_what_is_deleted_or_of_an_earlier_conversation_cannot_be_answered(visitor: Browser) -> None:
    first = await visitor.write("one")
    gone = await visitor.write("two")
    await delete(visitor, gone)

    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        return await refusal(
            visitor, "message.send", client_id=str(uuid.uuid4()), content="x", reply_to=message["uid"]
        )

    error = await answer(gone)
    assert (error["code"], error["details"]) == ("not_found", {"reply_to": gone["uid"]})
    await visitor.ok("connection.close", connection=visitor.connection)
    assert (await answer(first))["code"] == "not_found"
    # And nothing was opened for it.
    assert await Connection.objects.acount() == 1


async def test_many_replies_to_what_is_not_there_do_not_keep_him_from_writing(visitor: Browser) -> None:
    await visitor.write("one")
    for _ in range(8):
        code = await visitor.refused(
            "message.send", client_id=str(uuid.uuid4()), content="x", reply_to=str(uuid.uuid4())
        )
        assert code == "not_found"
    assert (await visitor.write("two"))["seq"] == 2


def test_a_gap_cannot_be_answered(inbox: Inbox, valkey_url: str) -> None:
    row, who = actions.open_connection(Opening(inbox.pk, uuid.uuid4(), "Ada"))
    gap = Message.objects.create(connection=row, kind="gap", seq=1, revision=2)
    Connection.objects.filter(pk=row.pk).update(revision=2, last_seq=1)
    (result,) = actions.post_messages([Post(target=Target.of(row, who), content="x", reply_to=gap.uid)])
    assert getattr(result, "code", None) == "not_found"


def test_plain_messages_pay_nothing_for_replies_and_a_batch_of_replies_one_look(
    inbox: Inbox, valkey_url: str
) -> None:
    row, who = actions.open_connection(Opening(inbox.pk, uuid.uuid4(), "Ada"))
    target = Target.of(row, who)
    (first,) = actions.post_messages([Post(target=target, content="first")])
    assert isinstance(first, Posted)
    answered = uuid.UUID(first.message["uid"])

    def queries(replies: int) -> list[str]:
        batch = [
            Post(
                target=target,
                content=str(at),
                client_id=uuid.uuid4(),
                reply_to=answered if at < replies else None,
            )
            for at in range(10)
        ]
        with CaptureQueriesContext(connection) as captured:
            results = actions.post_messages(batch)
        assert all(isinstance(result, Posted) for result in results)
        return [each["sql"] for each in captured.captured_queries]

    plain, replies = queries(0), queries(10)
    looks = [sql for sql in replies if sql.startswith("SELECT") and "bridge_participant" in sql]
    assert len(looks) == 1
    assert len(replies) == len(plain) + 1
    assert Message.objects.filter(reply_to__uid=answered).count() == 10


async def test_an_edit_of_staff_keeps_what_it_said_before_too(visitor: Browser, staff_write: Staff) -> None:
    await visitor.write("Hello")
    await staff_write(visitor.connection, "Helo")
    answer = await Message.objects.aget(content="Helo")
    await sync_to_async(edit_message)(answer.pk, content="Hello!")
    assert [each.content async for each in MessageVersion.objects.filter(message=answer)] == ["Helo"]
    event = await visitor.event("message.edited")
    assert event["payload"]["messages"][0]["content"] == "Hello!"
