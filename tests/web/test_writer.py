"""The writer's traps, each of which lost or doubled a message, or stopped all others, somewhere once."""

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import DataError, IntegrityError, OperationalError, connection, connections, transaction

from bridge.chat import actions
from bridge.chat.actions import Opening, Post, Posted, Target, posting, rows
from bridge.chat.publishing import Change
from bridge.errors import BridgeError
from bridge.live import writer
from bridge.live.writer import Writer
from bridge.models import Connection, Delivery, Inbox, Message
from tests.web.conftest import Open as OpenBrowser

Open = Callable[[], Target]


@pytest.fixture
def opened(inbox: Inbox, valkey_url: str) -> Open:
    """Open a conversation of a new visitor."""

    def make() -> Target:
        return Target.of(*actions.open_connection(Opening(inbox.pk, uuid.uuid4(), "Ada")))

    return make


@pytest_asyncio.fixture
async def queue(opened: Open) -> AsyncIterator[Writer]:
    made = Writer()
    yield made
    await made.stop(limit=60)


def post(target: Target, content: str = "Hello", **more: Any) -> Post:
    return Post(target=target, content=content, client_id=more.pop("client_id", None) or uuid.uuid4(), **more)


def seqs(target: Target) -> list[tuple[int, int]]:
    found = Message.objects.filter(connection=target.connection).order_by("seq")
    return list(found.values_list("seq", "revision"))


def test_a_batch_is_stored_in_its_order_each_with_a_place_and_a_delivery(opened: Open) -> None:
    one, other = opened(), opened()
    batch = [post(one, "1"), post(other, "a"), post(one, "2"), post(other, "b"), post(one, "3")]
    results = actions.post_messages(batch)
    assert [result.message["content"] for result in results if isinstance(result, Posted)] == [
        "1",
        "a",
        "2",
        "b",
        "3",
    ]
    assert seqs(one) == [(1, 2), (2, 3), (3, 4)]
    assert seqs(other) == [(1, 2), (2, 3)]
    assert Connection.objects.get(pk=one.connection).revision == 4
    assert sorted(Delivery.objects.values_list("message__content", flat=True)) == ["1", "2", "3", "a", "b"]


def test_each_result_stands_at_the_place_of_its_post_whatever_happened_to_the_others(opened: Open) -> None:
    good, closed, twice = opened(), opened(), uuid.uuid4()
    actions.close_connection(Connection.objects.get(pk=closed.connection))
    gone = Target(10**9, str(uuid.uuid4()), 10**9, None)
    (before,) = actions.post_messages([post(good, "before", client_id=twice)])
    results = actions.post_messages(
        [
            post(closed),
            post(good, "before", client_id=twice),
            post(gone),
            post(good, "new"),
        ]
    )
    shown = [r.message["content"] if isinstance(r, Posted) else getattr(r, "code", r) for r in results]
    assert shown == ["closed", "before", "not_found", "new"]
    assert results[1] == before
    # The closed one took neither a place nor a revision.
    assert Connection.objects.get(pk=closed.connection).revision == 3
    assert seqs(good) == [(1, 2), (2, 3)]


