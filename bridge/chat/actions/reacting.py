"""Reactions: from visitors on the page and from staff in services. Each is stored once, however often it is reported.

A service has one reaction of ours for all visitors together; `bridge.delivery` keeps it in line with the rows here.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bridge.chat.access import Viewer, message_for, no_such_message, participant_for
from bridge.chat.actions.announcing import change_message
from bridge.chat.actions.authors import RemoteAuthor, participant_of
from bridge.chat.actions.noting import note_emojis
from bridge.chat.actions.remote_ids import locked
from bridge.chat.actions.speaking_rules import speak
from bridge.errors import BridgeError, Code
from bridge.models import Delivery, Endpoint, Message, Participant, Reaction, RemoteMessage
from bridge.text import emojis


@transaction.atomic
def react(viewer: Viewer, uid: uuid.UUID, *, emoji: str, added: bool) -> Message:
    """Add or remove a visitor's reaction. Returns the message after that. Does nothing if nothing is different.

    Raises:
        BridgeError: as `message_for` does; `not_found` if a custom emoji is not on the message yet; `conflict` if it
            has too many; and for a new reaction also `closed`, `not_permitted` if they may not write here, and
            `throttled` by slow mode.
    """
    message = message_for(viewer, uid, lock=True)
    if message.kind != Message.Kind.MESSAGE:
        raise no_such_message()
    participant = participant_for(viewer, message.connection.uid)
    if added:
        if not message.connection.is_open:
            raise BridgeError(Code.CLOSED, "This conversation is closed.")
        emoji = _allowed(message, emoji)
        if _rows(message, participant, emoji).exists():
            return message
        speak(participant, now=timezone.now())
    _set(message, participant, emoji, added=added)
    return message


def _allowed(message: Message, emoji: str) -> str:
    """The emoji, in the spelling that the message already has."""
    spellings = list(message.reactions.order_by("pk").values_list("emoji", flat=True))
    known = {emojis.key(spelling): spelling for spelling in reversed(spellings)}
    if match := known.get(emojis.key(emoji)):
        return match
    if emojis.is_custom(emoji):
        raise BridgeError(Code.NOT_FOUND, "This emoji is not on this message.")
    if len(known) >= emojis.MOST_ON_A_MESSAGE:
        most = emojis.MOST_ON_A_MESSAGE
        raise BridgeError(Code.CONFLICT, f"A message can have at most {most} different emoji.", limit=most)
    return emoji


def _same(emoji: str) -> Q:
    """The condition for rows of an emoji, whatever its name was when they were written."""
    key = emojis.key(emoji)
    return Q(emoji=emoji) if key == emoji else Q(emoji__endswith=f":{key}")


def _rows(message: Message, participant: Participant, emoji: str) -> QuerySet[Reaction]:
    return Reaction.objects.filter(_same(emoji), message=message, participant=participant)


def _set(
    message: Message, participant: Participant, emoji: str, *, added: bool, source: int | None = None
) -> bool:
    """Add or remove, within the transaction that has the connection's lock. False if nothing changed."""
    rows = _rows(message, participant, emoji)
    if rows.exists() == added:
        return False
    if added:
        Reaction.objects.create(message=message, participant=participant, emoji=emoji)
    else:
        rows.delete()
    _changed(message, participant, emoji, added=added, source=source)
    return True


def _changed(
    message: Message, participant: Participant | None, emoji: str | None, *, added: bool, source: int | None
) -> None:
    """Announce a change. Without a participant or an emoji, several were removed."""
    uid = str(participant.uid) if participant else None
    more = {"participant": uid, "emoji": emoji, "added": added}
    change_message(message, "reaction.changed", Delivery.Operation.REACT, source=source, more=more)


# ------------------------------------------------------------------------------------------------- from a service


@transaction.atomic
def receive_reaction(
    endpoint_id: int, remote_id: str, *, author: RemoteAuthor, emoji: str, added: bool
) -> bool | None:
    """Add or remove a reaction from a service. False if nothing changed, None if the message is unknown.

    If several messages of ours were joined there, the reaction belongs to the last one.
    """
    endpoint = locked(endpoint_id)
    holds = _held_by(endpoint, remote_id)
    if holds is None:
        return None
    message = _counted_on(holds)
    if added:
        if message is None:
            return False
        note_emojis([emoji])
        people = Participant.objects.filter(connection=endpoint.connection_id, service=endpoint.service)
        # With the name under which they wrote: a list of reactions has less information about them.
        participant = people.filter(remote_id=author.remote_id).first() or participant_of(endpoint, author)
        known = message.reactions.filter(_same(emoji)).values_list("emoji", flat=True).first()
        return _set(message, participant, known or emoji, added=True, source=endpoint.pk)
    owner = {"participant__service": endpoint.service, "participant__remote_id": author.remote_id}
    return _take_back(holds, Reaction.objects.filter(_same(emoji), **owner), emoji=emoji, endpoint=endpoint)


