"""The multi-row statements for SQLite: each processes many rows in one step, without copies for a rollback of its own.

Between two steps of a statement, Python's driver acquires the interpreter's lock, which the event loop may keep for
milliseconds. A statement for many rows that could fail half-way first copies each page that it changes, which takes
several times as long, unless it uses OR FAIL. Any failure here rolls back the whole transaction anyway.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson

NOW = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"
"""The database's clock, by which lines become due, in Django's format for times."""
MOST_ROWS = 64
"""Rows in one statement. There is a statement for each number up to this; the driver caches them (`infra.sqlite`)."""


def known(cursor: Any, client_ids: Sequence[str]) -> list[Any]:
    ids = _padded(client_ids)
    cursor.execute(
        f"WITH k(id) AS (VALUES {', '.join(['(%s)'] * len(ids))})"
        " SELECT id FROM k WHERE EXISTS (SELECT 1 FROM bridge_message WHERE client_id = k.id)",
        ids,
    )
    return [client_id for (client_id,) in cursor.fetchall()]


def advance(
    cursor: Any, counts: Sequence[tuple[int, int]], stale_before: Any
) -> list[tuple[int, int, int, bool]]:
    """Returns, for each advanced connection: (key, previous revision, previous seq, whether `active_at` is stale)."""
    ids = _padded([pk for pk, _ in counts])
    # All rows as one value, because each row would be a step.
    cursor.execute(
        "SELECT JSON_GROUP_ARRAY(JSON_ARRAY(id, revision, last_seq, active_at < %s))"
        f" FROM bridge_connection WHERE state = 'open' AND id IN {placeholders(ids)}",
        [stale_before, *ids],
    )
    rows = orjson.loads(cursor.fetchone()[0])
    steps: dict[int, list[int]] = defaultdict(list)
    taken = dict(counts)
    for pk, *_ in rows:
        steps[taken[pk]].append(pk)
    for step, pks in steps.items():
        if step:
            pks = _padded(pks)
            cursor.execute(
                "UPDATE OR FAIL bridge_connection SET revision = revision + %s, last_seq = last_seq + %s"
                f" WHERE id IN {placeholders(pks)}",
                [step, step, *pks],
            )
    return [tuple(row) for row in rows]


def store(cursor: Any, rows: Sequence[tuple[Any, ...]]) -> tuple[list[tuple[int, int, int]], bool]:
    """Returns (id, connection, seq) of the stored messages, and whether there was any delivery."""
    before = None
    for at in range(0, len(rows), MOST_ROWS):
        part = rows[at : at + MOST_ROWS]
        if all(row[-len(PLAIN) :] == PLAIN for row in part):
            cursor.execute(
                _insertion(len(part), plain=True),
                list(chain.from_iterable(row[: -len(PLAIN)] for row in part)),
            )
        else:
            cursor.execute(_insertion(len(part)), list(chain.from_iterable(part)))
        if before is None:
            before = cursor.lastrowid - len(part)
    # Only one transaction can write, so all rows with higher IDs are ours.
    cursor.execute(_DELIVERIES, [before])
    delivered = cursor.rowcount > 0
    cursor.execute(_STORED, [before, before])
    stored, idle = map(orjson.loads, cursor.fetchone())
    if idle:
        ids = _padded(idle)
        cursor.execute(f"UPDATE OR FAIL bridge_endpoint SET due = {NOW} WHERE id IN {placeholders(ids)}", ids)
    return [tuple(row) for row in stored], delivered


# CROSS keeps this order of the tables, whatever ANALYZE has found.
_LINES_OF_NEW = (
    "bridge_message m CROSS JOIN bridge_endpoint e ON e.connection_id = m.connection_id"
    " WHERE m.id > %s AND e.service <> 'web' AND e.id IS NOT m.endpoint_id"
)
_DELIVERIES = (
    "INSERT OR FAIL INTO bridge_delivery (message_id, revision, endpoint_id, operation, outcome, reason, detail)"
    f" SELECT m.id, m.revision, e.id, 'post', '', '', '' FROM {_LINES_OF_NEW}"
)
_STORED = (
    "SELECT (SELECT JSON_GROUP_ARRAY(JSON_ARRAY(id, connection_id, seq)) FROM bridge_message WHERE id > %s),"
    f" (SELECT JSON_GROUP_ARRAY(DISTINCT e.id) FROM {_LINES_OF_NEW} AND e.due IS NULL)"
)


_COLUMNS = (
    "uid, connection_id, author_id, seq, revision, client_id, content, created_at,"
    " kind, service, state, endpoint_id, reply_to_id, gap_size, edited_at"
)
PLAIN = ("message", "web", "sent", None, None, None, None)
"""The last columns of a message from the page that is not a reply. Binding them takes 3.5 µs per row, three times as
long as the other columns."""
_PLAIN_VALUES = "'message', 'web', 'sent', NULL, NULL, NULL, NULL, "


@lru_cache(maxsize=2 * MOST_ROWS)
def _insertion(count: int, *, plain: bool = False) -> str:
    bound = len(_COLUMNS.split()) - (len(PLAIN) if plain else 0)
    row = f"({'%s, ' * bound}{_PLAIN_VALUES if plain else ''}FALSE, '')"
    return (
        f"INSERT OR FAIL INTO bridge_message ({_COLUMNS}, changed, failure) VALUES {', '.join([row] * count)}"
    )


def placeholders(values: Sequence[Any]) -> str:
    """One placeholder for each value, in parentheses."""
    return f"({', '.join(['%s'] * len(values))})"


def _padded(values: Sequence[Any]) -> list[Any]:
    """The values, with the last one repeated up to a power of two, so that there are fewer statements to prepare. Only
    for statements in which repeated values make no difference."""
    return [*values, *[values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values))] if values else []
