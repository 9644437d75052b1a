"""The multi-row statements under `post_messages`, for SQLite and PostgreSQL alike."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection as database

ACTIVE_AFTER = timedelta(seconds=10)
"""How old a conversation's `active_at` may be: two indexes less to write for most messages."""


@dataclass(slots=True)
class Head:
    """Where a conversation stood before this transaction's messages."""

    revision: int
    seq: int


class NewMessage(NamedTuple):
    uid: uuid.UUID
    connection: int
    author: int | None
    kind: str
    seq: int
    revision: int
    client_id: uuid.UUID | None
    service: str
    content: str
    gap_size: int | None
    created_at: datetime


def _values(count: int, width: int) -> str:
    row = f"({', '.join(['%s'] * width)})"
    return ", ".join([row] * count)


def _uuid(value: uuid.UUID | None) -> Any:
    return value if value is None or database.features.has_native_uuid_field else value.hex


def _moment(value: datetime) -> Any:
    return database.ops.adapt_datetimefield_value(value)


def _read_uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _on_postgres() -> bool:
    return bool(database.vendor == "postgresql")


def _now() -> str:
    """The database's clock, in the form in which Django stores moments: lines become due by it."""
    return "STATEMENT_TIMESTAMP()" if _on_postgres() else "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"


def find_messages(
    keys: Collection[tuple[int, int, uuid.UUID]],
) -> dict[tuple[int, int, uuid.UUID], int]:
    """The messages that are stored under these (connection, author, client_id).

    A join, since SQLite scans the table for `(a, b) IN (VALUES …)`.
    """
    if not keys:
        return {}
    sql = (
        f"WITH k(connection, author, client_id) AS (VALUES {_values(len(keys), 3)})"
        " SELECT m.id, m.connection_id, m.author_id, m.client_id FROM k JOIN bridge_message m"
        " ON m.connection_id = k.connection AND m.author_id = k.author AND m.client_id = k.client_id"
    )
    params: list[Any] = []
    for connection, author, client_id in keys:
        params += (connection, author, _uuid(client_id))
    with database.cursor() as cursor:
        cursor.execute(sql, params)
        return {(row[1], row[2], _read_uuid(row[3])): row[0] for row in cursor.fetchall()}


def advance(counts: Mapping[int, int], *, now: datetime, wait: bool) -> dict[int, Head]:
    """Take `counts[pk]` revisions and places in each open conversation, and with them the rows' locks.

    In key order: unsorted transactions deadlocked 157 times in 240 forced races. Those that are closed or
    gone are missing from the answer, and without `wait` those that another transaction holds.
    """
    params: list[Any] = []
    for pk in sorted(counts):
        params += (pk, counts[pk])
    if _on_postgres():
        # The rows are locked below the sort of the inner query, in its order; an UPDATE alone has none.
        source = (
            ", locked AS MATERIALIZED (SELECT c.id, d.n FROM bridge_connection c JOIN d ON d.id = c.id"
            " WHERE c.state = 'open' ORDER BY c.id FOR NO KEY UPDATE OF c"
            f"{'' if wait else ' SKIP LOCKED'})"
        )
        table = "locked"
    else:
        source, table = "", "d"
    sql = (
        f"WITH d(id, n) AS (VALUES {_values(len(counts), 2)}){source}"
        " UPDATE bridge_connection AS c SET revision = c.revision + w.n, last_seq = c.last_seq + w.n"
        f" FROM {table} AS w WHERE c.id = w.id AND c.state = 'open'"
        f" RETURNING {'c.' if _on_postgres() else ''}id, revision, last_seq, active_at < %s"
    )
    with database.cursor() as cursor:
        cursor.execute(sql, [*params, _moment(now - ACTIVE_AFTER)])
        found = cursor.fetchall()
        heads = {row[0]: Head(row[1] - counts[row[0]], row[2] - counts[row[0]]) for row in found}
        if stale := [row[0] for row in found if row[3]]:
            cursor.execute(
                f"UPDATE bridge_connection SET active_at = %s WHERE id IN {_values(1, len(stale))}",
                [_moment(now), *stale],
            )
    return heads


def insert_messages(new: Sequence[NewMessage]) -> dict[tuple[int, int], int]:
    """Their ids by (connection, seq), as the database returned them: what is missing was not stored."""
    if not new:
        return {}
    params: list[Any] = []
    for row in new:
        params += row
        params[-11] = _uuid(row.uid)
        params[-5] = _uuid(row.client_id)
        params[-1] = _moment(row.created_at)
    sql = (
        "INSERT INTO bridge_message (uid, connection_id, author_id, kind, seq, revision, client_id, service,"
        " content, gap_size, created_at, state, failure) VALUES "
        + ", ".join([f"({', '.join(['%s'] * 11)}, 'sent', '')"] * len(new))
        + " RETURNING id, connection_id, seq"
    )
    with database.cursor() as cursor:
        cursor.execute(sql, params)
        return {(row[1], row[2]): row[0] for row in cursor.fetchall()}


def insert_deliveries(messages: Sequence[tuple[int, NewMessage]]) -> bool:
    """One for each message and each endpoint of another service, and those lines are due. Whether any was."""
    connections = sorted({row.connection for _, row in messages})
    if not connections:
        return False
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT id, connection_id, service FROM bridge_endpoint"
            f" WHERE connection_id IN {_values(1, len(connections))}",
            connections,
        )
        endpoints: dict[int, list[Any]] = {}
        for endpoint in cursor.fetchall():
            endpoints.setdefault(endpoint[1], []).append(endpoint)
        params: list[Any] = []
        lines: set[int] = set()
        for pk, row in messages:
            for endpoint_id, _, service in endpoints.get(row.connection, ()):
                if service != row.service:
                    params += (pk, endpoint_id, row.revision)
                    lines.add(endpoint_id)
        if params:
            cursor.execute(
                "INSERT INTO bridge_delivery"
                " (message_id, endpoint_id, operation, revision, outcome, reason, detail) VALUES "
                + ", ".join(["(%s, %s, 'post', %s, '', '', '')"] * (len(params) // 3)),
                params,
            )
    wake(sorted(lines))
    return bool(lines)


def wake(endpoints: Sequence[int]) -> None:
    """These lines have something to do. One that waits or is being worked keeps its own time."""
    if not endpoints:
        return
    # PostgreSQL must look at the newest row, which a worker may be emptying this moment, so it gets no
    # condition there. SQLite has one writer, and a row that it need not write is an index that it need not.
    unless = "" if _on_postgres() else "due IS NULL AND "
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE bridge_endpoint SET due = COALESCE(due, {_now()})"
            f" WHERE {unless}id IN {_values(1, len(endpoints))}",
            list(endpoints),
        )
