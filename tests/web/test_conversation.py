"""A visitor writes, staff answer, he comes back tomorrow and goes on."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import OperationalError
from django.utils import timezone

from bridge.chat import actions
from bridge.live.worker import Worker
from bridge.models import Connection, Delivery, Endpoint, Inbox, Message, Participant
from tests.web.browser import Browser
from tests.web.conftest import Open

Staff = Callable[..., Awaitable[None]]


async def test_a_new_visitor_gets_a_token_a_nick_and_the_greeting(browser: Open) -> None:
    started = await browser().start(nick="Ada")
    assert started["nick"] == "Ada"
    assert started["inbox"]["greeting"]
    assert started["connection"] is None
    assert started["messages"] == []
    assert started["visitor"] not in started["token"]


async def test_nothing_is_stored_before_the_first_message(visitor: Browser) -> None:
    await visitor.ok("ping")
    assert not await Connection.objects.aexists()
    assert not await Participant.objects.aexists()


async def test_the_first_message_opens_the_conversation_with_all_that_staff_may_know(browser: Open) -> None:
    visitor = browser()
    await visitor.start(
        nick="Ada", locale="en-GB", page={"url": "https://shop.example/", "title": "Shop", "referrer": "r"}
    )
    message = await visitor.write("Hello")
    row = await Connection.objects.aget()
    assert (row.nick, row.locale, row.page_url, row.page_title, row.referrer, row.user_agent) == (
        "Ada", "en-GB", "https://shop.example/", "Shop", "r", "Firefox",
    )  # fmt: skip
    assert message["connection"] == str(row.uid)
    assert message["own"]
    assert message["author"]["name"] == "Ada"
    assert (message["seq"], message["revision"], message["state"]) == (1, 2, "sent")


async def test_each_message_waits_for_discord_and_its_line_is_due(visitor: Browser) -> None:
    await visitor.write("one")
    await visitor.write("two")
    endpoint = await Endpoint.objects.aget()
    assert (endpoint.service, endpoint.remote_id) == ("discord", None)
    assert endpoint.due is not None
    assert endpoint.due <= timezone.now()
    waiting = [
        each async for each in Delivery.objects.order_by("revision").values_list("revision", "operation")
    ]
    assert waiting == [(2, "post"), (3, "post")]


async def test_staff_answer_and_he_sees_it_at_once(visitor: Browser, staff_write: Staff) -> None:
    await visitor.write("Is the blue one in stock?")
    await staff_write(visitor.connection, "Yes!")
    event = await visitor.event("message.posted")
    (message,) = event["payload"]["messages"]
    assert (event["since"], event["revision"]) == (2, 3)
    assert (message["content"], message["author"]["role"], message["author"]["name"]) == (
        "Yes!",
        "staff",
        "Sam",
    )
    assert "own" not in message


async def test_his_own_message_comes_as_a_reply_here_and_as_an_event_in_his_other_tab(browser: Open) -> None:
    here = browser()
    await here.start()
    await here.write("Hello")
    there = browser(token=here.token)
    await there.start()
    await here.event("connection.opened")
    message = await here.write("Again")
    # The first one's event may still have been on its way when the other tab came.
    event = await there.event("message.posted", lambda frame: frame["revision"] == message["revision"])
    assert event["payload"]["messages"][0]["uid"] == message["uid"]
    assert (event["since"], event["revision"]) == (message["revision"] - 1, message["revision"])
    assert await here.hears_nothing()


async def test_his_other_tab_learns_of_a_new_conversation(browser: Open) -> None:
    here = browser()
    await here.start()
    there = browser(token=here.token)
    await there.start()
    await here.write("Hello")
    opened = await there.event("connection.opened")
    posted = await there.event("message.posted")
    assert opened["connection"] == posted["connection"] == here.connection
    assert (opened["since"], opened["revision"], posted["since"]) == (0, 1, 1)


async def test_two_tabs_that_write_first_at_once_share_one_conversation(browser: Open) -> None:
    here = browser()
    await here.start()
    there = browser(token=here.token)
    await there.start()
    messages = await asyncio.gather(here.write("from here"), there.write("from there"))
    assert len({message["connection"] for message in messages}) == 1
    assert sorted(message["seq"] for message in messages) == [1, 2]


async def test_he_comes_back_to_his_conversation(browser: Open, staff_write: Staff) -> None:
    before = browser()
    await before.start(nick="Ada")
    await before.write("Hello")
    await before.leave()
    await staff_write(before.connection, "Hi Ada")
    after = browser(token=before.token)
    started = await after.start()
    assert started["connection"]["uid"] == before.connection
    assert started["nick"] == "Ada"
    assert [(each["content"], each["own"]) for each in started["messages"]] == [
        ("Hello", True),
        ("Hi Ada", False),
    ]
    assert (await after.write("I am back"))["seq"] == 3


async def test_his_cookie_is_enough_and_its_token_is_not_handed_to_scripts(browser: Open) -> None:
    first = browser()
    await first.start()
    await first.write("Hello")
    second = browser(cookie=first.token)
    started = await second.start()
    assert started["connection"]["uid"] == first.connection
    assert started["token"] == ""


async def test_a_resend_is_stored_once_and_gets_the_same_answer(visitor: Browser) -> None:
    client_id = str(uuid.uuid4())
    first = await visitor.write("Hello", client_id=client_id)
    assert await visitor.write("Hello", client_id=client_id) == first
    assert await visitor.write("Hello", client_id=client_id, connection=first["connection"]) == first
    assert await Message.objects.acount() == 1
    assert await Delivery.objects.acount() == 1


async def test_a_resend_is_found_in_a_conversation_that_was_closed_since(visitor: Browser) -> None:
    client_id = str(uuid.uuid4())
    first = await visitor.write("Hello", client_id=client_id)
    await visitor.ok("connection.close", connection=visitor.connection)
    assert (await visitor.write("Hello", client_id=client_id))["uid"] == first["uid"]
    assert await Connection.objects.acount() == 1


async def test_he_closes_it_and_his_next_message_opens_another(visitor: Browser) -> None:
    first = await visitor.write("Hello")
    closed = await visitor.ok("connection.close", connection=first["connection"])
    assert closed["connection"]["state"] == "closed"
    assert (await visitor.event("connection.closed"))["revision"] == 3
    code = await visitor.refused(
        "message.send", connection=first["connection"], client_id=str(uuid.uuid4()), content="More"
    )
    assert code == "closed"
    second = await visitor.write("More")
    assert second["connection"] != first["connection"]
    said = Message.objects.filter(connection__uid=first["connection"], kind=Message.Kind.MESSAGE)
    assert await said.acount() == 1


async def test_he_goes_on_in_a_new_one_where_staff_closed_the_old(visitor: Browser) -> None:
    first = await visitor.write("Hello")
    row = await Connection.objects.aget()
    assert await sync_to_async(actions.close_connection)(row)
    await visitor.event("connection.closed")
    second = await visitor.write("More")
    assert second["connection"] != first["connection"]


async def test_closing_twice_changes_nothing_the_second_time(visitor: Browser) -> None:
    await visitor.write("Hello")
    first = await visitor.ok("connection.close", connection=visitor.connection)
    assert await visitor.ok("connection.close", connection=visitor.connection) == first


async def test_a_closed_conversation_is_reopened_unless_he_has_a_newer_one(visitor: Browser) -> None:
    await visitor.write("Hello")
    row = await Connection.objects.aget()
    reopen = sync_to_async(actions.reopen_connection)
    assert not await reopen(row)
    await visitor.ok("connection.close", connection=visitor.connection)
    assert await reopen(row)
    event = await visitor.event("connection.reopened")
    assert (event["since"], event["revision"], event["payload"]["connection"]["state"]) == (4, 5, "open")
    await visitor.ok("connection.close", connection=visitor.connection)
    await visitor.write("A new one")
    assert not await reopen(row)


async def test_pages_go_back_to_the_beginning_without_a_hole(visitor: Browser) -> None:
    for number in range(7):
        await visitor.write(str(number))
    page = await visitor.ok("history.page", connection=visitor.connection, limit=3)
    seen = [each["content"] for each in page["messages"]]
    while page["has_more"]:
        before = page["messages"][0]["seq"]
        page = await visitor.ok("history.page", connection=visitor.connection, limit=3, before=before)
        seen = [each["content"] for each in page["messages"]] + seen
    assert seen == [str(number) for number in range(7)]


@pytest.mark.parametrize(
    ("count", "limit"), [(50, None), (51, None), (100, None), (100, 100), (101, 100), (200, 100)]
)
async def test_full_pages_say_whether_there_is_more(
    visitor: Browser, browser: Open, count: int, limit: int | None
) -> None:
    await visitor.write("1")
    await _fill(visitor.connection or "", count - 1)
    asked = {} if limit is None else {"limit": limit}
    late = browser(token=visitor.token)
    started = await late.start()
    seen = [each["seq"] for each in started["messages"]]
    assert started["has_more"] is (len(seen) < count)
    page = started
    while page["has_more"]:
        page = await late.ok("history.page", connection=late.connection, before=seen[0], **asked)
        assert page["messages"]
        seen = [each["seq"] for each in page["messages"]] + seen
    assert seen == list(range(1, count + 1))
    assert not (await late.ok("history.page", connection=late.connection, before=1, **asked))["messages"]


async def _fill(connection: str, count: int) -> None:
    row = await Connection.objects.aget(uid=connection)
    author = await Participant.objects.aget(connection=row)
    await Message.objects.abulk_create(
        Message(
            connection=row, author=author, seq=seq, revision=seq + 1, content=str(seq), client_id=uuid.uuid4()
        )
        for seq in range(2, count + 2)
    )
    await Connection.objects.filter(pk=row.pk).aupdate(revision=count + 2, last_seq=count + 1)


async def test_sync_brings_what_changed_page_by_page_up_to_the_head(visitor: Browser) -> None:
    await visitor.write("1")
    await _fill(visitor.connection or "", 250)
    since, seen = 2, []
    for _ in range(3):
        page = await visitor.ok("connection.sync", connection=visitor.connection, since=since)
        assert not page["reset"]
        seen += [each["revision"] for each in page["messages"]]
        since = page["revision"]
    assert not page["has_more"]
    assert seen == list(range(3, 253))
    assert since == page["connection"]["revision"] == 252


async def test_who_is_too_far_behind_gets_the_newest_page_and_forgets_the_rest(visitor: Browser) -> None:
    await visitor.write("1")
    await _fill(visitor.connection or "", 400)
    page = await visitor.ok("connection.sync", connection=visitor.connection, since=2)
    assert page["reset"]
    assert page["has_more"]
    assert [each["seq"] for each in page["messages"]] == list(range(352, 402))
    # From before the database was restored from its backup: by one revision, or by many.
    head = page["revision"]
    for since, reset in ((head, False), (head + 1, True), (9999, True)):
        synced = await visitor.ok("connection.sync", connection=visitor.connection, since=since)
        assert synced["reset"] == reset


async def test_a_deleted_message_stays_as_a_tombstone_without_its_content(visitor: Browser) -> None:
    await visitor.write("Oops")
    await Message.objects.aupdate(deleted_at=timezone.now())
    page = await visitor.ok("history.page", connection=visitor.connection)
    assert page["messages"][0]["content"] == ""
    assert page["messages"][0]["deleted_at"]


async def test_the_pong_says_where_each_of_his_conversations_stands(visitor: Browser) -> None:
    first = (await visitor.write("Hello"))["connection"]
    await visitor.ok("connection.close", connection=first)
    second = (await visitor.write("Hello again"))["connection"]
    assert (await visitor.ok("ping"))["heads"] == {second: 2, first: 4}


async def test_a_session_and_each_pong_say_what_time_it_is_here(browser: Open) -> None:
    began, here = timezone.now(), browser()
    said = [(await here.start())["time"], (await here.ok("ping"))["time"]]
    times = [datetime.fromisoformat(each) for each in said]
    assert times == sorted(times)
    # To the millisecond, cut off.
    assert began - timedelta(milliseconds=1) <= times[0]
    assert times[1] <= timezone.now()


async def test_a_read_mark_is_kept_and_told_to_his_other_tab(browser: Open, staff_write: Staff) -> None:
    here = browser()
    await here.start()
    await here.write("Hello")
    await staff_write(here.connection, "Hi")
    there = browser(token=here.token)
    started = await there.start()
    assert started["connection"]["read_seq"] == 0
    await here.ok("receipt.read", connection=here.connection, seq=2)
    receipt = await there.event("receipt.read")
    assert receipt["payload"] == {"participant": started["connection"]["participant"], "seq": 2}
    # Backwards, and beyond what there is: neither is kept.
    await here.ok("receipt.read", connection=here.connection, seq=1)
    await here.ok("receipt.read", connection=here.connection, seq=99)
    assert (await Participant.objects.aget(role="visitor")).read_seq == 2


async def test_the_bot_hears_how_far_he_has_read_only_where_the_inbox_shows_it(
    visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("bot", channel)
    first, second = await visitor.write("one"), await visitor.write("two")
    await visitor.ok("receipt.read", connection=visitor.connection, seq=first["seq"])
    await Inbox.objects.filter(pk=inbox.pk).aupdate(show_read=Inbox.ShowRead.REACTION)
    await stranger.ask("receipt.read", connection=visitor.connection, seq=second["seq"])
    await visitor.ok("receipt.read", connection=visitor.connection, seq=second["seq"])
    heard = []
    async with asyncio.timeout(60):
        while not heard or heard[-1]["type"] != "bot.read":
            heard.append(await layer.receive(channel))
    assert heard[-1] == {"type": "bot.read", "connection": visitor.connection}
    assert {each["type"] for each in heard[:-1]} <= {"bot.nudge"}


async def test_the_bot_hears_that_deliveries_wait_and_who_is_typing(visitor: Browser) -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("bot", channel)
    await visitor.write("Hello")
    async with asyncio.timeout(60):
        assert await layer.receive(channel) == {"type": "bot.nudge"}
        await visitor.ok("typing.start", connection=visitor.connection)
        assert await layer.receive(channel) == {"type": "bot.typing", "connection": visitor.connection}


async def test_a_chat_that_is_switched_off_or_unknown_opens_no_session(browser: Open) -> None:
    visitor = browser()
    await visitor.open()
    assert await visitor.refused("session.start", inbox="nowhere") == "not_found"
    await Inbox.objects.aupdate(enabled=False)
    assert await visitor.refused("session.start") == "not_found"


async def test_a_session_starts_once(visitor: Browser) -> None:
    assert await visitor.refused("session.start") == "conflict"


@pytest.mark.parametrize("command", ["message.send", "history.page", "connection.sync", "ping"])
async def test_nothing_is_answered_before_a_session(browser: Open, command: str) -> None:
    payload = {
        "message.send": {"client_id": str(uuid.uuid4()), "content": "Hello"},
        "history.page": {"connection": str(uuid.uuid4())},
        "connection.sync": {"connection": str(uuid.uuid4()), "since": 0},
        "ping": {},
    }[command]
    nobody = browser()
    await nobody.open()
    assert await nobody.refused(command, **payload) == "not_identified"


async def test_a_session_that_could_not_start_leaves_nothing_and_can_start_again(
    browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = browser()
    await known.start()
    await known.write("Hello")
    await known.leave()
    again = browser()
    await again.open()
    with monkeypatch.context() as broken:
        broken.setattr("bridge.chat.history.page", lambda *_, **__: 1 / 0)
        assert await again.refused("session.start", token=known.token) == "internal"
    assert (await again.ok("session.start"))["connection"] is None
    assert await again.refused("history.page", connection=known.connection) == "not_found"
    await again.leave()
    assert Worker.current().hub.listeners == {}


async def test_a_database_that_is_away_is_said_to_be(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("could not connect")

    with monkeypatch.context() as broken:
        broken.setattr("bridge.chat.history.heads", away)
        assert await visitor.refused("ping") == "unavailable"
    assert await visitor.ok("ping")
