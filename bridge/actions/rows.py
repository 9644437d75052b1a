"""The multi-row statements under `post_messages`, for SQLite and PostgreSQL alike."""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
    seq: int
    revision: int
    client_id: uuid.UUID | None
    content: str


def _values(count: int, width: int) -> str:
    row = f"({', '.join(['%s'] * width)})"
    return ", ".join([row] * count)


def _table(types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """A query that gives these rows, and its parameters.

    PostgreSQL gets a column as one array: binding each value by itself costs its driver more than the query.
    """
    if _on_postgres():
        arrays = ", ".join(f"%s::{each}[]" for each in types)
        return f"SELECT * FROM unnest({arrays})", [list(column) for column in zip(*rows, strict=True)]
    return f"VALUES {_values(len(rows), len(types))}", [value for row in rows for value in row]


def _uuids() -> Callable[[uuid.UUID], Any]:
    """How this database takes UUIDs."""
    return _as_is if database.features.has_native_uuid_field else _hex


def _as_is(value: uuid.UUID) -> Any:
    return value


def _hex(value: uuid.UUID) -> Any:
    return f"{value.int:032x}"


def _moment(value: datetime) -> Any:
    return database.ops.adapt_datetimefield_value(value)


def _read_uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _on_postgres() -> bool:
    return bool(database.vendor == "postgresql")


def _now() -> str:
    """The database's clock, in the form in which Django stores moments: lines become due by it."""
    return "STATEMENT_TIMESTAMP()" if _on_postgres() else "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"


class Place(NamedTuple):
    """Where a `client_id` is unique: a participant in a connection, or a visitor (a UUID) in an inbox."""

    within: int
    author: int | uuid.UUID
    client_id: uuid.UUID


# Joins, since SQLite scans the table for `(a, b) IN (VALUES …)`.
_BY_PARTICIPANT = (
    "WITH k(within, author, client_id) AS ({})"
    " SELECT k.within, k.author, k.client_id, m.id FROM k JOIN bridge_message m"
    " ON m.connection_id = k.within AND m.author_id = k.author AND m.client_id = k.client_id"
)
_BY_VISITOR = (
    "WITH k(within, author, client_id) AS ({})"
    " SELECT k.within, k.author, k.client_id, m.id FROM k"
    " JOIN bridge_connection c ON c.visitor = k.author AND c.inbox_id = k.within"
    " JOIN bridge_participant p ON p.connection_id = c.id AND p.visitor = k.author"
    " JOIN bridge_message m"
    " ON m.connection_id = c.id AND m.author_id = p.id AND m.client_id = k.client_id"
)


def find_messages(places: Collection[Place]) -> dict[Place, int]:
    """The ids of the messages that are stored under these."""
    found: dict[Place, int] = {}
    as_stored = _uuids()
    for sql, kind, types in (
        (_BY_PARTICIPANT, int, ("bigint", "bigint", "uuid")),
        (_BY_VISITOR, uuid.UUID, ("bigint", "uuid", "uuid")),
    ):
        wanted = []
        for place in places:
            if isinstance(place.author, kind):
                author = as_stored(place.author) if isinstance(place.author, uuid.UUID) else place.author
                wanted.append((place.within, author, as_stored(place.client_id)))
        if wanted:
            table, params = _table(types, wanted)
            with database.cursor() as cursor:
                cursor.execute(sql.format(table), params)
                for within, author, client_id, pk in cursor.fetchall():
                    author = author if kind is int else _read_uuid(author)
                    found[Place(within, author, _read_uuid(client_id))] = pk
    return found


def advance(counts: Mapping[int, int], *, now: datetime) -> dict[int, Head]:
    """Take `counts[pk]` revisions and places in each open conversation, and with them the rows' locks.

    In key order: unsorted transactions deadlocked 157 times in 240 forced races. Missing from the answer are
    those that are closed or gone, and on PostgreSQL those that another transaction holds.
    """
    values, params = _table(("bigint", "bigint"), sorted(counts.items()))
    if _on_postgres():
        # The rows are locked above the sort of the inner query, in its order; an UPDATE alone has none.
        source, table = _LOCKED, "locked"
    else:
        source, table = "", "d"
    sql = (
        f"WITH d(id, n) AS ({values}){source}"
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


_LOCKED = (
    ", locked AS MATERIALIZED (SELECT c.id, d.n FROM bridge_connection c JOIN d ON d.id = c.id"
    " WHERE c.state = 'open' ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED)"
)


def store(new: Sequence[NewMessage], *, now: datetime) -> tuple[dict[tuple[int, int], int], bool]:
    """Insert them, with a delivery for each endpoint but the web's, and make those lines due.

    Returns their ids by (connection, seq), as the database returned them: what is missing was not stored. And
    whether there was any delivery.
    """
    return _store_at_once(new, now=now) if _on_postgres() else _store_in_turn(new, now=now)


_MESSAGE = (
    "INSERT INTO bridge_message (uid, connection_id, author_id, seq, revision, client_id, content, created_at,"
    " kind, service, state, failure)"
)
_DELIVERY = (
    "INSERT INTO bridge_delivery (message_id, revision, endpoint_id, operation, outcome, reason, detail)"
)


def _new_rows(new: Sequence[NewMessage]) -> list[tuple[Any, ...]]:
    as_stored = _uuids()
    return [
        (as_stored(uid), at, author, seq, revision, client_id and as_stored(client_id), content)
        for uid, at, author, seq, revision, client_id, content in new
    ]


def _store_at_once(new: Sequence[NewMessage], *, now: datetime) -> tuple[dict[tuple[int, int], int], bool]:
    """For PostgreSQL: one statement, one round trip."""
    types = ("uuid", "bigint", "bigint", "bigint", "bigint", "uuid", "text")
    values, params = _table(types, _new_rows(new))
    sql = (
        f"WITH n AS ({values}), m AS ({_MESSAGE} SELECT n.*, %s, 'message', 'web', 'sent', '' FROM n"
        " RETURNING id, connection_id, seq, revision),"
        f" d AS ({_DELIVERY} SELECT m.id, m.revision, e.id, 'post', '', '', '' FROM m"
        " JOIN bridge_endpoint e ON e.connection_id = m.connection_id AND e.service <> 'web'"
        " RETURNING endpoint_id),"
        f" w AS (UPDATE bridge_endpoint SET due = {_now()}"
        " WHERE due IS NULL AND id IN (SELECT endpoint_id FROM d))"
        " SELECT id, connection_id, seq, EXISTS (SELECT 1 FROM d) FROM m"
    )
    with database.cursor() as cursor:
        cursor.execute(sql, [*params, _moment(now)])
        found = cursor.fetchall()
    return {(row[1], row[2]): row[0] for row in found}, any(row[3] for row in found)


def _store_in_turn(new: Sequence[NewMessage], *, now: datetime) -> tuple[dict[tuple[int, int], int], bool]:
    """For SQLite: row by row through one prepared statement, half the price of one long VALUES."""
    moment = _moment(now)
    with database.cursor() as cursor:
        cursor.execute("SELECT COALESCE(MAX(id), 0) FROM bridge_message")
        (last,) = cursor.fetchone()
        cursor.executemany(
            f"{_MESSAGE} VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'message', 'web', 'sent', '')",
            [(*row, moment) for row in _new_rows(new)],
        )
        # Whoever writes holds the one lock there is: what is above is ours, all of it.
        cursor.execute("SELECT id, connection_id, seq, revision FROM bridge_message WHERE id > %s", [last])
        stored = cursor.fetchall()
        cursor.executemany(
            f"{_DELIVERY} SELECT %s, %s, id, 'post', '', '', '' FROM bridge_endpoint"
            " WHERE connection_id = %s AND service <> 'web'",
            [(row[0], row[3], row[1]) for row in stored],
        )
        delivered = cursor.rowcount > 0
        connections = list({row[1] for row in stored})
        cursor.execute(
            f"UPDATE bridge_endpoint SET due = {_now()} WHERE due IS NULL AND service <> 'web'"
            f" AND connection_id IN {_values(1, len(connections))}",
            connections,
        )
    return {(row[1], row[2]): row[0] for row in stored}, delivered


def answer(pairs: Iterable[tuple[int, int]]) -> None:
    """Note of new messages which they answer. By itself, so that those that answer nothing cost nothing."""
    if params := [(answered, message) for message, answered in pairs]:
        with database.cursor() as cursor:
            cursor.executemany("UPDATE bridge_message SET reply_to_id = %s WHERE id = %s", params)


def wake(endpoints: Sequence[int]) -> None:
    """These lines have something to do. One that waits or is being worked keeps its own time.

    Only while their connections' rows are held, as whoever empties a line holds them too: else it could be
    emptied between this look and the commit, and nobody would come for what was just added.
    """
    if endpoints:
        with database.cursor() as cursor:
            cursor.execute(
                f"UPDATE bridge_endpoint SET due = {_now()}"
                f" WHERE due IS NULL AND id IN {_values(1, len(endpoints))}",
                list(endpoints),
            )