@transaction.atomic
def receive_clearing(endpoint_id: int, remote_id: str, *, emoji: str | None) -> bool | None:
    """Remove the reactions with one emoji, or all, from a message that was cleared. Reactions of visitors remain."""
    endpoint = locked(endpoint_id)
    holds = _held_by(endpoint, remote_id)
    if holds is None:
        return None
    theirs = Reaction.objects.filter(participant__service=endpoint.service)
    if emoji is not None:
        theirs = theirs.filter(_same(emoji))
    return _take_back(holds, theirs, emoji=emoji, endpoint=endpoint)


def _take_back(
    holds: list[Message], rows: QuerySet[Reaction], *, emoji: str | None, endpoint: Endpoint
) -> bool:
    changed = False
    for message in holds:
        gone = list(rows.filter(message=message).select_related("participant"))
        if gone:
            Reaction.objects.filter(pk__in=[reaction.pk for reaction in gone]).delete()
            participant = gone[0].participant if len(gone) == 1 else None
            spelling = gone[0].emoji if participant else emoji
            _changed(message, participant, spelling, added=False, source=endpoint.pk)
            changed = True
    return changed


Standing = Mapping[str, Iterable[RemoteAuthor]]
"""Who reacted with each emoji on a message in the service."""


@transaction.atomic
def receive_standing(endpoint_id: int, remote_id: str, standing: Standing) -> None:
    """Bring the reactions with these emoji on a message in line with the service. Other emoji are not changed."""
    endpoint = locked(endpoint_id)
    message = _counted_on(_held_by(endpoint, remote_id) or [])
    if message is None:
        return
    present = {
        emojis.key(emoji): {author.remote_id for author in people} for emoji, people in standing.items()
    }
    rows = Reaction.objects.filter(message=message, participant__service=endpoint.service)
    for reaction in list(rows.select_related("participant")):
        people = present.get(emojis.key(reaction.emoji))
        if people is not None and reaction.participant.remote_id not in people:
            _set(message, reaction.participant, reaction.emoji, added=False, source=endpoint.pk)
    for emoji, authors in standing.items():
        for author in authors:
            receive_reaction(endpoint_id, remote_id, author=author, emoji=emoji, added=True)


@dataclass(frozen=True)
class Known:
    """The reactions to one message that we have from people in a service: their number by the emoji's key."""

    remote_ids: list[str]
    counts: Mapping[str, int]


def known_standing(endpoint_id: int, remote_ids: Iterable[str], *, reacted: Iterable[str]) -> list[Known]:
    """What is known for the messages in these remote messages that have reactions here or (`reacted`) in the service.

    A message that was split is left out unless all of its parts are among these.
    """
    endpoint = Endpoint.objects.get(pk=endpoint_id)
    given = set(remote_ids)
    theirs = Reaction.objects.filter(participant__service=endpoint.service)
    here = theirs.filter(message__connection=endpoint.connection_id).values("message")
    alive = endpoint.remote_messages.filter(card=False, deleted_at__isnull=True, remote_id__isnull=False)
    relevant = alive.filter(Q(remote_id__in=list(reacted)) | Q(parts__message__in=here), remote_id__in=given)
    pieces: dict[int, list[str]] = {}
    for message in {_counted_on(_messages_in(remote)) for remote in relevant.distinct()} - {None}:
        assert message is not None  # noqa: S101  # removed above
        own = alive.filter(parts__message=message).order_by("pk").values_list("remote_id", flat=True)
        ids = [remote_id for remote_id in own if remote_id]
        if given.issuperset(ids):
            pieces[message.pk] = ids
    counts: dict[int, Counter[str]] = {pk: Counter() for pk in pieces}
    for pk, emoji in theirs.filter(message__in=pieces).values_list("message_id", "emoji"):
        counts[pk][emojis.key(emoji)] += 1
    return [Known(ids, counts[pk]) for pk, ids in pieces.items()]


def _held_by(endpoint: Endpoint, remote_id: str) -> list[Message] | None:
    """The messages inside a remote message, in order; None if it is unknown."""
    remote = endpoint.remote_messages.filter(remote_id=remote_id, card=False).first()
    return None if remote is None else _messages_in(remote)


def _messages_in(remote: RemoteMessage) -> list[Message]:
    parts = remote.parts.order_by("position").select_related("message")
    return [part.message for part in parts]


def _counted_on(holds: list[Message]) -> Message | None:
    return next((message for message in reversed(holds) if not message.deleted_at), None)
