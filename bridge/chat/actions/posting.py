"""Posts from the page and the HTTP API: resolves, admits and stores them, many in one transaction."""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from bridge.chat import wire
from bridge.chat.access import no_such_answered
from bridge.chat.actions import rows, speaking_rules
from bridge.chat.actions.attaching import claim
from bridge.chat.actions.opening import Overtaken, open_connection
from bridge.chat.actions.storing import NewMessage, store
from bridge.chat.speaking import Busy, Opening, Post, Posted, Result, Target
from bridge.errors import BridgeError, Code
from bridge.models import Attachment, Connection, Message, Participant


@dataclass(slots=True)
class Item:
    """A post that is being processed: its target and what belongs to it, until it has a `result`."""

    post: Post
    target: Target = field(init=False)
    answered: Message | None = None
    attachments: Sequence[Attachment] = ()
    first: "Item | None" = None
    """The same post earlier in this batch; both have the same result."""
    result: Result | None = None


def post_messages(batch: Sequence[Post]) -> list[Result]:
    """Store posts, with a delivery for each other endpoint. Returns the result of each, in the same order.

    A result is what was stored (also for a repeated `client_id`), or a refusal: `closed`, or `not_found` if the
    conversation or the answered message does not exist; or Busy. Any other error is raised, and nothing of the batch
    is stored.
    """
    items = [Item(post) for post in batch]
    with transaction.atomic():
        _resolve(items)
        _admit(_open(items))
        _store(_open(items))
    return [_result(item) for item in items]


def _open(items: Iterable[Item]) -> list[Item]:
    """The items without a result."""
    return [item for item in items if item.result is None and item.first is None]


def _result(item: Item) -> Result:
    result = (item.first or item).result
    if result is None:
        raise RuntimeError("A post was neither stored nor refused.")
    return result


def _resolve(items: Sequence[Item]) -> None:
    """Find repeats, answered messages, files and conversations. Nothing is opened or counted for refused posts."""
    _find_repeats(items)
    _find_answered(_open(items))
    if with_uploads := [item for item in _open(items) if item.post.uploads]:
        claim(with_uploads)
    _find_targets(_open(items))
    _find_echoes(_open(items))


def _find_repeats(items: Sequence[Item]) -> None:
    """Find posts that are already stored. This is always looked up: a fallback after an error took 44 ms per resend."""
    known = rows.known([rows.hexed(item.post.client_id) for item in items if item.post.client_id])
    if not known:
        return
    by_client_id: dict[uuid.UUID, list[Item]] = {}
    for item in items:
        if (client_id := item.post.client_id) and rows.hexed(client_id) in known:
            by_client_id.setdefault(client_id, []).append(item)
    repeats = [item for several in by_client_id.values() for item in several]
    # Only among messages of their authors, because anybody can choose the same ID.
    candidates = Message.objects.filter(
        author__in=_authors([item.post for item in repeats]), client_id__in=by_client_id
    )
    messages = list(candidates.select_related("connection", "author"))
    wire.load(messages)
    for message in messages:
        target = Target.of(message.connection, message.author)
        for item in by_client_id[message.client_id] if message.client_id else ():
            if _is_repeat(item.post, message):
                body = wire.message_out(message, connection=target.uid)
                item.result = Posted(message.pk, target, body)


def _authors(posts: Sequence[Post]) -> list[int]:
    """Who may have written these posts before: their participants, and the visitors in all of their conversations."""
    visitors = [post.opening.visitor for post in posts if post.opening]
    own = Participant.objects.filter(visitor=F("connection__visitor"), connection__visitor__in=visitors)
    participants = {post.target.participant for post in posts if post.target}
    return [*own.values_list("pk", flat=True), *(pk for pk in participants if pk is not None)]


def _is_repeat(post: Post, message: Message) -> bool:
    """Whether this message, which has the same `client_id`, is that of the post: written by its visitor in any of their
    conversations in the inbox, or without an opening, by its participant.
    """
    connection, author = message.connection, message.author
    if author is None:
        return False
    if (opening := post.opening) is not None:
        same_visitor = (connection.inbox_id, connection.visitor) == (opening.inbox, opening.visitor)
        return same_visitor and author.visitor == opening.visitor
    if (target := post.target) is not None:
        return (connection.pk, author.pk) == (target.connection, target.participant)
    return False


