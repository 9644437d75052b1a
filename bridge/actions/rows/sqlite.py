"""SQLite's half of the multi-row statements: each does many rows in one step, and none keeps copies to undo itself.

Between two steps of a statement Python's driver takes the interpreter's lock back, which the event loop may keep for
milliseconds. And a statement of many rows that may fail half-way first copies each page that it changes, at several
times its own price, unless it says OR FAIL: whatever fails here undoes the whole transaction anyway.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

NOW = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"
"""The database's clock, in the form in which Django stores moments: lines become due by it."""
MOST_ROWS = 64


def table(types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """A query that gives these rows, some of them more than once, and its parameters."""
    rows = _padded(rows)
    return f"VALUES {', '.join([placeholders(types)] * len(rows))}", [value for row in rows for value in row]


def advance(
    cursor: Any, counts: Sequence[tuple[int, int]], stale_before: Any
) -> list[tuple[int, int, int, bool]]:
    """(connection, revision and seq before, whether it was active before that moment), for those that it advanced."""
    ids = _padded([pk for pk, _ in counts])
    found = _rows(
        cursor,
        "id, revision, last_seq, active_at < %s",
        f"bridge_connection WHERE state = 'open' AND id IN {placeholders(ids)}",
        [stale_before, *ids],
    )
    steps: dict[int, list[int]] = defaultdict(list)
    taken = dict(counts)
    for pk, *_ in found:
        steps[taken[pk]].append(pk)
    for step, pks in steps.items():
        if step:
            pks = _padded(pks)
            cursor.execute(
                "UPDATE OR FAIL bridge_connection SET revision = revision + %s, last_seq = last_seq + %s"
                f" WHERE id IN {placeholders(pks)}",
                [step, step, *pks],
            )
    return [tuple(row) for row in found]


def store(cursor: Any, rows: Sequence[tuple[Any, ...]]) -> tuple[list[tuple[int, int, int]], bool]:
    """(id, connection, seq) of what was stored, and whether there was any delivery."""
    cursor.execute("SELECT COALESCE(MAX(id), 0) FROM bridge_message")
    (last,) = cursor.fetchone()
    _insert(
        cursor,
        "bridge_message (uid, connection_id, author_id, seq, revision, client_id, content, created_at,"
        " changed, kind, service, state, failure)",
        "(%s, %s, %s, %s, %s, %s, %s, %s, FALSE, 'message', 'web', 'sent', '')",
        rows,
    )
    # Whoever writes holds the one lock there is: what is above is ours, all of it.
    stored = _rows(cursor, "id, connection_id, seq, revision", "bridge_message WHERE id > %s", [last])
    deliveries, idle = _deliveries(cursor, stored)
    _insert(
        cursor,
        "bridge_delivery (message_id, revision, endpoint_id, operation, outcome, reason, detail)",
        "(%s, %s, %s, 'post', '', '', '')",
        deliveries,
    )
    if idle:
        cursor.execute(
            f"UPDATE OR FAIL bridge_endpoint SET due = {NOW} WHERE id IN {placeholders(idle)}", idle
        )
    return [(pk, connection, seq) for pk, connection, seq, _ in stored], bool(deliveries)


def _deliveries(cursor: Any, stored: Sequence[list[int]]) -> tuple[list[tuple[int, int, int]], list[int]]:
    """(message, revision, endpoint) for each endpoint but the web's, and the endpoints that wait for nothing yet."""
    connections = _padded(list({connection for _, connection, _, _ in stored}))
    endpoints: dict[int, list[int]] = defaultdict(list)
    idle = []
    for pk, connection, is_idle in _rows(
        cursor,
        "id, connection_id, due IS NULL",
        f"bridge_endpoint WHERE service <> 'web' AND connection_id IN {placeholders(connections)}",
        connections,
    ):
        endpoints[connection].append(pk)
        if is_idle:
            idle.append(pk)
    deliveries = [
        (pk, revision, endpoint)
        for pk, connection, _, revision in stored
        for endpoint in endpoints[connection]
    ]
    return deliveries, idle


def _insert(cursor: Any, into: str, row: str, rows: Sequence[tuple[Any, ...]]) -> None:
    for part in _parts(rows):
        cursor.execute(
            f"INSERT OR FAIL INTO {into} VALUES {', '.join([row] * len(part))}",
            [value for each in part for value in each],
        )


def _rows(cursor: Any, columns: str, source: str, params: Sequence[Any]) -> list[list[Any]]:
    """Rows of numbers, as one value: each row by itself would be a step."""
    cursor.execute(f"SELECT JSON_GROUP_ARRAY(JSON_ARRAY({columns})) FROM {source}", params)
    return list(orjson.loads(cursor.fetchone()[0]))


def placeholders(values: Sequence[Any]) -> str:
    """In parentheses, one for each of these."""
    return f"({', '.join(['%s'] * len(values))})"


# Statements come in few lengths, since the driver keeps the last 128 prepared: a power of two.


def _padded(values: Sequence[Any]) -> list[Any]:
    """The last one as often as it takes: for what counts once however often it is named."""
    return [*values, *[values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values))] if values else []


def _parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    at = 0
    while at < len(rows):
        size = min(MOST_ROWS, 1 << ((len(rows) - at).bit_length() - 1))
        yield rows[at : at + size]
        at += size
