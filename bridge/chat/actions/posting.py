"""Saying something. `post_messages` is the primitive under every message, whoever writes it and wherever.

One transaction writes a whole batch with a handful of multi-row statements: 28 µs a message at batches of
fifty, where the ORM takes about 90.
"""

import os
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from bridge import signals
from bridge.chat import hooks, publishing, wire
from bridge.chat.actions import rows, speaking_rules
from bridge.chat.actions.attaching import Uploads, attach, claim
from bridge.chat.actions.opening import Overtaken, open_connection
from bridge.chat.publishing import Change
from bridge.chat.speaking import Opening, Target
from bridge.errors import BridgeError, Code
from bridge.models import Attachment, Connection, Delivery, Endpoint, Message, Participant
from bridge.protocol import MessageOut, Quote, event_frame, rfc3339


class Post(NamedTuple):
    """What a visitor wrote: for a `target` that is known, or for his open conversation (`opening`).

    With both, the target is where that conversation was last seen; a resend is found wherever it is.
    """

    content: str
    target: Target | None = None
    opening: Opening | None = None
    client_id: uuid.UUID | None = None
    reply_to: uuid.UUID | None = None
    uploads: Uploads | None = None
    origin: str = ""
    """The socket it comes from: its reply tells it what the event tells all others."""


class Posted(NamedTuple):
    """A message that is stored: just now, or before where its post came again."""

    id: int
    target: Target
    message: MessageOut


class Busy(Exception):
    """Another transaction holds this conversation just now: nothing was written, try again."""


Result = Posted | BridgeError | Busy


def post_messages(batch: Sequence[Post]) -> list[Result]:
    """Store them, with a delivery for each other endpoint, and answer each: its result at its own place.

    A result is what was stored (also for a repeated `client_id`); or why that one was not: `closed`, or
    `not_found` where the conversation, or the message that it answers, is not there; or Busy. Whatever else goes
    wrong raises, and nothing of the batch is stored.
    """
    client_ids = [rows.hexed(post.client_id) if post.client_id else None for post in batch]
    with transaction.atomic():
        results = _repeated(batch, client_ids)
        answered = _answered(batch, results)
        # Before anything is opened or counted for what is refused.
        files = claim(batch, results) if any(post.uploads for post in batch) else {}
        targets = _targets(batch, results)
        fresh, echoes = _distinct(client_ids, targets, results)
        fresh = _admitted(targets, fresh, results)
        if fresh:
            _store(batch, client_ids, targets, fresh, results, answered, files)
        for index, first in echoes.items():
            results[index] = results[first]
    return [results[index] for index in range(len(batch))]


ClientIds = Sequence[rows.Hex | None]
"""The posts' `client_id`, once for all: their text is needed again and again, and dear to make."""


def _repeated(batch: Sequence[Post], client_ids: ClientIds) -> dict[int, Result]:
    """Posts that came before. Always looked up: a fallback on error cost 44 ms for one resend."""
    known = rows.known([client_id for client_id in client_ids if client_id])
    if not known:
        return {}
    places: dict[uuid.UUID | None, list[int]] = {}
    for index, client_id in enumerate(client_ids):
        if client_id in known:
            places.setdefault(batch[index].client_id, []).append(index)
    # Of theirs alone: anybody may choose the same id, and a key of the Python API gives one to every conversation.
    authors = _authors([batch[index] for indexes in places.values() for index in indexes])
    found = Message.objects.filter(author__in=authors, client_id__in=places)
    stored = {
        index: message
        for message in found.select_related("connection", "author")
        for index in places[message.client_id]
        if _is_repeat(batch[index], message)
    }
    wire.load(list(stored.values()))
    results: dict[int, Result] = {}
    for index, message in stored.items():
        target = Target.of(message.connection, message.author)
        results[index] = Posted(message.pk, target, wire.message_out(message, connection=target.uid))
    return results


def _authors(posts: Sequence[Post]) -> list[int]:
    """Who may have written them before: their participants, and the visitors in each of their own conversations."""
    visitors = [post.opening.visitor for post in posts if post.opening]
    his = Participant.objects.filter(visitor=F("connection__visitor"), connection__visitor__in=visitors)
    participants = {post.target.participant for post in posts if post.target}
    return [*his.values_list("pk", flat=True), *(pk for pk in participants if pk is not None)]


def _is_repeat(post: Post, message: Message) -> bool:
    """Whether this message, of the same `client_id`, is the post's: its visitor's, in any of his conversations in the
    inbox; without an opening its participant's.
    """
    connection, author = message.connection, message.author
    if author is None:
        return False
    if (opening := post.opening) is not None:
        his = (connection.inbox_id, connection.visitor) == (opening.inbox, opening.visitor)
        return his and author.visitor == opening.visitor
    if (target := post.target) is not None:
        return (connection.pk, author.pk) == (target.connection, target.participant)
    return False


