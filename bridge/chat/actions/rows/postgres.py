"""The multi-row statements for PostgreSQL: one statement, and so one round trip, for each step."""

from collections.abc import Sequence
from typing import Any

NOW = "STATEMENT_TIMESTAMP()"
"""The database's clock, by which lines become due."""

_LOCKED = (
    "SELECT c.id, d.n FROM bridge_connection c JOIN d ON d.id = c.id"
    " WHERE c.state = 'open' ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED"
)


def known(cursor: Any, client_ids: Sequence[str]) -> list[Any]:
    cursor.execute(
        "SELECT k.id FROM unnest(%s::uuid[]) AS k(id)"
        " WHERE EXISTS (SELECT 1 FROM bridge_message m WHERE m.client_id = k.id)",
        [list(client_ids)],
    )
    return [client_id.hex for (client_id,) in cursor.fetchall()]


def _table(types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """A query that returns these rows, and its parameters.

    Each column is one array, because the driver would need more time to bind single values than for the query.
    """
    arrays = ", ".join(f"%s::{name}[]" for name in types)
    return f"SELECT * FROM unnest({arrays})", [list(column) for column in zip(*rows, strict=True)]


def advance(
    cursor: Any, counts: Sequence[tuple[int, int]], stale_before: Any
) -> list[tuple[int, int, int, bool]]:
    """Returns, for each advanced connection: (key, previous revision, previous seq, whether `active_at` is stale)."""
    values, params = _table(("bigint", "bigint"), counts)
    # The inner query locks the rows after sorting them, so in this order. An UPDATE alone has no order.
    cursor.execute(
        f"WITH d(id, n) AS ({values}), locked AS MATERIALIZED ({_LOCKED})"
        " UPDATE bridge_connection AS c SET revision = c.revision + w.n, last_seq = c.last_seq + w.n"
        " FROM locked AS w WHERE c.id = w.id AND c.state = 'open'"
        " RETURNING c.id, revision - w.n, last_seq - w.n, active_at < %s",
        [*params, stale_before],
    )
    return [tuple(row) for row in cursor.fetchall()]


_COLUMNS = {
    "uid": "uuid",
    "connection_id": "bigint",
    "author_id": "bigint",
    "seq": "bigint",
    "revision": "bigint",
    "client_id": "uuid",
    "content": "text",
    "created_at": "timestamptz",
    "kind": "text",
    "service": "text",
    "state": "text",
    "endpoint_id": "bigint",
    "reply_to_id": "bigint",
    "gap_size": "integer",
    "edited_at": "timestamptz",
}


def store(cursor: Any, rows: Sequence[tuple[Any, ...]]) -> tuple[list[tuple[int, int, int]], bool]:
    """Returns (id, connection, seq) of the stored messages, and whether there was any delivery."""
    values, params = _table(list(_COLUMNS.values()), rows)
    cursor.execute(
        f"WITH n AS ({values}), m AS (INSERT INTO bridge_message ({', '.join(_COLUMNS)}, changed, failure)"
        " SELECT n.*, FALSE, '' FROM n RETURNING id, connection_id, seq, revision, endpoint_id),"
        " d AS (INSERT INTO bridge_delivery (message_id, revision, endpoint_id, operation, outcome, reason, detail)"
        " SELECT m.id, m.revision, e.id, 'post', '', '', '' FROM m"
        " JOIN bridge_endpoint e ON e.connection_id = m.connection_id AND e.service <> 'web'"
        " AND e.id IS DISTINCT FROM m.endpoint_id RETURNING endpoint_id),"
        f" w AS (UPDATE bridge_endpoint SET due = {NOW}"
        " WHERE due IS NULL AND id IN (SELECT endpoint_id FROM d))"
        " SELECT id, connection_id, seq, EXISTS (SELECT 1 FROM d) FROM m",
        params,
    )
    results = cursor.fetchall()
    return [(row[0], row[1], row[2]) for row in results], any(row[3] for row in results)
