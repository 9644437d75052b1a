"""The multi-row statements of `storing`: what SQLite and PostgreSQL share. Each of them has a module of its own."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any, NamedTuple

from django.db import connection as database

from bridge.chat.actions.rows import postgres, sqlite
from bridge.chat.actions.rows.sqlite import placeholders

ACTIVE_AFTER = timedelta(seconds=10)
"""How old a conversation's `active_at` may be. So most messages do not have to update two indexes."""


@dataclass(slots=True)
class Head:
    """A conversation's latest revision and position: before this transaction's messages, then after each of them."""

    revision: int
    seq: int


Hex = str
"""The 32 digits of a UUID: SQLite stores them, PostgreSQL accepts them, and they are fast to create."""


def hexed(value: uuid.UUID) -> Hex:
    return f"{value.int:032x}"


class Row(NamedTuple):
    """The row of a new message, without the columns that all messages have in common."""

    uid: Hex
    connection: int
    author: int | None
    seq: int
    revision: int
    client_id: Hex | None
    content: str
    created_at: datetime
    # The same for most messages, see `sqlite.PLAIN`.
    kind: str
    service: str
    state: str
    endpoint: int | None
    reply_to: int | None
    gap_size: int | None
    edited_at: datetime | None


def _engine() -> ModuleType:
    return postgres if database.vendor == "postgresql" else sqlite


def _moment(value: datetime) -> Any:
    return database.ops.adapt_datetimefield_value(value)


def known(client_ids: Sequence[Hex]) -> set[Hex]:
    """The client IDs among these that messages already have, whoever wrote them."""
    if not client_ids:
        return set()
    with database.cursor() as cursor:
        return set(_engine().known(cursor, client_ids))


def advance(counts: Mapping[int, int], *, now: datetime) -> dict[int, Head]:
    """Take `counts[pk]` revisions and positions in each open conversation, and with them the rows' locks.

    In the order of the keys: without it, transactions deadlocked 157 times in 240 forced races. The result leaves out
    conversations that are closed or deleted, and on PostgreSQL those that another transaction has locked.
    """
    with database.cursor() as cursor:
        rows = _engine().advance(cursor, sorted(counts.items()), _moment(now - ACTIVE_AFTER))
        if stale := [row[0] for row in rows if row[3]]:
            cursor.execute(
                f"UPDATE bridge_connection SET active_at = %s WHERE id IN {placeholders(stale)}",
                [_moment(now), *stale],
            )
    return {pk: Head(revision, seq) for pk, revision, seq, _ in rows}


def store(new: Sequence[Row]) -> tuple[dict[tuple[int, int], int], bool]:
    """Insert messages, with a delivery for each endpoint except the web's and the message's own, and make lines due.

    Returns their IDs by (connection, seq) as returned by the database, without those that were not stored, and
    whether there was any delivery.
    """
    # Most messages of a batch have the same time. Adapting it takes a fifth of the time that storing a message takes.
    moments = {moment: _moment(moment) for moment in {row.created_at for row in new}}
    values = [
        (*row[:7], moments[row.created_at], *row[8:14], _moment(row.edited_at) if row.edited_at else None)
        for row in new
    ]
    with database.cursor() as cursor:
        ids, delivered = _engine().store(cursor, values)
    return {(connection, seq): pk for pk, connection, seq in ids}, delivered


def wake(endpoints: Sequence[int]) -> None:
    """Make these lines due. A line that waits or is being worked on keeps its own time.

    The caller must have the locks of their connections, which a worker that empties a line also needs. Otherwise a
    line could be emptied between this check and the commit, and nobody would work on what was just added.
    """
    if endpoints:
        with database.cursor() as cursor:
            cursor.execute(
                f"UPDATE bridge_endpoint SET due = {_engine().NOW}"
                f" WHERE due IS NULL AND id IN {placeholders(endpoints)}",
                list(endpoints),
            )
