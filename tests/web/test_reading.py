"""Reading walks an index from one place: its time does not grow with the table, nor its queries with the rows."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bridge.chat import actions, history, listing
from bridge.chat.access import Viewer
from bridge.chat.actions import Opening, Post, rows
from bridge.chat.actions.attaching import attach
from bridge.chat.actions.copying import RemoteFile, settle_file, to_copy
from bridge.chat.actions.retrying import retry_deliveries
from bridge.chat.actions.settling import mark_delivered, mark_failed
from bridge.chat.speaking import Target
from bridge.models import Attachment, Connection, Delivery, Endpoint, Inbox, Message, Participant
from tests.seeding import seed


@pytest.fixture
def reader(inbox: Inbox) -> Target:
    # PostgreSQL rightly reads a small table as a whole: it must be one in which that would be dear.
    conversations = 100 if connection.vendor == "postgresql" else 10
    seed(messages=300 * conversations, connections=conversations)
    row = Connection.objects.order_by("pk")[4]
    visitor = Participant.objects.get(connection=row, role="visitor")
    Participant.objects.filter(pk=visitor.pk).update(visitor=row.visitor)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return Target.of(row, visitor)


def _plans(act: Callable[[], Any]) -> tuple[int, str]:
    """How many queries it makes, and how the database goes about them."""
    with CaptureQueriesContext(connection) as queries:
        act()
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    plans = []
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The tables are small here: it would read them whole, for good reason.
            cursor.execute("SET LOCAL enable_seqscan = off")
        for query in queries:
            if re.match("BEGIN|COMMIT|SAVEPOINT|RELEASE", query["sql"]):
                continue
            cursor.execute(explain + query["sql"])
            plans += [str(row[-1]) for row in cursor.fetchall()]
    return len(queries), "\n".join(plans)


@pytest.mark.parametrize("before", [None, 200])
def test_a_page_walks_the_places_of_its_conversation(reader: Target, before: int | None) -> None:
    count, plan = _plans(lambda: history.page(reader, before=before))
    assert count == 3, "messages, attachments, reactions"
    # SQLite gives a constraint's index a name of its own.
    assert "message_place" in plan or "USING INDEX sqlite_autoindex_bridge_message" in plan
    assert "SCAN" not in plan
    assert "Seq Scan on bridge_message" not in plan
    assert "TEMP B-TREE" not in plan


def test_a_sync_walks_the_changes_and_the_last_places_of_its_conversation(reader: Target) -> None:
    count, plan = _plans(lambda: history.sync(reader, since=250))
    assert count == 5
    assert "message_changed" in plan
    assert "message_place" in plan or "sqlite_autoindex_bridge_message" in plan
    assert "SCAN" not in plan
    assert "Seq Scan on bridge_message" not in plan
    assert "TEMP B-TREE" not in plan


def test_the_pong_and_a_new_session_find_a_visitors_conversations_by_index(reader: Target) -> None:
    visitor = Connection.objects.get(pk=reader.connection).visitor
    inbox = Inbox.objects.get(name="default").pk
    count, plan = _plans(lambda: history.heads(visitor or uuid.uuid4(), inbox=inbox))
    assert count == 2
    assert "SCAN" not in plan
    count, plan = _plans(lambda: listing.latest(visitor or uuid.uuid4(), inbox=inbox))
    assert count == 1
    assert "SCAN" not in plan


def test_a_resend_is_looked_up_by_index(reader: Target) -> None:
    conversation = Connection.objects.select_related("inbox").get(pk=reader.connection)
    opening = Opening(conversation.inbox_id, conversation.visitor or uuid.uuid4(), "Ada")
    new = [Post("Hello", opening=opening, client_id=uuid.uuid4()) for _ in range(50)]
    count, plan = _plans(lambda: rows.known([rows.hexed(each.client_id) for each in new if each.client_id]))
    assert count == 1
    assert "message_client_id" in plan
    assert "SCAN bridge_message" not in plan
    assert "Seq Scan on bridge_message" not in plan

    actions.post_messages(new[:1])
    count, plan = _plans(lambda: actions.post_messages(new[:1]))
    assert "message_client_id (client_id=? AND author_id=?)" in plan or connection.vendor == "postgresql"
    assert not re.search(
        r"SCAN (?!k\b|CONSTANT|\d)|Seq Scan on bridge_(message|participant|connection)", plan
    ), plan


@pytest.mark.parametrize("limit", [1, 50, 100])
def test_a_page_makes_as_many_queries_however_long_it_is(reader: Target, limit: int) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert len(history.page(reader, limit=limit)["messages"]) == limit
    assert len(queries) == 3


def _viewer(message: Message, visitor: uuid.UUID) -> Viewer:
    return Viewer(visitor, message.connection.inbox_id, rooms=())


def _edit(message: Message, visitor: uuid.UUID) -> None:
    actions.edit_own_message(_viewer(message, visitor), message.uid, content="better")


def _delete(message: Message, visitor: uuid.UUID) -> None:
    actions.delete_own_message(_viewer(message, visitor), message.uid)


def _react(message: Message, visitor: uuid.UUID) -> None:
    actions.react(_viewer(message, visitor), message.uid, emoji="👍", added=True)


def _delivery(message: Message) -> Delivery:
    endpoint = Endpoint.objects.create(connection=message.connection, service="discord", remote_id="1")
    return Delivery.objects.create(
        message=message, endpoint=endpoint, operation=Delivery.Operation.POST, revision=message.revision
    )


@transaction.atomic
def _deliver(message: Message, visitor: uuid.UUID) -> None:
    delivery = _delivery(message)
    mark_delivered([delivery], endpoint=delivery.endpoint, outcome=Delivery.Outcome.DELIVERED)


@transaction.atomic
def _fail(message: Message, visitor: uuid.UUID) -> None:
    delivery = _delivery(message)
    mark_failed([delivery], endpoint=delivery.endpoint, reason="forbidden", detail="")


def _retry(message: Message, visitor: uuid.UUID) -> None:
    _fail(message, visitor)
    assert retry_deliveries(Delivery.objects.filter(message=message)) == 1


def _copy(message: Message, visitor: uuid.UUID) -> None:
    files = [RemoteFile("1", "a.txt", "https://a.example/a.txt")]
    attach(to_copy(files, inbox=message.connection.inbox), message=message.pk)
    assert settle_file(Attachment.objects.get(message=message).pk, None)


@pytest.mark.parametrize("change", [_edit, _delete, _react, _deliver, _fail, _retry, _copy])
def test_a_sync_brings_what_changed_however_old_it_is(
    reader: Target, change: Callable[[Message, uuid.UUID], None]
) -> None:
    old = Message.objects.filter(connection=reader.connection, author=reader.participant).earliest("seq")
    Message.objects.filter(pk=old.pk).update(created_at=timezone.now(), state=Message.State.SENT)
    owner = Connection.objects.get(pk=reader.connection)
    visitor = owner.visitor or uuid.uuid4()
    change(Message.objects.select_related("connection__inbox").get(pk=old.pk), visitor)
    target = actions.Target.of(owner, Participant.objects.get(pk=reader.participant))
    (posted,) = actions.post_messages([actions.Post(content="new", target=target, client_id=uuid.uuid4())])
    assert isinstance(posted, actions.Posted)
    synced = history.sync(reader, since=owner.revision)
    assert [message["uid"] for message in synced["messages"]] == [str(old.uid), posted.message["uid"]]
    assert synced["revision"] == posted.message["revision"]


def test_changes_and_new_messages_come_page_after_page_in_the_order_of_their_revisions(
    reader: Target,
) -> None:
    owner = Connection.objects.get(pk=reader.connection)
    visitor = owner.visitor or uuid.uuid4()
    target = actions.Target.of(owner, Participant.objects.get(pk=reader.participant))
    old = list(Message.objects.filter(connection=owner, author=reader.participant).order_by("seq")[:75])
    wanted = []
    for message in old:
        actions.react(_viewer(message, visitor), message.uid, emoji="👍", added=True)
        (posted,) = actions.post_messages([actions.Post(content="new", target=target)])
        assert isinstance(posted, actions.Posted)
        wanted += [str(message.uid), posted.message["uid"]]
    first = history.sync(reader, since=owner.revision)
    assert first["has_more"]
    rest = history.sync(reader, since=first["revision"])
    assert not rest["has_more"]
    assert [message["uid"] for message in (*first["messages"], *rest["messages"])] == wanted
