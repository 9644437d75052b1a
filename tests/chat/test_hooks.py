"""Signals for other apps: told once, after the commit, in order; a receiver that fails or hangs hurts nobody."""

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, transaction
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bridge import signals
from bridge.chat import actions, hooks
from bridge.chat.actions import Opening, Post, Posted, Target, receiving, settling, storing
from bridge.chat.actions.receiving import Incoming, RemoteAuthor
from bridge.live.writer import Writer
from bridge.models import Connection, Delivery, Endpoint, Inbox, Message
from bridge.signals import Hook

Hear = Callable[..., None]

ALL = [each for each in vars(signals).values() if isinstance(each, Hook)]
NAMES = (
    "connection_opened connection_accessed connection_closed message_posted message_edited message_deleted "
    "message_delivered participant_joined participant_left"
)


class Heard(list[dict[str, Any]]):
    """What a receiver was told, which is the whole of it."""

    def __call__(self, **told: Any) -> None:
        self.append(told)

    def names(self) -> list[str]:
        return [each["signal"].name for each in self]

    def contents(self) -> list[str]:
        return [each["message"].content for each in self]


@pytest.fixture
def inbox(transactional_db: None) -> Inbox:
    return Inbox.objects.get_or_create(name="default")[0]


@pytest.fixture
def hear() -> Iterator[Hear]:
    """Connect a receiver to signals until the test ends."""
    connected: list[tuple[Hook, Any]] = []

    def connect(receiver: Any, *wanted: Hook) -> None:
        for signal in wanted:
            signal.connect(receiver, weak=False)
            connected.append((signal, receiver))

    yield connect
    for signal, receiver in connected:
        signal.disconnect(receiver)
    assert hooks.drain(60)


@pytest.fixture
def heard(hear: Hear) -> Heard:
    """What is told of everything."""
    heard = Heard()
    hear(heard, *ALL)
    return heard


def opened(inbox: Inbox) -> Target:
    return Target.of(*actions.open_connection(Opening(inbox.pk, uuid.uuid4(), "Ada")))


def say(target: Target, *contents: str) -> list[Posted]:
    posts = [Post(target=target, content=content, client_id=uuid.uuid4()) for content in contents]
    results = actions.post_messages(posts)
    return [result for result in results if isinstance(result, Posted)]


def test_there_are_these_signals() -> None:
    assert [each.name for each in ALL] == NAMES.split()
    assert set(ALL) == set(hooks._ABOUT)


