"""Lists a visitor's own conversations in an inbox: latest activity first, page by page.

Ended conversations are read from one index (`connection_ended`), starting where the previous page ended. There is at
most one open conversation. Unread are the messages after `read_seq`, counted only in the last positions. So nothing
here takes longer for a visitor who has written for years.
"""

import uuid
from collections.abc import Sequence

from django.db.models import Count, F, QuerySet
from django.db.models.functions import Greatest, Left

from bridge.chat.access import Viewer, find_participant, participant_for
from bridge.chat.browsing import BY_ACTIVITY
from bridge.chat.wire import QUOTED, connection_out
from bridge.models import Connection, Message, Participant
from bridge.protocol.frames import rfc3339
from bridge.protocol.outgoing import ConnectionsListed, Earlier, ListedConnection

MOST_COUNTED = 100
"""The highest count, both of conversations and of positions from a conversation's end."""
LOOKED_INTO = 20
"""Ended conversations whose unread messages are counted for a new session. A late answer makes its own the first."""
FIRST = 10
"""Positions in which the first text of a conversation is searched."""


def conversations(
    visitor: uuid.UUID, *, inbox: int, before: uuid.UUID | None = None, limit: int
) -> ConnectionsListed:
    """A page of conversations, after the conversation `before`, the last one of the previous page.

    Raises BridgeError: `not_found` if that is not one of theirs.
    """
    after, connections = None, _of(visitor, inbox)
    if before is not None:
        after = BY_ACTIVITY.cursor(participant_for(Viewer(visitor, inbox, rooms=()), before).connection)
    ended = BY_ACTIVITY.page(_ended(connections), after=after, limit=limit)
    current = BY_ACTIVITY.page(connections.filter(state=Connection.State.OPEN), after=after, limit=1)
    rows = sorted([*current.rows, *ended.rows], key=BY_ACTIVITY.cursor, reverse=True)
    has_more = ended.next is not None or len(rows) > limit
    return {"connections": _shown(rows[:limit], visitor), "has_more": has_more}


def earlier(visitor: uuid.UUID, *, inbox: int, but: int) -> Earlier:
    """How many of their conversations have ended, not counting `but`, and how many messages in them are unread."""
    ended = _ended(_of(visitor, inbox))
    pks = [pk for pk in ended.values_list("pk", flat=True)[: MOST_COUNTED + 1] if pk != but]
    unread = _unread(pks[:LOOKED_INTO], visitor) if pks else {}
    return {"connections": min(len(pks), MOST_COUNTED), "unread": sum(unread.values())}


def latest(visitor: uuid.UUID, *, inbox: int) -> Participant | None:
    """The visitor's participant in the conversation to continue: the open one, otherwise the one used last."""
    viewer = Viewer(visitor, inbox, rooms=())
    if (current := find_participant(viewer, None)) is not None:
        return current
    last = _ended(_of(visitor, inbox)).first()
    return find_participant(viewer, last.uid) if last else None


def newest(visitor: uuid.UUID, *, inbox: int, limit: int) -> list[tuple[uuid.UUID, int]]:
    """The uid and the revision of the open conversation, then of those used last."""
    connections = _of(visitor, inbox)
    current = [*connections.filter(state=Connection.State.OPEN)[:1].values_list("uid", "revision")]
    return [*current, *_ended(connections).values_list("uid", "revision")[: limit - len(current)]]


def _of(visitor: uuid.UUID, inbox: int) -> QuerySet[Connection]:
    return Connection.objects.filter(visitor=visitor, inbox=inbox)


def _ended(connections: QuerySet[Connection]) -> QuerySet[Connection]:
    return BY_ACTIVITY.after(connections.filter(closed_at__isnull=False), None)


def _shown(rows: Sequence[Connection], visitor: uuid.UUID) -> list[ListedConnection]:
    pks = [row.pk for row in rows]
    participants = Participant.objects.filter(connection__in=pks, visitor=visitor)
    readers = {participant.connection_id: participant for participant in participants}
    titles, unread = _titles(pks), _unread(pks, visitor)
    return [
        {
            **connection_out(row, reader=readers[row.pk]),
            "title": titles.get(row.pk, ""),
            "unread": unread.get(row.pk, 0),
            "created_at": rfc3339(row.created_at),
            "active_at": rfc3339(row.active_at),
        }
        for row in rows
        if row.pk in readers
    ]


def _titles(connections: Sequence[int]) -> dict[int, str]:
    """The first text in each conversation."""
    messages = Message.objects.filter(
        connection__in=connections, seq__lte=FIRST, kind=Message.Kind.MESSAGE, deleted_at__isnull=True
    ).exclude(content="")
    words = messages.order_by("-seq").values_list("connection", Left("content", QUOTED))
    return dict(words)


def _unread(connections: Sequence[int], visitor: uuid.UUID) -> dict[int, int]:
    """How many messages of others each conversation has after the visitor's `read_seq` (index `message_place`)."""
    mark = Greatest(F("connection__participants__read_seq"), F("connection__last_seq") - MOST_COUNTED)
    messages = Message.objects.filter(
        connection__in=connections,
        connection__participants__visitor=visitor,
        seq__gt=mark,
        kind=Message.Kind.MESSAGE,
        deleted_at__isnull=True,
    ).exclude(author__role=Participant.Role.VISITOR)
    return dict(messages.values_list("connection").annotate(count=Count("pk")).order_by())