def _find_answered(items: Sequence[Item]) -> None:
    """Find the messages that are answered. Refuses replies to others.

    Read before the lock: if such a message is deleted after this, it counts as answered before that.
    """
    replies = [(item, item.post.reply_to) for item in items if item.post.reply_to is not None]
    if not replies:
        return
    messages = Message.objects.filter(
        uid__in=[uid for _, uid in replies], kind=Message.Kind.MESSAGE, deleted_at__isnull=True
    ).select_related("author", "connection")
    by_uid = {message.uid: message for message in messages}
    for item, uid in replies:
        message = by_uid.get(uid)
        if message is not None and _may_answer(item.post, message.connection):
            item.answered = message
        else:
            item.result = no_such_answered(uid)


def _may_answer(post: Post, connection: Connection) -> bool:
    """Whether the post goes to this conversation. Checked before a conversation is opened for it."""
    if post.target is not None:
        return connection.pk == post.target.connection
    opening = post.opening
    is_own = opening is not None and (opening.inbox, opening.visitor) == (
        connection.inbox_id,
        connection.visitor,
    )
    return is_own and connection.is_open


def _find_targets(items: Sequence[Item]) -> None:
    """Find the target of each post. Conversations are always opened in the same order, before any row is locked."""
    openings: dict[tuple[int, str], tuple[Opening, list[Item]]] = {}
    for item in items:
        if item.post.target is not None:
            item.target = item.post.target
        elif (opening := item.post.opening) is not None:
            key = (opening.inbox, opening.visitor.hex)
            openings.setdefault(key, (opening, []))[1].append(item)
    for key in sorted(openings):
        opening, several = openings[key]
        try:
            target = Target.of(*open_connection(opening))
        except Overtaken:
            for item in several:
                item.result = _refusal(Connection.State.CLOSED)
        else:
            for item in several:
                item.target = target


def _find_echoes(items: Sequence[Item]) -> None:
    """Find posts that repeat another one of the same batch."""
    firsts: dict[tuple[int, uuid.UUID], Item] = {}
    for item in items:
        # A participant belongs to one connection.
        if item.post.client_id is not None and item.target.participant is not None:
            first = firsts.setdefault((item.target.participant, item.post.client_id), item)
            item.first = first if first is not item else None


def _admit(items: Sequence[Item]) -> None:
    """Apply the rules of rooms, and use the visitor's current name there. Private conversations are not affected."""
    in_rooms = [item for item in items if item.target.room]
    if not in_rooms:
        return
    verdicts = speaking_rules.apply([item.target for item in in_rooms])
    for item, verdict in zip(in_rooms, verdicts, strict=True):
        if isinstance(verdict, BridgeError):
            item.result = verdict
        elif verdict is not None:
            item.target = verdict
    _refuse([item for item, verdict in zip(in_rooms, verdicts, strict=True) if verdict is None])


def _store(items: Sequence[Item]) -> None:
    """Store the posts whose conversation has a position for them. From now on, its row is locked."""
    if not items:
        return
    heads = rows.advance(Counter(item.target.connection for item in items), now=timezone.now())
    new: list[tuple[Item, NewMessage]] = []
    missing: list[Item] = []
    for item in items:
        post, target, answered = item.post, item.target, item.answered
        if target.connection not in heads:
            missing.append(item)
            continue
        if answered is not None and answered.connection_id != target.connection:
            # That conversation has just been closed, and a new one was opened for the reply.
            answered = None
        message = NewMessage(
            target,
            post.content,
            client_id=str(post.client_id) if post.client_id else None,
            reply_to=answered,
            attachments=item.attachments,
            origin=post.origin,
        )
        new.append((item, message))
    _refuse(missing)
    if new:
        store([message for _, message in new], heads)
    for item, message in new:
        item.result = Posted(message.id, message.target, message.body)


def _refuse(items: Collection[Item]) -> None:
    """Refuse posts whose conversations do not exist, are closed, or are locked by another transaction."""
    if not items:
        return
    connections = {item.target.connection for item in items}
    states = dict(Connection.objects.filter(pk__in=connections).values_list("pk", "state"))
    for item in items:
        item.result = _refusal(states.get(item.target.connection))


def _refusal(state: str | None) -> Result:
    if state is None:
        return BridgeError(Code.NOT_FOUND, "This conversation does not exist.")
    if state == Connection.State.CLOSED:
        return BridgeError(Code.CLOSED, "This conversation is closed.")
    return Busy()