def test_where_nobody_listens_nothing_is_done(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    unused = hooks.Dispatcher()
    monkeypatch.setattr(hooks, "_dispatcher", unused)
    target = opened(inbox)
    say(target, "The first wakes its line, which one more need not.")
    with CaptureQueriesContext(database) as quiet:
        say(target, "Hello")
    signals.message_posted.connect(heard := Heard())
    try:
        with CaptureQueriesContext(database) as heeded:
            assert not unused.is_started
            say(target, "Hello")
        assert unused.drain(10)
    finally:
        signals.message_posted.disconnect(heard)
    assert heard.contents() == ["Hello"]
    assert len(quiet) == len(heeded) > 0


def test_a_conversation_from_its_beginning_to_its_end(inbox: Inbox, heard: Heard) -> None:
    target = opened(inbox)
    (posted,) = say(target, "Helo")
    actions.changing.edit_message(posted.id, content="Hello")
    actions.changing.edit_message(posted.id, content="Hello")
    actions.changing.delete_message(posted.id)
    actions.changing.delete_message(posted.id)
    connection = Connection.objects.get()
    assert actions.close_connection(connection)
    assert not actions.close_connection(connection)
    assert actions.reopen_connection(connection)
    assert hooks.drain(60)
    assert heard.names() == [
        "connection_opened",
        "participant_joined",
        "message_posted",
        "message_edited",
        "message_deleted",
        "connection_closed",
        "connection_opened",
    ]
    assert [each["reopened"] for each in heard if "reopened" in each] == [False, True]
    assert {each["connection"].uid for each in heard} == {connection.uid}
    message = heard[2]
    assert message["sender"] is Message
    assert message["message"].pk == posted.id
    assert (message["participant"].nick, message["source"]) == ("Ada", "web")
    assert (heard[1]["participant"].nick, heard[1]["service"]) == ("Ada", "web")


def test_an_async_receiver_is_told_the_same_and_asks_the_database(inbox: Inbox, hear: Hear) -> None:
    told: list[tuple[str, str, int]] = []

    async def receiver(message: Message, connection: Connection, **_: Any) -> None:
        count = await Message.objects.filter(connection=connection).acount()
        told.append((message.content, connection.inbox.name, count))

    hear(receiver, signals.message_posted)
    target = opened(inbox)
    say(target, "1", "2")
    assert hooks.drain(60)
    say(target, "3")
    assert hooks.drain(60)
    assert told == [("1", "default", 2), ("2", "default", 2), ("3", "default", 3)]


def test_a_receiver_may_listen_to_one_sender_only(inbox: Inbox) -> None:
    heard = Heard()
    signals.connection_opened.connect(heard, sender=Message)
    signals.message_posted.connect(heard, sender=Message)
    say(opened(inbox), "Hello")
    assert hooks.drain(60)
    signals.connection_opened.disconnect(heard, sender=Message)
    signals.message_posted.disconnect(heard, sender=Message)
    assert heard.names() == ["message_posted"]


class Shop:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def receive(self, message: Message, **_: Any) -> None:
        self.heard.append(message.content)


def test_a_receiver_whose_object_is_gone_is_told_nothing(inbox: Inbox) -> None:
    shop = Shop()
    heard = shop.heard
    signals.message_posted.connect(shop.receive)
    target = opened(inbox)
    say(target, "1", "2")
    assert hooks.drain(60)
    del shop
    say(target, "3")
    assert hooks.drain(60)
    assert heard == ["1", "2"]
    assert not signals.message_posted.has_listeners()


def test_it_is_told_after_the_commit_and_sees_what_was_committed(inbox: Inbox, heard: Heard) -> None:
    target = opened(inbox)
    assert hooks.drain(60)
    heard.clear()
    with transaction.atomic():
        say(target, "1")
        say(target, "2")
        assert hooks.drain(60)
        assert heard == []
    assert hooks.drain(60)
    assert heard.contents() == ["1", "2"]


def test_of_what_is_rolled_back_nothing_is_told(inbox: Inbox, heard: Heard) -> None:
    target = opened(inbox)
    assert hooks.drain(60)
    heard.clear()
    with transaction.atomic():
        say(target, "never said")
        transaction.set_rollback(True)
    with transaction.atomic():
        say(target, "said")
        with transaction.atomic():
            say(target, "taken back")
            transaction.set_rollback(True)
    assert hooks.drain(60)
    assert heard.contents() == ["said"]


def test_a_resend_is_told_once(inbox: Inbox, heard: Heard) -> None:
    target = opened(inbox)
    post = Post(target=target, content="Hello", client_id=uuid.uuid4())
    actions.post_messages([post, post])
    actions.post_messages([post])
    assert hooks.drain(60)
    assert heard.names().count("message_posted") == 1


def test_each_conversation_is_told_in_its_order(inbox: Inbox, heard: Heard) -> None:
    one, stranger = opened(inbox), opened(inbox)
    for number in range(0, 300, 3):
        posts = [
            Post(target=target, content=f"{number + more}") for more in range(3) for target in (stranger, one)
        ]
        actions.post_messages(posts)
    assert hooks.drain(60)
    for target in (one, stranger):
        told = [each for each in heard if "message" in each and each["connection"].pk == target.connection]
        assert [each["message"].content for each in told] == [f"{number}" for number in range(300)]
        assert {each["participant"].pk for each in told} == {target.participant}


def test_a_batch_is_loaded_with_one_query(inbox: Inbox, heard: Heard, django_assert_num_queries: Any) -> None:
    target = opened(inbox)
    say(target, *map(str, range(50)))
    assert hooks.drain(60)
    keys = list(Message.objects.values_list("pk", flat=True))
    with django_assert_num_queries(1):
        (rows,) = hooks._rows([hooks.Notice(signals.message_posted, key, {}) for key in keys]).values()
        for row in rows.values():
            assert isinstance(row, Message)
            assert row.author is not None
            assert (row.connection.inbox.name, row.author.nick) == ("default", "Ada")


def test_what_is_purged_in_the_meantime_is_told_to_nobody(inbox: Inbox, heard: Heard) -> None:
    hooks.tell(signals.message_posted, [1_000_000])
    say(opened(inbox), "Hello")
    assert hooks.drain(60)
    assert heard.names().count("message_posted") == 1


# ------------------------------------------------------------------------------------------- receivers at fault


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_one_that_raises_is_logged_and_told_the_next(
    inbox: Inbox, hear: Hear, heard: Heard, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    contents: list[str] = []

    def receiver(message: Message, **_: Any) -> None:
        contents.append(message.content)
        if message.content == "1":
            raise TimeoutError("the shop is closed")

    async def receiver_async(message: Message, **more: Any) -> None:
        receiver(message, **more)

    hear(receiver if kind == "sync" else receiver_async, signals.message_posted)
    say(opened(inbox), "1", "2")
    assert hooks.drain(60)
    assert contents == ["1", "2"]
    assert [each for each in heard.names() if each == "message_posted"] == ["message_posted"] * 2
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "test_one_that_raises" in record.getMessage()
    assert "the shop is closed" in caplog.text


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_one_that_hangs_holds_up_the_conversations_of_its_sender_and_no_other(
    inbox: Inbox, hear: Hear, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    monkeypatch.setattr(hooks, "MOST_UNSENT", 8)
    monkeypatch.setattr(hooks, "_dispatcher", dispatcher := hooks.Dispatcher())
    conversations = [opened(inbox) for _ in range(2 * hooks.SENDERS)]
    stuck, *others = conversations
    beside = [each for each in others if (each.connection - stuck.connection) % hooks.SENDERS]
    contents: list[tuple[int, str]] = []
    released, hanging = threading.Event(), threading.Event()

    def hangs(message: Message, connection: Connection, **_: Any) -> None:
        contents.append((connection.pk, message.content))
        if message.content == "hang":
            hanging.set()
            released.wait(60)

    async def hangs_async(message: Message, **more: Any) -> None:
        hangs(message, **more)

    hear(hangs if kind == "sync" else hangs_async, signals.message_posted)
    try:
        say(stuck, "hang")
        assert hanging.wait(60)
        for target in conversations:
            say(target, "1", "2")
        until(lambda: sum(pk != stuck.connection for pk, _ in contents) >= 2 * len(beside))
        say(stuck, *map(str, range(3, 12)))
        until(lambda: "receivers are too slow and now miss signals" in caplog.text)
        assert not dispatcher.drain(0.1)
        assert [content for pk, content in contents if pk == stuck.connection] == ["hang"]
    finally:
        released.set()
    assert dispatcher.drain(60)
    for target in beside:
        assert [content for pk, content in contents if pk == target.connection] == ["1", "2"]
    # What was dropped is the newest, and all of it is counted. Another conversation has two of the eight places.
    received = [content for pk, content in contents if pk == stuck.connection]
    assert received == ["hang", *map(str, range(1, 7))]
    until(lambda: "caught up: receivers have missed 5 signals" in caplog.text)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_process_that_ends_in_this_very_moment_fails_at_nothing(
    inbox: Inbox, heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def starts_no_thread(*_: Any) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    monkeypatch.setattr(hooks._dispatcher, "add", starts_no_thread)
    say(opened(inbox), "Hello")
    assert Message.objects.get().content == "Hello"
    assert "message_posted was not sent, because the process is ending" in caplog.text


def test_what_is_too_much_is_dropped_and_counted(
    inbox: Inbox, hear: Hear, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hooks, "MOST_UNLOADED", 5)
    monkeypatch.setattr(hooks, "_dispatcher", hooks.Dispatcher())
    heard = Heard()
    hear(heard, signals.message_posted)
    say(opened(inbox), *map(str, range(8)))
    assert hooks.drain(60)
    assert heard.contents() == ["0", "1", "2", "3", "4"]
    assert "receivers are too slow and now miss signals" in caplog.text
    until(lambda: "receivers have missed 3 signals" in caplog.text)
    assert caplog.text.count("receivers have missed") == 1


@pytest.mark.parametrize("error", [InterfaceError, OperationalError])
def test_signals_wait_for_the_database(
    inbox: Inbox, heard: Heard, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    target = opened(inbox)
    assert hooks.drain(60)
    heard.clear()
    away, rows = [error, error], hooks._rows

    def asked(batch: Any) -> Any:
        if away:
            raise away.pop()
        return rows(batch)

    monkeypatch.setattr(hooks, "_rows", asked)
    monkeypatch.setattr(hooks, "PAUSE", 0.0)
    say(target, "Hello")
    assert hooks.drain(60)
    assert heard.contents() == ["Hello"]


async def test_receivers_that_hang_keep_nobody_waiting(inbox: Inbox, hear: Hear, valkey_url: str) -> None:
    """The writer's thread, and the loop of the sockets, go on while every receiver stands still."""
    released = threading.Event()

    async def hangs(**_: Any) -> None:
        await asyncio.to_thread(released.wait, 60)

    hear(lambda **_: released.wait(60), *ALL)
    hear(hangs, *ALL)
    target = await sync_to_async(opened)(inbox)
    writer = Writer()
    try:
        for number in range(20):
            posted = await writer.post(Post(target=target, content=f"{number}", client_id=uuid.uuid4()))
            assert posted.message["seq"] == number + 1
        await writer.stop(limit=5)
    finally:
        released.set()


# ---------------------------------------------------------------------------------- what other services bring


def test_staff_join_with_the_first_that_they_say(inbox: Inbox, heard: Heard) -> None:
    target = opened(inbox)
    endpoint = Endpoint.objects.get(connection=target.connection)
    Endpoint.objects.filter(pk=endpoint.pk).update(remote_id="1000")
    assert hooks.drain(60)
    heard.clear()
    for number in (1001, 1002, 1002):
        author = RemoteAuthor("21", "Grace")
        incoming = Incoming(str(number), author, content=f"{number}", created_at=timezone.now())
        receiving.receive_message(endpoint.pk, incoming)
    assert hooks.drain(60)
    assert heard.names() == ["participant_joined", "message_posted", "message_posted"]
    assert (heard[0]["participant"].nick, heard[0]["service"]) == ("Grace", "discord")
    assert {each["source"] for each in heard[1:]} == {"discord"}
    assert {each["connection"].pk for each in heard} == {target.connection}


def test_a_delivery_is_told_with_its_endpoint(inbox: Inbox, heard: Heard) -> None:
    target = opened(inbox)
    say(target, "Hello")
    endpoint = Endpoint.objects.select_related("connection").get(connection=target.connection)
    deliveries = list(Delivery.objects.filter(endpoint=endpoint))
    with transaction.atomic():
        settling.mark_delivered(deliveries, endpoint=endpoint, outcome=Delivery.Outcome.DELIVERED)
    assert hooks.drain(60)
    told = heard[-1]
    assert told["signal"] is signals.message_delivered
    assert (told["message"].content, told["message"].state) == ("Hello", "delivered")
    assert (told["source"], told["service"], told["endpoint"].pk) == ("web", "discord", endpoint.pk)


def test_a_gap_is_nothing_that_was_said(inbox: Inbox, heard: Heard) -> None:
    storing.record_gap(Connection.objects.get(pk=opened(inbox).connection), size=3)
    assert hooks.drain(60)
    assert "message_posted" not in heard.names()


def test_a_room_is_opened_when_it_is_made(inbox: Inbox, heard: Heard) -> None:
    room = Connection(inbox=inbox, slug="lobby", name="Lobby")
    actions.save_room(room, endpoints={"discord": "5000"}, is_open=True)
    actions.save_room(room, endpoints={"discord": "5000"}, is_open=False)
    assert hooks.drain(60)
    assert [(each["signal"].name, each["connection"].slug) for each in heard] == [
        ("connection_opened", "lobby"),
        ("connection_closed", "lobby"),
    ]
