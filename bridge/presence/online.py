"""The visitors who are online in an inbox, across all processes.

A visitor who arrived within the last second may be missing, and the visitors of a killed process disappear within a
minute. If Redis is away, each function raises RedisError.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async

from bridge.models import Connection, Contact, Inbox, Participant
from bridge.presence import shared
from bridge.presence.shared import Question, Scope

MOST = 200
"""Visitors in one answer about an inbox or a room."""


class Count(NamedTuple):
    """The number of visitors, of identified visitors, and of their sockets."""

    visitors: int = 0
    identified: int = 0
    sockets: int = 0


@dataclass(frozen=True, slots=True)
class Online:
    """A visitor who is online in an inbox."""

    inbox: int
    visitor: uuid.UUID
    sockets: int
    identified: bool
    since: datetime
    contact: Contact | None = None
    """Their contact in this inbox, if any; `contact.user_id` is their Django user."""


def count(inbox: Inbox | int) -> Count:
    """Return how many visitors are online in this inbox."""
    entries = shared.entries_blocking(_scope(inbox))
    identified = {member for member, value in entries if value.split()[1] != "0"}
    sockets = sum(int(value.split()[0]) for _, value in entries)
    return Count(len({member for member, _ in entries}), len(identified), sockets)


def count_in_rooms(rooms: Sequence[str]) -> dict[str, int]:
    """Return the number of members of each room, by its uid."""
    answers = shared.read_blocking(*(Question(Scope("room", room)) for room in rooms))
    return {room: answer.online for room, answer in zip(rooms, answers, strict=True)}


def is_online(visitor: uuid.UUID, *, inbox: Inbox | int | None = None) -> bool:
    """Return whether this visitor has a page open, in this inbox or in any."""
    questions = _anywhere(visitor) if inbox is None else [Question(_scope(inbox), members=[visitor.hex])]
    return any(answer.entries for answer in shared.read_blocking(*questions))


def sessions(
    *,
    connection: Connection | None = None,
    visitor: uuid.UUID | None = None,
    user: Any = None,
    inbox: Inbox | int | None = None,
) -> list[Online]:
    """Return who is online by one of these: a conversation or a room, a visitor, a Django user, an inbox.

    Sorted by arrival; at most MOST for a room or an inbox. A room's visitors are those who joined it and did not leave.
    """
    if sum(argument is not None for argument in (connection, visitor, user, inbox)) != 1:
        raise TypeError("sessions() takes one of connection, visitor, user and inbox")
    if inbox is not None:
        return _ask([Question(_scope(inbox), MOST)])
    if visitor is not None:
        return _ask(_anywhere(visitor))
    if user is not None:
        contacts = Contact.objects.filter(user=user).values_list("inbox_id", "visitor")
        return _ask([Question(_scope(pk), members=[visitor.hex]) for pk, visitor in contacts])
    assert connection is not None  # noqa: S101  # the only one that is left
    return _ask([Question(_scope(connection.inbox_id), members=_visitors_of(connection))])


acount = sync_to_async(count)
ais_online = sync_to_async(is_online)
asessions = sync_to_async(sessions)


def _scope(inbox: Inbox | int) -> Scope:
    return Scope("inbox", inbox if isinstance(inbox, int) else inbox.pk)


def _anywhere(visitor: uuid.UUID) -> list[Question]:
    inboxes = Inbox.objects.values_list("pk", flat=True)
    return [Question(_scope(pk), members=[visitor.hex]) for pk in inboxes]


def _visitors_of(connection: Connection) -> list[str]:
    if connection.kind == Connection.Kind.PRIVATE:
        return [connection.visitor.hex] if connection.visitor else []
    (answer,) = shared.read_blocking(Question(Scope("room", str(connection.uid)), MOST))
    uids = {member for member, _ in answer.entries}
    people = Participant.objects.filter(connection=connection, uid__in=uids, visitor__isnull=False)
    return [visitor.hex for visitor in people.values_list("visitor", flat=True) if visitor]


def _ask(questions: Sequence[Question]) -> list[Online]:
    answers = shared.read_blocking(*questions)
    entries: dict[tuple[int, uuid.UUID], list[str]] = {}
    for question, answer in zip(questions, answers, strict=True):
        for member, value in answer.entries:
            entries.setdefault((int(question.scope.key), uuid.UUID(member)), []).append(value)
    rows = Contact.objects.filter(visitor__in={visitor for _, visitor in entries})
    contacts = {(row.inbox_id, row.visitor): row for row in rows}
    people = [_online(*key, values, contacts.get(key)) for key, values in entries.items()]
    return sorted(people, key=lambda online: online.since)


def _online(inbox: int, visitor: uuid.UUID, values: Iterable[str], contact: Contact | None) -> Online:
    """Join the entries of a visitor in several processes."""
    sockets, identified, since = zip(*(map(int, value.split()) for value in values), strict=True)
    began = datetime.fromtimestamp(min(since), UTC)
    return Online(inbox, visitor, sum(sockets), any(identified), began, contact)
