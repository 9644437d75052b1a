"""Reads conversations: pages of messages, changes since a revision, and current revisions.

Every query reads one index from one position (`message_place`, `message_changed`), so its time does not grow with
the table.
"""

import uuid
from collections.abc import Collection, Sequence

from bridge.chat import listing, wire
from bridge.chat.speaking import Target
from bridge.chat.wire import connection_out
from bridge.infra.keyset import Cursor, Keyset
from bridge.models import Connection, Message, Participant
from bridge.protocol import MAX_PAGE, SYNC_LIMIT
from bridge.protocol.outgoing import ConnectionOut, ConnectionSynced, HistoryRead, MessageOut

BY_PLACE = Keyset("seq")
FEW = 5
"""How many of a visitor's conversations a heartbeat looks at: the open one, and those used last."""


def page(reader: Target, *, before: int | None = None, limit: int = 50) -> HistoryRead:
    """The newest messages, or those just before the position `before`; oldest first."""
    rows = Message.objects.filter(connection=reader.connection).select_related("author", "reply_to__author")
    result = BY_PLACE.page(rows, after=None if before is None else Cursor([before]), limit=limit)
    return {"messages": _seen_by(reader, result.rows[::-1]), "has_more": result.next is not None}


def sync(reader: Target, *, since: int) -> ConnectionSynced:
    """What changed after the revision `since`, in order of revision; if that is too much, the newest page.

    The head is read first: changes that are committed later may be missing, so the answer must not claim them.
    """
    participant = _participant(reader)
    connection = connection_out(participant.connection, reader=participant)
    head, last_seq = connection["revision"], participant.connection.last_seq
    if not 0 <= head - since <= SYNC_LIMIT:
        return {"connection": connection, **page(reader), "revision": head, "reset": True}
    rows = _since(reader, since=since, head=head, last_seq=last_seq)
    has_more = len(rows) > MAX_PAGE
    rows = rows[:MAX_PAGE]
    return {
        "connection": connection,
        "messages": _seen_by(reader, rows),
        "revision": rows[-1].revision if has_more else head,
        "has_more": has_more,
        "reset": False,
    }


def _since(reader: Target, *, since: int, head: int, last_seq: int) -> list[Message]:
    """The first messages with a revision in (since, head], one more than a page has."""
    messages = Message.objects.filter(connection=reader.connection, revision__gt=since, revision__lte=head)
    messages = messages.select_related("author", "reply_to__author")
    changed = messages.filter(changed=True).order_by("revision")
    # Each message took a position and a revision, so the new ones are among the last `head - since` positions.
    new = messages.filter(changed=False, seq__gt=last_seq - (head - since)).order_by("seq")
    # In this order, a message that changes between the two queries is in neither, but in the next sync.
    rows = [*changed[: MAX_PAGE + 1], *new[: MAX_PAGE + 1]]
    return sorted(rows, key=lambda message: message.revision)[: MAX_PAGE + 1]


def connection_for(reader: Target) -> ConnectionOut:
    participant = _participant(reader)
    return connection_out(participant.connection, reader=participant)


def first_look(reader: Target) -> tuple[Participant, HistoryRead]:
    """The head, then the newest page. A message that arrives in between is in the page and in an event."""
    return _participant(reader), page(reader)


def _participant(reader: Target) -> Participant:
    return Participant.objects.select_related("connection").get(pk=reader.participant or 0)


def heads(visitor: uuid.UUID, *, inbox: int, rooms: Collection[str] = ()) -> dict[str, int]:
    """The current revisions of the visitor's newest conversations, the open one first, then of these rooms."""
    revisions = listing.newest(visitor, inbox=inbox, limit=FEW)
    if rooms:
        revisions += Connection.objects.filter(uid__in=rooms).values_list("uid", "revision")
    return {str(uid): revision for uid, revision in revisions}


def single(message: Message, participant: Participant) -> MessageOut:
    return _seen_by(Target.of(message.connection, participant), [message])[0]


def _seen_by(reader: Target, messages: Sequence[Message]) -> list[MessageOut]:
    # Staff who have not written in a conversation have no participant there.
    participant = reader.participant or 0
    wire.load(messages, reader=participant)
    shown = []
    for message in messages:
        out = wire.message_out(message, connection=reader.uid)
        out["own"] = message.author_id == participant
        shown.append(out)
    return shown
