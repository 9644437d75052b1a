"""A visitor's earlier conversations: what staff write there reaches them, and nobody else can read or open them."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bridge import api
from bridge.chat import actions, listing
from bridge.chat.actions import moderating
from bridge.chat.actions.receiving import (
    Incoming,
    RemoteAuthor,
    receive_delete,
    receive_edit,
    receive_message,
)
from bridge.live.worker import Worker
from bridge.models import Connection, Endpoint, Inbox, Message, Participant
from tests.web.browser import Browser, Closed
from tests.web.conftest import Open

SAM = RemoteAuthor("42", "Sam")


@sync_to_async
def answer(connection: str | None, content: str, remote_id: str = "900") -> Message | None:
    """Staff write in the conversation's Discord thread."""
    endpoint = Endpoint.objects.get(connection__uid=connection, service="discord")
    incoming = Incoming(remote_id, SAM, content, created_at=timezone.now())
    return receive_message(endpoint.pk, incoming)


async def posted(browser: Browser, connection: str | None, content: str) -> None:
    """It is told in this conversation."""
    await browser.event(
        "message.posted",
        lambda frame: (
            (frame["connection"], frame["payload"]["messages"][-1]["content"]) == (connection, content)
        ),
    )


async def two(browser: Browser) -> tuple[str, str]:
    """A conversation that has ended, and the open one after it."""
    await browser.write("Where is my parcel?")
    first = browser.connection
    await browser.ok("connection.close", connection=first)
    await browser.write("Something else")
    assert first
    assert browser.connection
    assert first != browser.connection
    return first, browser.connection


async def listed(browser: Browser, **payload: Any) -> list[tuple[str, str, int]]:
    rows = (await browser.ok("connection.list", **payload))["connections"]
    return [(row["title"], row["state"], row["unread"]) for row in rows]


# ---------------------------------------------------------------------------------------------------- late answers


async def test_a_late_answer_reaches_every_page_of_its_visitor_and_stays_where_it_belongs(
    visitor: Browser, browser: Open
) -> None:
    first, second = await two(visitor)
    # Loaded afterwards: it shows the open one, and has never heard of the first.
    late = browser(token=visitor.token)
    assert (await late.start())["connection"]["uid"] == second
    await answer(first, "It comes tomorrow.")
    for page in (visitor, late):
        await posted(page, first, "It comes tomorrow.")
    assert await listed(late) == [("Where is my parcel?", "closed", 1), ("Something else", "open", 0)]
    page = await late.ok("history.page", connection=first)
    assert [each["content"] for each in page["messages"]][-1] == "It comes tomorrow."


async def test_what_staff_change_of_a_late_answer_reaches_a_page_that_never_saw_it(
    visitor: Browser, browser: Open
) -> None:
    first, _ = await two(visitor)
    await answer(first, "It comes tomorow.")
    late = browser(token=visitor.token)
    await late.start()
    endpoint = await Endpoint.objects.aget(connection__uid=first, service="discord")
    edit = sync_to_async(receive_edit)
    assert await edit(endpoint.pk, "900", content="It comes tomorrow.", edited_at=timezone.now())
    event = await late.event("message.edited")
    assert event["payload"]["messages"][0]["content"] == "It comes tomorrow."
    await sync_to_async(receive_delete)(endpoint.pk, "900", deleted_at=timezone.now())
    assert (await late.event("message.deleted"))["connection"] == first
    assert (await listed(late))[0] == ("Where is my parcel?", "closed", 0)


async def test_a_new_session_says_how_many_there_are_and_how_much_is_unread(
    visitor: Browser, browser: Open
) -> None:
    first, _ = await two(visitor)
    for number in range(3):
        await answer(first, f"Part {number}", str(900 + number))
    again = browser(token=visitor.token)
    assert (await again.start())["earlier"] == {"connections": 1, "unread": 3}
    read = (await listed(again))[0]
    assert read == ("Where is my parcel?", "closed", 3)
    last = (await again.ok("history.page", connection=first, limit=1))["messages"][0]["seq"]
    await again.ok("receipt.read", connection=first, seq=last)
    third = browser(token=visitor.token)
    assert (await third.start())["earlier"] == {"connections": 1, "unread": 0}


async def test_a_pong_names_the_conversation_of_a_late_answer_whose_event_was_lost(
    settings_without_limits: None, visitor: Browser
) -> None:
    await visitor.write("The oldest")
    oldest = visitor.connection
    for number in range(8):
        await visitor.ok("connection.close", connection=visitor.connection)
        await visitor.write(f"Number {number}")
    await answer(oldest, "Late, but here")
    heads = (await visitor.ok("ping"))["heads"]
    assert list(heads)[:2] == [visitor.connection, oldest]