def _targets(batch: Sequence[Post], done: dict[int, Result]) -> dict[int, Target]:
    """Where each post goes. Conversations are opened in one order everywhere, before any row is locked."""
    targets: dict[int, Target] = {}
    openings: dict[tuple[int, str], tuple[Opening, list[int]]] = {}
    for index, post in enumerate(batch):
        if post.target is not None:
            targets[index] = post.target
        elif post.opening is not None and index not in done:
            key = (post.opening.inbox, post.opening.visitor.hex)
            openings.setdefault(key, (post.opening, []))[1].append(index)
    for key in sorted(openings):
        opening, indexes = openings[key]
        try:
            targets.update(dict.fromkeys(indexes, Target.of(*open_connection(opening))))
        except Overtaken:
            done.update(dict.fromkeys(indexes, _refusal(Connection.State.CLOSED)))
    return targets


Answered = dict[int, Message]


def _answered(batch: Sequence[Post], done: dict[int, Result]) -> Answered:
    """What the replies among them answer, by their places; the other posts cost nothing. Refuses the rest.

    Read before the lock: a message that is deleted from now on is one that was answered and then deleted.
    """
    wanted = {
        index: post.reply_to
        for index, post in enumerate(batch)
        if post.reply_to is not None and index not in done
    }
    if not wanted:
        return {}
    found = Message.objects.filter(
        uid__in=wanted.values(), kind=Message.Kind.MESSAGE, deleted_at__isnull=True
    ).select_related("author", "connection")
    by_uid = {message.uid: message for message in found}
    answered: Answered = {}
    for index, uid in wanted.items():
        message = by_uid.get(uid)
        if message is not None and _may_answer(batch[index], message.connection):
            answered[index] = message
        else:
            # Another conversation's message and one that does not exist get the same answer.
            done[index] = BridgeError(
                Code.NOT_FOUND, "The message that you answer is not there.", reply_to=str(uid)
            )
    return answered


def _may_answer(post: Post, connection: Connection) -> bool:
    """Whether this is where the post goes: asked before a conversation is opened for it."""
    if post.target is not None:
        return connection.pk == post.target.connection
    opening = post.opening
    mine = opening is not None and (opening.inbox, opening.visitor) == (
        connection.inbox_id,
        connection.visitor,
    )
    return mine and connection.is_open


def _distinct(
    client_ids: ClientIds, targets: dict[int, Target], done: dict[int, Result]
) -> tuple[list[int], dict[int, int]]:
    """The posts to store, and those that repeat one of them within this very batch."""
    fresh: list[int] = []
    echoes: dict[int, int] = {}
    first: dict[tuple[int, rows.Hex], int] = {}
    for index, target in sorted(targets.items()):
        if index in done:
            continue
        client_id = client_ids[index]
        # A participant belongs to one connection.
        if client_id is not None and target.participant is not None:
            known = first.setdefault((target.participant, client_id), index)
            if known != index:
                echoes[index] = known
                continue
        fresh.append(index)
    return fresh, echoes


def _admitted(targets: dict[int, Target], fresh: list[int], results: dict[int, Result]) -> list[int]:
    """Those that their room lets in, spoken under today's name; private conversations cost nothing here."""
    in_rooms = {index: targets[index] for index in fresh if targets[index].room}
    if not in_rooms:
        return fresh
    verdicts, held = speaking_rules.apply(in_rooms)
    results.update({index: each for index, each in verdicts.items() if isinstance(each, BridgeError)})
    targets.update({index: each for index, each in verdicts.items() if isinstance(each, Target)})
    if held:
        refusals = _refusals(held)
        results.update(
            {index: refusals[at.connection] for index, at in in_rooms.items() if at.connection in held}
        )
    return [index for index in fresh if index not in results]


def _store(
    batch: Sequence[Post],
    client_ids: ClientIds,
    targets: dict[int, Target],
    fresh: list[int],
    results: dict[int, Result],
    answered: Answered,
    files: dict[int, list[Attachment]],
) -> None:
    now = timezone.now()
    new = _placed(batch, client_ids, targets, fresh, results, now=now)
    if not new:
        return
    ids, nudge = rows.store(list(new.values()), now=now)
    # Not where it has just been closed, and a new one was opened for the reply.
    answered = {at: each for at, each in answered.items() if each.connection_id == targets[at].connection}
    rows.answer(
        (ids[row.connection, row.seq], answered[index].pk) for index, row in new.items() if index in answered
    )
    said: dict[str, list[tuple[MessageOut, str]]] = {}
    created_at = rfc3339(now)
    for index, row in new.items():
        quote = wire.quote_out(answered[index]) if index in answered else None
        body = _body(row, targets[index], created_at, quote)
        if index in files:
            body["attachments"] = attach(files[index], message=ids[row.connection, row.seq])
        # A KeyError is right: a row that was not returned was not stored, and nobody may be told so.
        results[index] = Posted(ids[row.connection, row.seq], targets[index], body)
        said.setdefault(body["connection"], []).append((body, batch[index].origin))
    publishing.publish_on_commit([_posted(uid, bodies) for uid, bodies in said.items()], nudge=nudge)
    hooks.tell_on_commit(signals.message_posted, ids.values())


