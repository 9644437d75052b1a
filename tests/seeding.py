"""Fills the database with conversations: a million messages in seconds, on SQLite and PostgreSQL."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from bridge.models import (
    Connection,
    Delivery,
    Endpoint,
    Inbox,
    Message,
    Participant,
    RemoteMessage,
    RemotePart,
)
from bridge.text.nicks import nick_for

APART = timedelta(seconds=20)
"""Between two messages, whichever conversation they belong to."""
CARRIED = 10
"""Every so many messages one is stored as carried to Discord, with its delivery and remote message."""
FAILED = 1000
"""Every so many messages one has failed."""
FIRST_SNOWFLAKE = 1_100_000_000_000_000_000
WORDS = (
    "hello order parcel arrived broken please refund when does the sale end invoice number address changed "
    "thank you colour size delivery tomorrow could someone help me with my account password late missing"
).split()


def seed(*, messages: int, connections: int | None = None, inbox: Inbox | None = None) -> None:
    """Adds conversations whose messages take turns; the newest was written just now.

    Each has a visitor, somebody of staff and a Discord thread, in `inbox`, by default "default".
    Without `connections` each has about 100 messages. The same call makes the same texts and ids.
    """
    count = connections or max(1, messages // 100)
    inbox = inbox or Inbox.objects.get(name="default")
    with transaction.atomic():
        _Seeding(inbox=inbox, messages=messages, connections=count).run()


class _Seeding:
    def __init__(self, *, inbox: Inbox, messages: int, connections: int) -> None:
        self.inbox, self.messages, self.connections = inbox, messages, connections
        self.random = random.Random(f"{messages}/{connections}/{inbox.pk}")
        self.start = timezone.now() - APART * messages
        if connection.vendor == "sqlite":
            # It keeps times as text without a zone.
            self.start = self.start.replace(tzinfo=None)
        self.texts = [" ".join(self.random.choices(WORDS, k=self.random.randint(3, 18))) for _ in range(5000)]
        self.first = {model: _next_pk(model) for model in MODELS}

    def run(self) -> None:
        _insert(
            Connection,
            ("id", "uid", "inbox_id", "visitor", "nick", "revision", "last_seq", "created_at", "active_at"),
            self._connections(),
        )
        _insert(Participant, ("id", "uid", "connection_id", "role", "service", "nick"), self._participants())
        _insert(Endpoint, ("id", "connection_id", "service", "remote_id"), self._endpoints())
        _insert(
            Message,
            (
                *("id", "uid", "connection_id", "author_id", "seq", "revision", "service", "content"),
                *("state", "failure", "created_at", "changed"),
            ),
            self._messages(),
        )
        _insert(RemoteMessage, ("id", "endpoint_id", "remote_id", "ours"), self._remote_messages())
        _insert(RemotePart, ("remote_id", "message_id", "position"), self._remote_parts())
        _insert(
            Delivery,
            ("message_id", "endpoint_id", "operation", "revision", "settled_at", "outcome", "reason"),
            self._deliveries(),
        )
        _forward_sequences()

    def _uid(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    def _at(self, number: int) -> Any:
        moment = self.start + APART * number
        return str(moment) if moment.tzinfo is None else moment

    def _length(self, index: int) -> int:
        """How many messages the conversation has."""
        return len(range(index, self.messages, self.connections))

    def _connections(self) -> Iterator[tuple[Any, ...]]:
        for index in range(self.connections):
            length = self._length(index)
            visitor = self._uid()
            yield (
                *(self.first[Connection] + index, self._uid(), self.inbox.pk, visitor, self._nick(index)),
                *(length, length, self._at(index)),
                self._at(index + max(0, length - 1) * self.connections),
            )

    def _nick(self, index: int) -> str:
        return nick_for(_FakeVisitor(index))  # type: ignore[arg-type]  # only its int is asked for

    def _participants(self) -> Iterator[tuple[Any, ...]]:
        pk = self.first[Participant]
        for index in range(self.connections):
            owner = self.first[Connection] + index
            yield pk + 2 * index, self._uid(), owner, "visitor", "web", self._nick(index)
            yield pk + 2 * index + 1, self._uid(), owner, "staff", "discord", f"Agent {index % 7}"

    def _endpoints(self) -> Iterator[tuple[Any, ...]]:
        for index in range(self.connections):
            pk = self.first[Endpoint] + index
            yield pk, self.first[Connection] + index, "discord", str(FIRST_SNOWFLAKE + pk)

    def _messages(self) -> Iterator[tuple[Any, ...]]:
        for number in range(self.messages):
            seq, index = divmod(number, self.connections)
            staff = seq % 2
            failed = number % FAILED == 0
            yield (
                *(self.first[Message] + number, self._uid(), self.first[Connection] + index),
                *(self.first[Participant] + 2 * index + staff, seq + 1, seq + 1),
                *("discord" if staff else "web", f"{self.random.choice(self.texts)} {number}"),
                *("failed" if failed else "delivered", "refused" if failed else "", self._at(number)),
                # What a visitor wrote has been told to have arrived, or to have failed.
                not staff,
            )

    def _carried(self) -> Iterator[tuple[int, int, int]]:
        """A running number, the message's number and its conversation's index."""
        for count, number in enumerate(range(0, self.messages, CARRIED)):
            yield count, number, number % self.connections

    def _remote_messages(self) -> Iterator[tuple[Any, ...]]:
        for count, _, index in self._carried():
            pk = self.first[RemoteMessage] + count
            yield pk, self.first[Endpoint] + index, str(2 * FIRST_SNOWFLAKE + pk), True

    def _remote_parts(self) -> Iterator[tuple[Any, ...]]:
        for count, number, _ in self._carried():
            yield self.first[RemoteMessage] + count, self.first[Message] + number, 0

    def _deliveries(self) -> Iterator[tuple[Any, ...]]:
        for _, number, index in self._carried():
            failed = number % FAILED == 0
            yield (
                *(self.first[Message] + number, self.first[Endpoint] + index, "post"),
                *(number // self.connections + 1, self._at(number)),
                *(("failed", "refused") if failed else ("delivered", "")),
            )


class _FakeVisitor:
    """Stands for a visitor's UUID where only its number matters."""

    def __init__(self, index: int) -> None:
        self.int = index


MODELS: tuple[type[models.Model], ...] = (
    Connection,
    Participant,
    Endpoint,
    Message,
    RemoteMessage,
    RemotePart,
    Delivery,
)


def _next_pk(model: type[models.Model]) -> int:
    newest: int | None = model._default_manager.aggregate(newest=models.Max("pk"))["newest"]
    return (newest or 0) + 1


def _insert(model: type[models.Model], varying: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows of the varying columns; every other column gets its field's default."""
    fields = [f for f in model._meta.concrete_fields if f.column not in varying and not f.primary_key]
    same = tuple(f.get_db_prep_save(f.get_default(), connection) for f in fields)
    columns = ", ".join([*varying, *(f.column for f in fields)])
    full = (row + same for row in rows)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {model._meta.db_table} ({columns}) FROM STDIN") as copy:
                for row in full:
                    copy.write_row(row)
            return
        holders = ", ".join(["%s"] * (len(varying) + len(fields)))
        statement = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({holders})"
        while batch := list(islice(full, 10_000)):
            cursor.executemany(statement, batch)


def _forward_sequences() -> None:
    """PostgreSQL hands out ids from where ours end."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for model in MODELS:
            table = model._meta.db_table
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
            )
