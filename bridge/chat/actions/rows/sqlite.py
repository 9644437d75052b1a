"""SQLite's half of the multi-row statements: each does many rows in one step, and none keeps copies to undo itself.

Between two steps of a statement Python's driver takes the interpreter's lock back, which the event loop may keep for
milliseconds. And a statement of many rows that may fail half-way first copies each page that it changes, at several
times its own price, unless it says OR FAIL: whatever fails here undoes the whole transaction anyway.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson

NOW = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"
"""The database's clock, in the form in which Django stores moments: lines become due by it."""
MOST_ROWS = 64
"""In one statement. There is one for each number up to this, and the driver keeps them prepared (`infra.sqlite`)."""


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
    """(connection, revision and seq before, whether it was active before that moment), for those that it advanced."""
    ids = _padded([pk for pk, _ in counts])
    # As one value: each row by itself would be a step.
    cursor.execute(
        "SELECT JSON_GROUP_ARRAY(JSON_ARRAY(id, revision, last_seq, active_at < %s))"
        f" FROM bridge_connection WHERE state = 'open' AND id IN {placeholders(ids)}",
        [stale_before, *ids],
    )
    found = orjson.loads(cursor.fetchone()[0])
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
    # Whoever writes holds the one lock there is: what is above is ours, all of it.
    cursor.execute(_DELIVERIES, [before])
    delivered = cursor.rowcount > 0
    cursor.execute(_STORED, [before, before])
    stored, idle = map(orjson.loads, cursor.fetchone())
    if idle:
        ids = _padded(idle)
        cursor.execute(f"UPDATE OR FAIL bridge_endpoint SET due = {NOW} WHERE id IN {placeholders(ids)}", ids)
    return [tuple(row) for row in stored], delivered


# CROSS: in this order, whatever ANALYZE may have found.
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
"""The last columns of a message from the page that answers nothing. Bound for each row they cost 3.5 µs, three times
what the others cost."""
_PLAIN_VALUES = "'message', 'web', 'sent', NULL, NULL, NULL, NULL, "


@lru_cache(maxsize=2 * MOST_ROWS)
def _insertion(count: int, *, plain: bool = False) -> str:
    bound = len(_COLUMNS.split()) - (len(PLAIN) if plain else 0)
    row = f"({'%s, ' * bound}{_PLAIN_VALUES if plain else ''}FALSE, '')"
    return (
        f"INSERT OR FAIL INTO bridge_message ({_COLUMNS}, changed, failure) VALUES {', '.join([row] * count)}"
    )


def placeholders(values: Sequence[Any]) -> str:
    """In parentheses, one for each of these."""
    return f"({', '.join(['%s'] * len(values))})"


def _padded(values: Sequence[Any]) -> list[Any]:
    """To a power of two with the last one, for what counts once however often it is named: less to prepare."""
    return [*values, *[values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values))] if values else []
