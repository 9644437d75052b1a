"""What the HTTP API asks of the database goes through an index, however many conversations there are."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bridge.chat import browsing, listing, openings
from bridge.chat.speaking import Opening
from bridge.infra.keyset import Cursor
from bridge.models import Connection
from tests.admin.test_plans import BIG, faults, seeded

__all__ = ["seeded"]

HALF_AN_HOUR = timedelta(minutes=30)


def _of(row: Connection, *, before: uuid.UUID | None) -> list[Any]:
    assert row.visitor is not None
    return listing.conversations(row.visitor, inbox=row.inbox_id, before=before, limit=20)


ASKED: dict[str, Callable[[Connection], Any]] = {
    "all": lambda row: browsing.conversations(limit=20),
    "an inbox": lambda row: browsing.conversations(inbox="default", limit=20),
    "a state": lambda row: browsing.conversations(state="closed", limit=20),
    "a kind": lambda row: browsing.conversations(kind="private", limit=20),
    "further back": lambda row: browsing.conversations(
        inbox="default", kind="room", before=Cursor([timezone.now() - HALF_AN_HOUR, 5]), limit=20
    ),
    "a visitor's": lambda row: _of(row, before=None),
    "a visitor's, further back": lambda row: _of(row, before=row.uid),
    "a visitor's earlier ones": lambda row: listing.earlier(row.visitor, inbox=row.inbox_id, but=row.pk),
    "a visitor's newest": lambda row: listing.newest(row.visitor, inbox=row.inbox_id, limit=5),
    "a visitor's latest": lambda row: listing.latest(row.visitor, inbox=row.inbox_id),
    "nobody's": lambda row: listing.conversations(uuid.uuid4(), inbox=1, limit=20),
    "a visitor's first message": lambda row: openings.look(
        Opening(row.inbox_id, row.visitor, "Ada"), client_id=uuid.uuid4()
    ),
}


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.usefixtures("seeded")
def test_it_goes_through_an_index(what: str) -> None:
    row = Connection.objects.exclude(visitor=None).latest("pk")
    row.participants.filter(role="visitor").update(visitor=row.visitor)
    with CaptureQueriesContext(database) as queries:
        ASKED[what](row)
    selects = [
        query["sql"] for query in queries if re.search(rf'^SELECT.*FROM "bridge_({BIG})"', query["sql"])
    ]
    assert selects
    sorts = "visitor" in what or "nobody" in what
    assert [fault for sql in selects for fault in faults(sql, sorts=sorts)] == []