def _placed(
    batch: Sequence[Post],
    client_ids: ClientIds,
    targets: dict[int, Target],
    fresh: list[int],
    results: dict[int, Result],
    *,
    now: datetime,
) -> dict[int, rows.NewMessage]:
    """The rows of these posts, each with the next place in its conversation, whose row is held from now on.

    What has no place is refused in `results`.
    """
    heads = rows.advance(Counter(targets[index].connection for index in fresh), now=now)
    missing = {targets[index].connection for index in fresh} - heads.keys()
    refusals = _refusals(missing) if missing else {}
    new: dict[int, rows.NewMessage] = {}
    for index, uid in zip(fresh, _new_uids(len(fresh), now=now), strict=True):
        target = targets[index]
        head = heads.get(target.connection)
        if head is None:
            results[index] = refusals[target.connection]
            continue
        head.revision += 1
        head.seq += 1
        new[index] = rows.NewMessage(
            uid,
            target.connection,
            target.participant,
            head.seq,
            head.revision,
            client_ids[index],
            batch[index].content,
        )
    return new


def _new_uids(count: int, *, now: datetime) -> list[rows.Hex]:
    """Version 7, rising: they begin with the time, so that new rows share the index's pages.

    Random ones made a third more of them to write.
    """
    begin = f"{int(now.timestamp() * 1000):012x}7"
    noise = os.urandom(9 * count).hex()
    # 8: the variant.
    return sorted(f"{begin}{noise[at : at + 3]}8{noise[at + 3 : at + 18]}" for at in range(0, len(noise), 18))


def _dashed(value: rows.Hex) -> str:
    """As a UUID is written."""
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def _refusals(connections: Iterable[int]) -> dict[int, Result]:
    """Why these were not advanced: gone, closed, or held by another transaction."""
    states = dict(Connection.objects.filter(pk__in=connections).values_list("pk", "state"))
    return {pk: _refusal(states.get(pk)) for pk in connections}


def _refusal(state: str | None) -> Result:
    if state is None:
        return BridgeError(Code.NOT_FOUND, "There is no such conversation.")
    if state == Connection.State.CLOSED:
        return BridgeError(Code.CLOSED, "This conversation is closed.")
    return Busy()


def _body(row: rows.NewMessage, target: Target, created_at: str, quote: Quote | None) -> MessageOut:
    return {
        "uid": _dashed(row.uid),
        "connection": target.uid,
        "kind": "message",
        "seq": row.seq,
        "revision": row.revision,
        "client_id": _dashed(row.client_id) if row.client_id else None,
        "author": target.author,
        "content": row.content,
        "gap_size": None,
        "created_at": created_at,
        "edited_at": None,
        "deleted_at": None,
        "state": "sent",
        "failure": "",
        "reply_to": quote,
        "attachments": [],
        "reactions": [],
    }


def _posted(uid: str, said: list[tuple[MessageOut, str]]) -> Change:
    messages = [body for body, _ in said]
    origins = {origin for _, origin in said}
    since, revision = messages[0]["revision"] - 1, messages[-1]["revision"]
    frame = event_frame(
        "message.posted", {"messages": messages}, connection=uid, since=since, revision=revision
    )
    # Where one socket wrote all of it, it has it in its replies.
    return Change(uid, since, revision, frame, skip=origins.pop() if len(origins) == 1 else "")


def fan_out(message: Message, *, operation: Delivery.Operation, source: int | None) -> list[Endpoint]:
    """A delivery of this change of a message to each endpoint but its `source`: there it is known. Those endpoints.

    Nothing ever goes back to where it came in, so two services that answer everything make no loop here. Within the
    transaction that made the change: `message.revision` is the change's.
    """
    others = Endpoint.objects.filter(connection=message.connection_id)
    endpoints = list(others if source is None else others.exclude(pk=source))
    deliveries = [
        Delivery(message=message, endpoint=endpoint, operation=operation, revision=message.revision)
        for endpoint in endpoints
    ]
    Delivery.objects.bulk_create(deliveries)
    rows.wake([endpoint.pk for endpoint in endpoints])
    return endpoints
