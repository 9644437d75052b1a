"""Staff in a terminal: what visitors write is there at once, what they type goes to the visitor and nobody else."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from bridge.chat.actions import Opening, Post, Posted, post_messages
from bridge.chat.actions.changing import delete_message, edit_message
from bridge.infra import redis
from bridge.infra.tasks import end
from bridge.models import Connection, Endpoint, Inbox, Message
from bridge.services.terminal import reading
from bridge.services.terminal.staff import Staff
from bridge.services.terminal.typed import converse
from tests.services.discord.bot.stage import db, eventually
from tests.services.terminal.script import Script

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def inbox(transactional_db: None, settings: Any) -> Inbox:
    settings.BRIDGE_SERVICES = {"console": "bridge.services.terminal.service.ConsoleService"}
    return Inbox.objects.get_or_create(name="default")[0]


class Desk:
    """One terminal of staff, at work."""

    def __init__(self, **author: str) -> None:
        self.terminal = Script()
        self.staff = Staff(
            self.terminal, reading.RemoteAuthor(author.get("id", "user:1"), author.get("nick", "Sam"))
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.staff.start()
        self._task = asyncio.create_task(converse(self.staff, self.terminal))

    async def leave(self) -> None:
        self.terminal.type(None)
        assert self._task is not None
        await self._task
        await self.staff.stop()

    async def crash(self) -> None:
        """It is gone without a word, and nothing tells that it lives."""
        assert self._task is not None
        await end(self._task, *self.staff._tasks)
        await self.staff._outbox.stop()
        await self.staff._database.close()


@pytest.fixture
async def desk(inbox: Inbox, valkey_url: str) -> AsyncIterator[Desk]:
    made = Desk()
    await made.start()
    yield made
    await made.leave()


async def write(inbox: Inbox, text: str, *, visitor: uuid.UUID, nick: str = "Visitor") -> Posted:
    opening = Opening(inbox=inbox.pk, visitor=visitor, nick=nick)
    (posted,) = await db(post_messages, [Post(opening=opening, content=text, client_id=uuid.uuid4())])
    assert isinstance(posted, Posted)
    return posted


async def test_a_visitors_words_appear_and_count_as_delivered_once_they_do(inbox: Inbox, desk: Desk) -> None:
    visitor, terminal = uuid.uuid4(), desk.terminal
    first = await write(inbox, "before anybody looked", visitor=visitor)
    code = first.target.uid[:8]
    terminal.type("/list")
    await terminal.until(code)
    terminal.type(f"/open {code}")
    await terminal.until("Visitor: before anybody looked")
    second = await write(inbox, "while somebody looks", visitor=visitor)
    await terminal.until("Visitor: while somebody looks")
    delivered = Message.objects.filter(pk=second.id, state=Message.State.DELIVERED)
    await eventually(sync_to_async(delivered.exists), "it is delivered")
    assert sum("Visitor: before anybody looked" in line for line in terminal.shown) == 1


async def test_an_answer_reaches_the_visitor_under_the_name_of_who_typed_it(inbox: Inbox, desk: Desk) -> None:
    posted = await write(inbox, "hello?", visitor=uuid.uuid4())
    desk.terminal.type(f"/open {posted.target.uid[:8]}")
    await desk.terminal.until("Visitor: hello?")
    desk.terminal.type("Good morning!")
    await desk.terminal.until("Sam: Good morning!")
    message = await db(Message.objects.select_related("author").get, content="Good morning!")
    assert (message.connection_id, message.author.nick) == (posted.target.connection, "Sam")
    assert message.author.role == "staff"


async def test_a_strangers_conversation_is_not_shown(inbox: Inbox, desk: Desk) -> None:
    visitor = uuid.uuid4()
    posted = await write(inbox, "mine", visitor=visitor)
    desk.terminal.type(f"/open {posted.target.uid[:8]}")
    await desk.terminal.until("Visitor: mine")
    await write(inbox, "somebody else's secret", visitor=uuid.uuid4(), nick="Stranger")
    await write(inbox, "mine again", visitor=visitor)
    await desk.terminal.until("mine again")
    assert not desk.terminal.has("somebody else's secret")


async def test_two_terminals_on_one_conversation_hear_each_other_once(inbox: Inbox, desk: Desk) -> None:
    posted = await write(inbox, "hello?", visitor=uuid.uuid4())
    other = Desk(id="user:2", nick="Kim")
    await other.start()
    for each in (desk, other):
        each.terminal.type(f"/open {posted.target.uid[:8]}")
        await each.terminal.until("Visitor: hello?")
    desk.terminal.type("from Sam")
    await other.terminal.until("Sam: from Sam")
    other.terminal.type("from Kim")
    await desk.terminal.until("Kim: from Kim")
    for each in (desk, other):
        assert sum("from Sam" in line for line in each.terminal.shown) == 1
        assert sum("from Kim" in line for line in each.terminal.shown) == 1
    await other.leave()


async def test_edits_and_deletions_are_shown(inbox: Inbox, desk: Desk) -> None:
    visitor = uuid.uuid4()
    posted = await write(inbox, "hello?", visitor=visitor)
    desk.terminal.type(f"/open {posted.target.uid[:8]}")
    await desk.terminal.until("Visitor: hello?")
    later = await write(inbox, "a slip", visitor=visitor)
    await desk.terminal.until("a slip")
    await db(edit_message, later.id, content="what I meant")
    await desk.terminal.until("(edited) what I meant")
    await db(delete_message, later.id)
    await desk.terminal.until("(deleted)")


async def test_leaving_takes_its_place_along(inbox: Inbox, valkey_url: str) -> None:
    desk = Desk()
    await desk.start()
    posted = await write(inbox, "hello?", visitor=uuid.uuid4())
    desk.terminal.type(f"/open {posted.target.uid[:8]}")
    await desk.terminal.until("Visitor: hello?")
    assert await db(Endpoint.objects.count) == 1
    await desk.leave()
    assert await db(Endpoint.objects.count) == 0


async def test_what_a_crash_left_is_gone_at_the_next_start_and_what_lives_stays(
    inbox: Inbox, desk: Desk
) -> None:
    posted = await write(inbox, "hello?", visitor=uuid.uuid4())
    crashed = Desk(id="user:2", nick="Kim")
    await crashed.start()
    for each in (desk, crashed):
        each.terminal.type(f"/open {posted.target.uid[:8]}")
        await each.terminal.until("Visitor: hello?")
    await crashed.crash()
    await redis.client().delete(f"chatbridge:console:{crashed.staff._places._terminal}")
    await eventually(_living(desk), "a sign of life")
    await (next_one := Desk(id="user:3", nick="Max")).start()
    left = await db(lambda: [each.remote_id for each in Endpoint.objects.all()])
    assert left == [desk.staff._places.name_of(uuid.UUID(posted.target.uid))]
    await next_one.leave()


def _living(desk: Desk) -> Any:
    key = f"chatbridge:console:{desk.staff._places._terminal}"
    return lambda: redis.client().exists(key)


async def test_one_that_was_taken_for_a_crash_comes_back_and_shows_what_it_missed(
    inbox: Inbox, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = uuid.uuid4()
    posted = await write(inbox, "hello?", visitor=visitor)
    desk.terminal.type(f"/open {posted.target.uid[:8]}")
    await desk.terminal.until("Visitor: hello?")
    await db(Endpoint.objects.all().delete)
    await write(inbox, "meanwhile", visitor=visitor)
    endpoint = desk.staff._endpoint
    assert endpoint is not None
    assert endpoint.remote_id
    await desk.staff._come_back(endpoint, endpoint.remote_id)
    assert desk.terminal.has("meanwhile")
    await write(inbox, "and now", visitor=visitor)
    await desk.terminal.until("and now")
    assert sum("meanwhile" in line for line in desk.terminal.shown) == 1


async def test_earlier_pages_until_where_it_began(inbox: Inbox, desk: Desk) -> None:
    visitor = uuid.uuid4()
    for number in range(45):
        posted = await write(inbox, f"number {number:02}", visitor=visitor)
    desk.terminal.type(f"/open {posted.target.uid[:8]}")
    await desk.terminal.until("number 44")
    assert not desk.terminal.has("number 24")
    desk.terminal.type("/more")
    await desk.terminal.until("number 05")
    desk.terminal.type("/more")
    await desk.terminal.until("number 00")
    desk.terminal.type("/more")
    await desk.terminal.until("This is where it began.")


async def test_a_conversation_is_ended(inbox: Inbox, desk: Desk) -> None:
    posted = await write(inbox, "hello?", visitor=uuid.uuid4())
    desk.terminal.type(f"/open {posted.target.uid[:8]}")
    await desk.terminal.until("Visitor: hello?")
    desk.terminal.type("/close")
    await desk.terminal.until("It has ended.")
    assert not (await db(Connection.objects.get)).is_open


async def test_words_that_fit_nothing_say_so(desk: Desk) -> None:
    for typed, said in (
        ("/dance", "There is no /dance."),
        ("/open 1234abcd", "There is no such conversation"),
        ("/open %", "There is no such conversation"),
        ("a word", "Open a conversation first"),
        ("/help", "/open CODE"),
    ):
        desk.terminal.type(typed)
        await desk.terminal.until(said)


async def test_hostile_words_reach_the_terminal_as_text(inbox: Inbox, desk: Desk) -> None:
    posted = await write(inbox, "hello?", visitor=uuid.uuid4(), nick="Visitor")
    await db(Message.objects.filter(pk=posted.id).update, content="\x1b[2J\x07boo\n12:00 staff Sam: hi")
    desk.terminal.type(f"/open {posted.target.uid[:8]}")
    await desk.terminal.until("\\x1b[2J\\x07boo")
    assert not any("\x1b" in line or "\x07" in line for line in desk.terminal.shown)
    assert not any(line.startswith("12:00 staff Sam") for line in desk.terminal.shown)


async def test_markdown_reads_in_a_terminal_as_words(inbox: Inbox, desk: Desk) -> None:
    visitor = uuid.uuid4()
    posted = await write(inbox, "**now** <t:0:t>?", visitor=visitor)
    desk.terminal.type(f"/open {posted.target.uid[:8]}")
    await desk.terminal.until("now 00:00 UTC?")
    await write(inbox, "or ||__later__||", visitor=visitor)
    await desk.terminal.until("or ||later||")


async def test_only_the_sites_own_staff_may_be_named(transactional_db: None) -> None:
    create = User.objects.create_user
    await db(create, "ada", first_name="Ada", last_name="Lovelace", is_staff=True)
    await db(create, "eve")
    await db(create, "gone", is_staff=True, is_active=False)
    assert (await db(reading.staff_named, "ada")).nick == "Ada Lovelace"
    for name in ("eve", "gone", "nobody"):
        with pytest.raises(reading.NobodySuch):
            await db(reading.staff_named, name)
