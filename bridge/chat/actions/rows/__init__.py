"""The multi-row statements under `storing`: what SQLite and PostgreSQL share; each has a module of its own."""

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
"""How old a conversation's `active_at` may be: two indexes less to write for most messages."""


@dataclass(slots=True)
class Head:
    """Where a conversation stands: before this transaction's messages, then after each of them."""

    revision: int
    seq: int


Hex = str
"""A UUID's 32 digits: as SQLite stores it, as PostgreSQL reads it, and all that its text takes."""


def hexed(value: uuid.UUID) -> Hex:
    return f"{value.int:032x}"


class Row(NamedTuple):
    """A new message's row, as far as it differs from one message to another."""

    uid: Hex
    connection: int
    author: int | None
    seq: int
    revision: int
    client_id: Hex | None
    content: str
    created_at: datetime
    # What is the same for most, see `sqlite.PLAIN`.
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
    """Those of them that messages have already, whoever wrote these."""
    if not client_ids:
        return set()
    with database.cursor() as cursor:
        return set(_engine().known(cursor, client_ids))


def advance(counts: Mapping[int, int], *, now: datetime) -> dict[int, Head]:
    """Take `counts[pk]` revisions and places in each open conversation, and with them the rows' locks.

    In key order: unsorted transactions deadlocked 157 times in 240 forced races. Missing from the answer are
    those that are closed or gone, and on PostgreSQL those that another transaction holds.
    """
    with database.cursor() as cursor:
        found = _engine().advance(cursor, sorted(counts.items()), _moment(now - ACTIVE_AFTER))
        if stale := [row[0] for row in found if row[3]]:
            cursor.execute(
                f"UPDATE bridge_connection SET active_at = %s WHERE id IN {placeholders(stale)}",
                [_moment(now), *stale],
            )
    return {pk: Head(revision, seq) for pk, revision, seq, _ in found}


def store(new: Sequence[Row]) -> tuple[dict[tuple[int, int], int], bool]:
    """Insert them, with a delivery for each endpoint but the web's and the one it came in by, and make those lines due.

    Returns their ids by (connection, seq), as the database returned them: what is missing was not stored. And
    whether there was any delivery.
    """
    # Most of a batch have one moment in common, and to adapt it costs as much as a fifth of storing a message.
    moments = {moment: _moment(moment) for moment in {row.created_at for row in new}}
    values = [
        (*row[:7], moments[row.created_at], *row[8:14], _moment(row.edited_at) if row.edited_at else None)
        for row in new
    ]
    with database.cursor() as cursor:
        ids, delivered = _engine().store(cursor, values)
    return {(connection, seq): pk for pk, connection, seq in ids}, delivered


def wake(endpoints: Sequence[int]) -> None:
    """These lines have something to do. One that waits or is being worked keeps its own time.

    Only while their connections' rows are held, as whoever empties a line holds them too: else it could be
    emptied between this look and the commit, and nobody would come for what was just added.
    """
    if endpoints:
        with database.cursor() as cursor:
            cursor.execute(
                f"UPDATE bridge_endpoint SET due = {_engine().NOW}"
                f" WHERE due IS NULL AND id IN {placeholders(endpoints)}",
                list(endpoints),
            )