async def test_by_python_too_an_older_conversation_takes_a_late_answer(visitor: Browser) -> None:
    first, second = await two(visitor)
    older = api.Connection(await Connection.objects.aget(uid=first))
    await older.asend("From the shop", author="The shop", service="shop", staff=True)
    await posted(visitor, first, "From the shop")
    assert (await Connection.objects.aget(uid=second)).is_open


# ------------------------------------------------------------------------------------------------------- the list


async def test_the_list_is_paged_from_the_latest_activity_on_and_names_each_once(
    settings_without_limits: None, visitor: Browser
) -> None:
    for number in range(7):
        await visitor.write(f"Number {number}")
        await visitor.ok("connection.close", connection=visitor.connection)
        # Two of them at one moment: the order holds all the same.
        await Connection.objects.filter(uid=visitor.connection).aupdate(
            active_at=datetime(2020, 1, 1, 0, number // 2, tzinfo=UTC)
        )
    await visitor.write("The open one")
    await Connection.objects.filter(uid=visitor.connection).aupdate(
        active_at=timezone.now().replace(year=2019)
    )
    titles: list[str] = []
    payload: dict[str, Any] = {"limit": 3}
    more = True
    while more:
        page = await visitor.ok("connection.list", **payload)
        titles += [row["title"] for row in page["connections"]]
        more, payload["before"] = page["has_more"], page["connections"][-1]["uid"]
    assert titles == [f"Number {number}" for number in range(6, -1, -1)] + ["The open one"]


async def test_a_conversation_that_begins_with_a_file_or_a_deleted_message_is_named_by_what_comes_next(
    visitor: Browser,
) -> None:
    gone = await visitor.write("Never mind")
    await visitor.ok("message.delete", message=gone["uid"])
    await visitor.write("My real question " + "x" * 300)
    ((title, _, _),) = await listed(visitor)
    assert title == ("My real question " + "x" * 300)[:200]


async def test_nobody_else_sees_the_list_nor_what_is_in_it(
    visitor: Browser, stranger: Browser, browser: Open, inbox: Inbox
) -> None:
    first, _ = await two(visitor)
    await Inbox.objects.acreate(name="other", title="Other")
    elsewhere = browser(token=visitor.token)
    assert (await elsewhere.start(inbox="other"))["earlier"] == {"connections": 0, "unread": 0}
    await answer(first, "For the visitor alone")
    await posted(visitor, first, "For the visitor alone")
    for other in (stranger, elsewhere):
        assert await listed(other) == []
        assert await other.refused("connection.list", before=first) == "not_found"
        for command, more in (
            ("history.page", {}),
            ("connection.sync", {"since": 0}),
            ("receipt.read", {"seq": 1}),
            ("connection.reopen", {}),
        ):
            assert await other.refused(command, connection=first, **more) == "not_found"
        assert await other.hears_nothing()


async def test_who_was_signed_out_or_blocked_sees_no_list(
    visitor: Browser, browser: Open, inbox: Inbox
) -> None:
    first, _ = await two(visitor)
    who = (await Connection.objects.aget(uid=first)).visitor
    assert who is not None
    assert visitor.token is not None
    await sync_to_async(moderating.block)(inbox, who)
    blocked = browser(token=visitor.token)
    await blocked.open()
    assert await blocked.refused("session.start", token=visitor.token) == "blocked"
    with pytest.raises(Closed):
        await blocked.ask("connection.list")
    await sync_to_async(moderating.unblock)(inbox, who)
    await api.arevoke_token(visitor.token)
    revoked = browser()
    await revoked.open()
    assert await revoked.refused("session.start", token=visitor.token) == "not_identified"
    assert await revoked.refused("connection.list") == "not_identified"


def many(visitor: uuid.UUID, inbox: Inbox, *, conversations: int, messages: int) -> None:
    for number in range(conversations):
        row = Connection.objects.create(
            inbox=inbox, visitor=visitor, state="closed", closed_at=timezone.now(), last_seq=messages
        )
        Participant.objects.create(connection=row, visitor=visitor, role="visitor", nick="V")
        sam = Participant.objects.create(connection=row, role="staff", nick="Sam", service="discord")
        Message.objects.bulk_create(
            Message(connection=row, author=sam, seq=seq, revision=seq, content=f"{number}.{seq}")
            for seq in range(1, messages + 1)
        )


@pytest.mark.django_db
def test_what_the_list_asks_does_not_grow_with_history_and_what_it_counts_has_an_end() -> None:
    inbox = Inbox.objects.get(name="default")
    few, lots = uuid.uuid4(), uuid.uuid4()
    many(few, inbox, conversations=2, messages=3)
    many(lots, inbox, conversations=30, messages=150)
    counted = []
    for who in (few, lots):
        with CaptureQueriesContext(database) as queries:
            page = listing.conversations(who, inbox=inbox.pk, limit=20)
            listing.earlier(who, inbox=inbox.pk, but=0)
            listing.latest(who, inbox=inbox.pk)
            listing.newest(who, inbox=inbox.pk, limit=5)
        counted.append(len(queries))
    assert counted[0] == counted[1]
    assert {row["unread"] for row in page["connections"]} == {listing.MOST_COUNTED}
    assert listing.earlier(lots, inbox=inbox.pk, but=0)["connections"] == 30
    walked = [query["sql"] for query in queries if '"closed_at" IS NOT NULL' in query["sql"]]
    with database.cursor() as cursor:
        for sql in walked:
            cursor.execute(f"EXPLAIN {'QUERY PLAN ' if database.vendor == 'sqlite' else ''}{sql}")
            plan = str(cursor.fetchall())
            if database.vendor == "sqlite":
                assert "connection_ended" in plan, plan
                assert "TEMP B-TREE" not in plan, plan
    assert walked


# -------------------------------------------------------------------------------------- closing, and going on again


async def test_ending_a_chat_is_told_to_both_sides_by_whom_it_was(visitor: Browser) -> None:
    await visitor.write("Hello")
    await visitor.ok("connection.close", connection=visitor.connection)
    event = await visitor.event("message.posted")
    (line,) = event["payload"]["messages"]
    assert (line["kind"], line["content"], line["author"]["role"]) == ("event", "closed", "visitor")
    assert await sync_to_async(_waits)() == ["message", "event"]
    # Whoever did it did it: there is nothing to change, to take back or to react to.
    for command, more in (
        ("message.edit", {"content": "It goes on"}),
        ("message.delete", {}),
        ("message.retry", {}),
        ("reaction.add", {"emoji": "👍"}),
    ):
        assert await visitor.refused(command, message=line["uid"], **more) == "not_found"
    # Twice is nothing.
    await visitor.ok("connection.close", connection=visitor.connection)
    assert await Message.objects.filter(kind="event").acount() == 1
    # It is no message: nobody has it to read.
    assert (await listed(visitor))[0][2] == 0


def _waits() -> list[str]:
    endpoint = Endpoint.objects.get(service="discord")
    return list(endpoint.deliveries.order_by("revision").values_list("message__kind", flat=True))


async def test_an_ended_conversation_goes_on_where_no_newer_one_is_open(
    visitor: Browser, browser: Open
) -> None:
    first, second = await two(visitor)
    assert await visitor.refused("connection.reopen", connection=first) == "conflict"
    await visitor.ok("connection.close", connection=second)
    other = browser(token=visitor.token)
    await other.start()
    reopened = await visitor.ok("connection.reopen", connection=first)
    assert reopened["connection"]["state"] == "open"
    event = await other.event("connection.reopened")
    assert event["connection"] == first
    # What names no conversation goes there from now on, from this page and from another.
    for page in (visitor, other):
        assert (await page.write("And now?"))["connection"] == first
    await visitor.ok("connection.reopen", connection=first)
    told = [
        each async for each in Message.objects.filter(kind="event", connection__uid=first).order_by("seq")
    ]
    assert [each.content for each in told] == ["closed", "reopened"]


async def test_who_may_not_write_opens_nothing_again(visitor: Browser) -> None:
    await visitor.write("Hello")
    await visitor.ok("connection.close", connection=visitor.connection)
    me = await Participant.objects.aget(role="visitor")
    await sync_to_async(moderating.mute)(me, until=timezone.now() + timedelta(minutes=5))
    await Worker.current().look_at_moderation()
    assert await visitor.refused("connection.reopen", connection=visitor.connection) == "not_permitted"
    assert not (await Connection.objects.aget(uid=visitor.connection)).is_open


async def test_a_room_is_closed_without_a_word(visitor: Browser, inbox: Inbox) -> None:
    room = await Connection.objects.acreate(inbox=inbox, kind="room", slug="lobby", name="Lobby")
    await sync_to_async(actions.close_connection)(room)
    assert await Message.objects.filter(connection=room).acount() == 0