def test_a_row_that_was_not_returned_is_not_acknowledged(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = rows.store

    def forgets_one(new: Any, **rest: Any) -> Any:
        ids, nudge = original(new, **rest)
        ids.popitem()
        return ids, nudge

    monkeypatch.setattr(rows, "store", forgets_one)
    target = opened()
    with pytest.raises(KeyError):
        actions.post_messages([post(target), post(target)])
    assert seqs(target) == []


def test_a_plain_message_is_the_same_row_whatever_else_is_in_its_batch(opened: Open) -> None:
    """Where all of a batch are plain, SQLite has their common columns from the statement and not from the row."""
    target = opened()
    (first,) = actions.post_messages([post(target, "alone")])
    assert isinstance(first, Posted)
    reply = post(target, "a reply")._replace(reply_to=uuid.UUID(first.message["uid"]))
    actions.post_messages([post(target, "beside a reply"), reply])
    own = {"id", "uid", "seq", "revision", "content", "created_at", "client_id"}
    alone, beside, answer = (
        {name: value for name, value in row.items() if name not in own}
        for row in Message.objects.order_by("seq").values()
    )
    assert alone == beside
    assert answer == {**alone, "reply_to_id": first.id}


def test_the_same_post_twice_in_a_batch_is_one_message(opened: Open) -> None:
    target, client_id = opened(), uuid.uuid4()
    first, second = actions.post_messages(
        [post(target, client_id=client_id), post(target, client_id=client_id)]
    )
    assert first == second
    assert seqs(target) == [(1, 2)]


def test_a_repeated_post_shows_what_became_of_it(opened: Open) -> None:
    target, client_id = opened(), uuid.uuid4()
    actions.post_messages([post(target, client_id=client_id)])
    Message.objects.update(state="delivered")
    (again,) = actions.post_messages([post(target, client_id=client_id)])
    assert isinstance(again, Posted)
    assert again.message["state"] == "delivered"


def test_an_id_that_is_stored_is_its_writers_alone(opened: Open, inbox: Inbox) -> None:
    ada, client_id = Opening(inbox.pk, uuid.uuid4(), "Ada"), uuid.uuid4()
    (first,) = actions.post_messages([Post("Mine", opening=ada, client_id=client_id)])
    assert isinstance(first, Posted)
    stranger = Opening(inbox.pk, uuid.uuid4(), "Eve")
    results = actions.post_messages(
        [
            post(opened(), "A stranger's", client_id=client_id),
            Post("Mine, once more", opening=ada, client_id=client_id),
            Post("Another's", opening=stranger, client_id=client_id),
            post(first.target, "Mine, by its place", client_id=client_id),
        ]
    )
    said = [result.message["content"] for result in results if isinstance(result, Posted)]
    assert said == ["A stranger's", "Mine", "Another's", "Mine"]
    assert Message.objects.filter(client_id=client_id).count() == 3


def test_the_same_client_id_of_two_visitors_is_two_messages(opened: Open) -> None:
    one, other, client_id = opened(), opened(), uuid.uuid4()
    results = actions.post_messages([post(one, client_id=client_id), post(other, client_id=client_id)])
    assert len({result.id for result in results if isinstance(result, Posted)}) == 2


@pytest.mark.parametrize("bad", [0, 3, 6])
def test_one_bad_row_hurts_only_itself(
    opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, bad: int
) -> None:
    original = rows.store

    def refuses(new: Any, **rest: Any) -> Any:
        if any(row.content == "bad" for row in new):
            raise DataError("a character that this database does not take")
        return original(new, **rest)

    monkeypatch.setattr(rows, "store", refuses)
    targets = [opened() for _ in range(7)]
    batch = [post(target, "bad" if index == bad else "good") for index, target in enumerate(targets)]
    results = writer.write(batch)
    codes = [result.code if isinstance(result, BridgeError) else "stored" for result in results]
    assert codes == ["internal" if index == bad else "stored" for index in range(7)]
    assert [len(seqs(target)) for target in targets] == [0 if index == bad else 1 for index in range(7)]
    assert "could not be stored" in caplog.text


def test_a_commit_whose_answer_was_lost_is_not_repeated_blindly(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def lost_once(batch: Any) -> Any:
        nonlocal calls
        calls += 1
        results = posting.post_messages(batch)
        if calls == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return results

    monkeypatch.setattr(writer, "post_messages", lost_once)
    target = opened()
    results = writer.write([post(target, "1"), post(target, "2")])
    assert [result.message["content"] for result in results if isinstance(result, Posted)] == ["1", "2"]
    assert calls == 2
    assert seqs(target) == [(1, 2), (2, 3)]


def test_a_resend_that_another_process_stores_meanwhile_is_found(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, client_id = opened(), uuid.uuid4()
    calls = 0

    def raced(batch: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            posting.post_messages([post(target, client_id=client_id)])
            raise IntegrityError("message_client_id")
        return posting.post_messages(batch)

    monkeypatch.setattr(writer, "post_messages", raced)
    (result,) = writer.write([post(target, client_id=client_id)])
    assert isinstance(result, Posted)
    assert seqs(target) == [(1, 2)]


def test_a_database_that_stays_away_refuses_as_unavailable(
    opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(batch: Any) -> Any:
        raise OperationalError("could not connect")

    monkeypatch.setattr(writer, "post_messages", away)
    results = writer.write([post(opened())])
    assert [result.code for result in results if isinstance(result, BridgeError)] == ["unavailable"]


@pytest.mark.parametrize(
    ("origins", "skipped"),
    [
        (["here"], "here"),
        (["here", "here"], "here"),
        (["here", "there"], ""),
        (["here", "here", "there"], ""),
        (["there", "here", "there"], ""),
        (["", "here"], ""),
    ],
)
def test_who_writes_in_one_batch_with_others_hears_what_those_wrote(
    opened: Open, monkeypatch: pytest.MonkeyPatch, origins: list[str], skipped: str
) -> None:
    target, other, published = opened(), opened(), list[Change]()
    monkeypatch.setattr("bridge.chat.publishing.publish", lambda changes, **_: published.extend(changes))
    # Somebody who writes in another conversation makes no difference here.
    batch = [post(target, origin=origin) for origin in origins]
    actions.post_messages([post(other, origin="elsewhere"), *batch])
    (change,) = (each for each in published if each.connection == target.uid)
    assert json.loads(change.frame)["payload"]["messages"][-1]["seq"] == len(origins)
    assert change.skip == skipped


async def test_two_tabs_that_write_in_the_same_moment_hear_each_other(browser: OpenBrowser) -> None:
    here = browser()
    await here.start()
    await here.write("Hello")
    there = browser(token=here.token)
    await there.start()
    said = await asyncio.gather(here.write("from here"), there.write("from there"))
    for tab, missing in ((here, said[1]), (there, said[0])):
        await tab.event(
            "message.posted",
            lambda frame, uid=missing["uid"]: uid in {each["uid"] for each in frame["payload"]["messages"]},
        )


def test_nothing_is_published_where_the_transaction_fails(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[Any] = []
    monkeypatch.setattr("bridge.chat.publishing.publish", lambda changes, **_: published.append(changes))

    def fails() -> None:
        with transaction.atomic():
            actions.post_messages([post(opened())])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert not [each for each in published if b"message.posted" in each[0].frame]


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that were written."""
    sizes: list[int] = []
    original = writer.write

    def counted(posts: Any) -> Any:
        sizes.append(len(posts))
        return original(posts)

    monkeypatch.setattr(writer, "write", counted)
    return sizes


async def test_posts_that_wait_together_are_written_together(
    opened: Open, queue: Writer, batches: list[int]
) -> None:
    targets = [await sync_to_async(opened)() for _ in range(3)]
    posts = [post(targets[number % 3], str(number)) for number in range(450)]
    results = await asyncio.gather(*(queue.post(each) for each in posts))
    assert [result.message["content"] for result in results] == [str(number) for number in range(450)]
    assert batches == [200, 200, 50]
    assert [seq for seq, _ in await sync_to_async(seqs)(targets[0])] == list(range(1, 151))


async def test_a_socket_that_left_does_not_stop_the_writer(opened: Open, queue: Writer) -> None:
    target = await sync_to_async(opened)()
    leaving = asyncio.create_task(queue.post(post(target, "1")))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await queue.post(post(target, "2"))).message["content"] == "2"
    # Written, if not acknowledged: a resend would find it.
    assert len(await sync_to_async(seqs)(target)) == 2


async def test_a_full_queue_answers_throttled_and_does_not_grow(
    opened: Open, queue: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 5)
    target = await sync_to_async(opened)()
    results = await asyncio.gather(*(queue.post(post(target)) for _ in range(8)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BridgeError)]
    assert [(each.code, each.details["retry_after"]) for each in refused] == [("throttled", 1)] * 3
    assert (await queue.post(post(target))).message["seq"] == 6


async def test_a_writer_that_stops_writes_what_waits_and_takes_no_more(opened: Open) -> None:
    stopping = Writer()
    target = await sync_to_async(opened)()
    waiting = [asyncio.create_task(stopping.post(post(target, str(number)))) for number in range(300)]
    await asyncio.sleep(0)
    await stopping.stop(limit=60)
    assert len([await each for each in waiting]) == 300
    with pytest.raises(BridgeError, match="restarting"):
        await stopping.post(post(target))


async def test_what_was_not_written_in_time_was_not_acknowledged(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = threading.Event()
    original = writer.write

    def hangs(posts: Any) -> Any:
        hang.wait(100)
        return original(posts)

    monkeypatch.setattr(writer, "write", hangs)
    stopping = Writer()
    target = await sync_to_async(opened)()
    first = asyncio.create_task(stopping.post(post(target, "1")))
    await asyncio.sleep(0)
    ending = asyncio.create_task(stopping.stop(limit=0.05))
    with pytest.raises(BridgeError, match="restarting"):
        await first
    hang.set()
    await ending


async def test_a_bug_in_the_writer_answers_everybody_and_it_goes_on(
    opened: Open, queue: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    target = await sync_to_async(opened)()
    with monkeypatch.context() as broken:
        broken.setattr(writer, "write", lambda posts: 1 / 0)
        with pytest.raises(BridgeError) as refusal:
            await queue.post(post(target))
        assert refusal.value.code == "internal"
    assert await queue.post(post(target))


@pytest.fixture
def elsewhere() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Run something on a database connection of its own, as another process would."""

    def run(function: Callable[[], None]) -> None:
        def work() -> None:
            try:
                function()
            finally:
                connections.close_all()

        thread = threading.Thread(target=work)
        thread.start()
        threads.append(thread)

    threads: list[threading.Thread] = []
    yield run
    for thread in threads:
        thread.join(60)


async def test_a_conversation_held_elsewhere_does_not_hold_up_the_others(
    opened: Open, queue: Writer, elsewhere: Callable[[Callable[[], None]], None]
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer: there, holding one row is holding all")
    held, free = await sync_to_async(opened)(), await sync_to_async(opened)()
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Connection.objects.lock(held.connection)
            locked.set()
            release.wait(100)

    elsewhere(hold)
    await asyncio.to_thread(locked.wait, 60)
    waiting = [asyncio.create_task(queue.post(post(held, str(number)))) for number in range(3)]
    async with asyncio.timeout(60):
        assert (await queue.post(post(free))).message["seq"] == 1
    assert not any(each.done() for each in waiting)
    release.set()
    assert [(await each).message["seq"] for each in waiting] == [1, 2, 3]


async def test_a_conversation_that_stays_held_is_given_up_after_a_while(
    opened: Open,
    queue: Writer,
    elsewhere: Callable[[Callable[[], None]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.2)
    monkeypatch.setattr(writer, "write", lambda posts: [posting.Busy()] * len(posts))
    target = await sync_to_async(opened)()
    with pytest.raises(BridgeError) as refusal:
        await queue.post(post(target))
    assert refusal.value.code == "unavailable"


async def test_two_processes_that_write_to_the_same_conversations_never_deadlock(opened: Open) -> None:
    targets = [await sync_to_async(opened)() for _ in range(8)]
    one, other = Writer(), Writer()

    def posts(order: int) -> list[Post]:
        return [post(target, str(number)) for number in range(12) for target in targets[::order]]

    async def write(to: Writer, order: int) -> None:
        await asyncio.gather(*(to.post(each) for each in posts(order)))

    await asyncio.gather(write(one, 1), write(other, -1))
    await one.stop(limit=60)
    await other.stop(limit=60)
    for target in targets:
        assert await sync_to_async(seqs)(target) == [(seq, seq + 1) for seq in range(1, 25)]


async def test_two_visitors_first_messages_in_two_processes_open_one_conversation_each(
    inbox: Inbox, opened: Open
) -> None:
    visitors = [uuid.uuid4() for _ in range(6)]
    one, other = Writer(), Writer()

    async def write(to: Writer, order: int) -> None:
        openings = [Opening(inbox.pk, visitor, "Ada") for visitor in visitors[::order]]
        posts = [Post(opening=opening, content="Hello", client_id=uuid.uuid4()) for opening in openings]
        await asyncio.gather(*(to.post(each) for each in posts))

    await asyncio.gather(write(one, 1), write(other, -1))
    await one.stop(limit=60)
    await other.stop(limit=60)
    assert await Connection.objects.filter(visitor__in=visitors).acount() == 6
    assert await Message.objects.acount() == 12


def test_uids_begin_with_the_time(opened: Open) -> None:
    target = opened()
    results = actions.post_messages([post(target, str(number)) for number in range(20)])
    uids = [uuid.UUID(result.message["uid"]) for result in results if isinstance(result, Posted)]
    assert {uid.version for uid in uids} == {7}
    assert {uid.variant for uid in uids} == {uuid.RFC_4122}
    assert len(set(uids)) == 20
    (again,) = actions.post_messages([post(target)])
    assert isinstance(again, Posted)
    assert max(uids).int >> 80 <= uuid.UUID(again.message["uid"]).int >> 80
