"""Reading walks an index from one place: its time does not grow with the table, nor its queries with the rows."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bridge import history
from bridge.history import Reader
from bridge.models import Connection, Inbox, Participant
from tests.seeding import seed


@pytest.fixture
def reader(inbox: Inbox) -> Reader:
    # PostgreSQL rightly reads a small table as a whole: it must be one in which that would be dear.
    conversations = 100 if connection.vendor == "postgresql" else 10
    seed(messages=300 * conversations, connections=conversations)
    row = Connection.objects.order_by("pk")[4]
    visitor = Participant.objects.get(connection=row, role="visitor")
    Participant.objects.filter(pk=visitor.pk).update(visitor=row.visitor)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return Reader(row.pk, str(row.uid), visitor.pk)


def _plans(act: Callable[[], Any]) -> tuple[int, str]:
    """How many queries it makes, and how the database goes about them."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        act()
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    plans = []
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(explain + query["sql"])
            plans += [str(row[-1]) for row in cursor.fetchall()]
    return len(queries), "\n".join(plans)


@pytest.mark.parametrize("before", [None, 200])
def test_a_page_walks_the_places_of_its_conversation(reader: Reader, before: int | None) -> None:
    count, plan = _plans(lambda: history.page(reader, before=before))
    assert count == 3, "messages, attachments, reactions"
    # SQLite gives a constraint's index a name of its own.
    assert "message_place" in plan or "USING INDEX sqlite_autoindex_bridge_message" in plan
    assert "SCAN" not in plan
    assert "Seq Scan on bridge_message" not in plan
    assert "TEMP B-TREE" not in plan


def test_a_sync_walks_the_revisions_of_its_conversation(reader: Reader) -> None:
    count, plan = _plans(lambda: history.sync(reader, since=250))
    assert count == 4
    assert "message_revision" in plan
    assert "SCAN" not in plan
    assert "Seq Scan on bridge_message" not in plan
    assert "TEMP B-TREE" not in plan


def test_the_pong_and_a_new_session_find_a_visitors_conversations_by_index(reader: Reader) -> None:
    visitor = Connection.objects.get(pk=reader.connection).visitor
    inbox = Inbox.objects.get(name="default").pk
    count, plan = _plans(lambda: history.heads(visitor or uuid.uuid4(), inbox=inbox))
    assert count == 1
    assert "SCAN" not in plan
    count, plan = _plans(lambda: history.latest(visitor or uuid.uuid4(), inbox=inbox))
    assert count == 1
    assert "SCAN" not in plan


def test_a_resend_is_looked_up_by_index(reader: Reader) -> None:
    from bridge.actions import rows

    visitor = Connection.objects.get(pk=reader.connection).visitor or uuid.uuid4()
    for place in (
        rows.Place(reader.connection, reader.participant, uuid.uuid4()),
        rows.Place(Inbox.objects.get(name="default").pk, visitor, uuid.uuid4()),
    ):
        count, plan = _plans(lambda place=place: rows.find_messages([place]))
        assert count == 1
        assert "SCAN bridge_message" not in plan
        assert "SCAN m" not in plan
        assert "SCAN c" not in plan
        assert "Seq Scan on bridge_message" not in plan


@pytest.mark.parametrize("limit", [1, 50, 100])
def test_a_page_makes_as_many_queries_however_long_it_is(reader: Reader, limit: int) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert len(history.page(reader, limit=limit)["messages"]) == limit
    assert len(queries) == 3
