"""What the sweep costs: it grows with the conversations of the last days, not with all there ever were."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bridge.models import Connection, Endpoint, Inbox
from bridge.services.discord.bot.catchup import _open_threads
from bridge.services.discord.endpoints import RECENT


@pytest.mark.django_db
def test_old_conversations_are_not_walked_over() -> None:
    inbox, old = Inbox.objects.get(), timezone.now() - RECENT - timedelta(days=1)
    for number, used in enumerate([old, timezone.now(), old]):
        each = Connection.objects.create(inbox=inbox, visitor=uuid.uuid4(), active_at=used)
        Endpoint.objects.create(connection=each, service="discord", remote_id=str(1000 + number))
    with CaptureQueriesContext(connection) as queries:
        assert [thread for thread, _ in _open_threads()] == [1001]
    if connection.vendor == "sqlite":
        plans = [_plan(query["sql"]) for query in queries]
        assert ["connection_active" in plans[0], "connection_id=?" in plans[1]] == [True, True], plans


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return " ".join(row[3] for row in cursor.fetchall())
