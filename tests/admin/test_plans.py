"""Every list, filter and search reads through an index, whatever the size of the table."""

import re
import uuid
from urllib.parse import urlencode

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bridge.infra.keyset import Cursor
from bridge.models import Block, Connection, Endpoint, Message, Participant, RemoteMessage
from tests.seeding import seed

BIG = "message|connection|participant|endpoint|remotemessage|remotepart|delivery"
WALKED = {"message_created", "connection_active", "delivery_failed", "endpoint_trouble"}
"""Indexes that may be walked from their beginning, by a query that stops after a number of rows."""


@pytest.fixture
def seeded(db: None) -> None:
    seed(messages=3000, connections=30)
    Endpoint.objects.filter(pk__lte=5).update(trouble="held")
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("ANALYZE")
            # The tables are small here: it would read them whole, and sort them, for good reason.
            for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")


def faults(sql: str, *, sorts: bool) -> list[str]:
    """What in the plan of a query would take longer as the tables grow. `sorts`: it may sort what it found by id."""
    explain = "EXPLAIN QUERY PLAN" if database.vendor == "sqlite" else "EXPLAIN"
    with database.cursor() as cursor:
        cursor.execute(f"{explain} {sql}")
        plan = [str(row[-1]) for row in cursor.fetchall()]
    limited = re.search(r"\bLIMIT \d+", sql) is not None
    return [f"{line.strip()} ← {sql}" for line in plan if _is_fault(line, limited=limited, sorts=sorts)]


def _is_fault(line: str, *, limited: bool, sorts: bool) -> bool:
    if re.search(r"TEMP B-TREE|^\W*(Incremental )?Sort\b", line):
        return not sorts
    if re.search(rf"Seq Scan on bridge_({BIG})\b", line):
        return True
    if found := re.search(rf"\bSCAN bridge_({BIG})\b(?: USING(?: COVERING)? INDEX (\w+))?", line):
        return not limited or found[2] not in WALKED
    return False


def asked(client: Client, name: str, **query: str) -> list[str]:
    with CaptureQueriesContext(database) as queries:
        address = reverse(f"admin:bridge_{name}_changelist") + f"?{urlencode(query)}"
        assert client.get(address).status_code == 200, address
    selects = [query["sql"] for query in queries if re.search(rf'FROM "bridge_({BIG})"', query["sql"])]
    assert selects
    return selects


LISTS = [
    ("message", {}),
    ("message", {"inbox": "INBOX"}),
    ("message", {"state": "failed"}),
    ("message", {"service": "discord"}),
    ("message", {"from": "DAY"}),
    ("message", {"from": "DAY", "to": "DAY", "inbox": "INBOX", "state": "failed", "service": "web"}),
    ("message", {"q": "parcel"}),
    ("message", {"q": "agent 3", "inbox": "INBOX"}),
    ("message", {"before": "MOMENT-100"}),
    ("message", {"before": "MOMENT-100", "q": "parcel", "inbox": "INBOX"}),
    ("connection", {}),
    ("connection", {"inbox": "INBOX"}),
    ("connection", {"state": "closed"}),
    ("connection", {"service": "discord"}),
    ("connection", {"from": "DAY", "to": "DAY", "inbox": "INBOX", "state": "open"}),
    ("connection", {"before": "MOMENT-10", "state": "closed"}),
    ("delivery", {}),
    ("delivery", {"inbox": "INBOX"}),
    ("delivery", {"service": "discord"}),
    ("delivery", {"before": "2000"}),
    ("delivery", {"q": "agent 3"}),
    ("endpoint", {}),
    ("endpoint", {"inbox": "INBOX", "service": "discord"}),
    ("endpoint", {"before": "4"}),
]


@pytest.mark.parametrize(
    ("name", "query"), LISTS, ids=lambda each: urlencode(each) if isinstance(each, dict) else each
)
@pytest.mark.usefixtures("seeded")
def test_lists_walk_an_index(staff: Client, name: str, query: dict[str, str]) -> None:
    now = timezone.now()
    moment = str(Cursor([now, 0])).removesuffix("-0")
    inbox = str(Connection.objects.values_list("inbox_id", flat=True)[0])
    words = {"INBOX": inbox, "DAY": str(now.date())}
    real = {k: words.get(v, v.replace("MOMENT", moment)) for k, v in query.items()}

    assert [fault for sql in asked(staff, name, **real) for fault in faults(sql, sorts=False)] == []


@pytest.mark.parametrize("name", ["message", "connection", "delivery", "endpoint"])
@pytest.mark.usefixtures("seeded")
def test_ids_and_nicks_are_looked_up(staff: Client, name: str) -> None:
    connection = Connection.objects.all()[7]
    message = Message.objects.filter(connection=connection)[0]
    terms = [
        "agent 3",
        connection.nick,
        str(connection.uid),
        connection.code,
        str(message.uid),
        RemoteMessage.objects.all()[3].remote_id or "",
        Endpoint.objects.all()[3].remote_id or "",
    ]
    for term in terms:
        sorts = not (name == "delivery" or (name == "message" and " " in term))
        for sql in asked(staff, name, q=term):
            assert faults(sql, sorts=sorts) == [], term


@pytest.mark.usefixtures("seeded")
def test_the_names_beside_blocks_are_looked_up(staff: Client) -> None:
    room = Connection.objects.create(inbox_id=1, kind="room", slug="lobby")
    visitors = [uuid.uuid4() for _ in range(20)]
    for number, visitor in enumerate(visitors):
        Participant.objects.create(connection=room, role="visitor", visitor=visitor, nick=f"N{number}")

    def queries(count: int) -> list[str]:
        Block.objects.bulk_create(Block(inbox_id=1, visitor=each) for each in visitors[:count])
        del visitors[:count]
        return asked(staff, "block")

    few, many = queries(2), queries(18)
    assert len(few) == len(many)
    assert [fault for sql in many for fault in faults(sql, sorts=True)] == []


@pytest.mark.usefixtures("seeded")
def test_a_conversation_reads_only_itself(staff: Client) -> None:
    connection = Connection.objects.all()[3]
    for query in ("", "?before=60"):
        with CaptureQueriesContext(database) as queries:
            staff.get(reverse("admin:bridge_connection_change", args=[connection.pk]) + query)
        selects = [each["sql"] for each in queries if re.search(rf'FROM "bridge_({BIG})"', each["sql"])]
        assert len(selects) > 3
        page = [sql for sql in selects if 'FROM "bridge_message"' in sql]
        assert [fault for sql in page for fault in faults(sql, sorts=False)] == []
        assert [fault for sql in selects for fault in faults(sql, sorts=True)] == []


@pytest.mark.parametrize(
    "slow",
    [
        "SELECT * FROM bridge_message WHERE content LIKE '%x%'",
        "SELECT COUNT(*) FROM bridge_message WHERE service = 'web'",
        "SELECT * FROM bridge_message WHERE service = 'web' ORDER BY seq DESC LIMIT 50",
        "SELECT m.* FROM bridge_message m JOIN bridge_connection c ON c.id = m.connection_id"
        " WHERE c.inbox_id = 1 AND m.seq > 0 ORDER BY m.seq LIMIT 50",
    ],
)
@pytest.mark.usefixtures("seeded")
def test_the_measure_finds_what_is_slow(slow: str) -> None:
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            for way in ("seqscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = on")
    assert faults(slow.replace(" m ", " ").replace("m.", "bridge_message."), sorts=False)
