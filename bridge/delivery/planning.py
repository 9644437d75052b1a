"""Decides on the next request of a line, by the state of the database alone (rules 4, 6 and 9).

`plan` compares what a line's first delivery requires with what the service is known to have, and returns the one
request that brings them closer. It stores nothing in memory between two requests, so after a crash at any point the
next worker continues.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from bridge.chat.actions.settling import mark_delivered
from bridge.delivery import lines, reactions, remotes, rooms
from bridge.delivery.composing import carried, compose, join
from bridge.delivery.lines import Line
from bridge.infra.clock import Clock
from bridge.models import Delivery, Endpoint, Message, RemoteMessage, RemotePart
from bridge.services.base import Drop, Hold, Service
from bridge.services.requests import Delete, Edit, FindOpening, Open, Post, ReadBack, Request

LANDING = timedelta(seconds=30)
"""How long a request with an unknown result may still arrive, counted from just before it was written."""
LOOK_AHEAD = 100
"""Number of deliveries of a line that are read at once."""


@transaction.atomic
def plan(line: Line, *, service: Service, clock: Clock) -> Request | None:
    """Return the next request of a line, recorded before it is made; None if there is nothing to do now.

    Renews the claim.

    Raises:
        LineLost: another worker has the line.
    """
    endpoint, now = lines.hold(line, clock=clock)
    while waiting := _waiting(endpoint):
        verdict = service.consider(waiting, endpoint, now=now)
        if isinstance(verdict, Drop):
            _drop(verdict.deliveries, endpoint)
            continue
        if isinstance(verdict, Hold):
            lines.release(endpoint, until=verdict.until)
            return None
        if (lost := remotes.of_unknown_fate(endpoint)) is not None:
            return _look_for(lost, endpoint, service=service, now=now)
        if waiting[0].operation == Delivery.Operation.POST:
            if _is_needless(waiting[0].message, endpoint):
                mark_delivered(waiting[:1], endpoint=endpoint, outcome=Delivery.Outcome.SUPERSEDED)
                continue
            if endpoint.remote_id is None:
                return _opening(endpoint, now=now)
        if (request := _towards(waiting, endpoint, line=line, service=service, now=now)) is not None:
            return request
    lines.empty(endpoint)
    return None


def _waiting(endpoint: Endpoint) -> list[Delivery]:
    whole = lines.unsettled(endpoint).select_related("message__author")
    return list(whole.prefetch_related("message__attachments")[:LOOK_AHEAD])


def _is_needless(message: Message, endpoint: Endpoint) -> bool:
    """Return whether a message need not be sent: it was deleted before, or it would open a thread just for a notice."""
    if message.deleted_at and not remotes.of_message(message, endpoint):
        return True
    return endpoint.remote_id is None and message.kind == Message.Kind.EVENT


def _drop(dropped: Sequence[Delivery], endpoint: Endpoint) -> None:
    """Settle deliveries that the service does not need, and forget posts with unknown results that are only for them.

    An opening with an unknown result is kept, because later messages need it.
    """
    mark_delivered(list(dropped), endpoint=endpoint, outcome=Delivery.Outcome.SUPERSEDED)
    waiting = endpoint.deliveries.filter(settled_at__isnull=True).values("message")
    lost = endpoint.remote_messages.filter(ours=True, card=False, remote_id__isnull=True)
    lost.exclude(parts__message__in=waiting).delete()


def _look_for(lost: RemoteMessage, endpoint: Endpoint, *, service: Service, now: datetime) -> Request | None:
    if lost.sent_at is None or (service.idempotent and not lost.card):
        # It was looked for and not found, or need not be looked for: repeat it unchanged. If the first one still
        # arrives, the nonce prevents a second copy.
        return _again(lost, endpoint, now=now)
    if now < lost.sent_at + LANDING:
        lines.release(endpoint, until=lost.sent_at + LANDING)
        return None
    if lost.card:
        return FindOpening(endpoint_id=endpoint.pk, remote_pk=lost.pk)
    return ReadBack(
        remote_pk=lost.pk,
        thread=remotes.thread_of(endpoint),
        after=remotes.newest_known(endpoint),
        speaker=lost.speaker,
        since=rooms.written_at(lost) if lost.speaker else None,
    )


def _again(remote: RemoteMessage, endpoint: Endpoint, *, now: datetime) -> Request:
    remote.sent_at = now
    remote.save(update_fields=["sent_at"])
    if remote.card:
        return _open(remote, endpoint, repeat=True)
    group = remotes.group_of([remote])
    answered = None if remotes.of_message(group[0], endpoint) else remotes.answered(group, endpoint)
    return _post(remote, endpoint, repeat=True, reply_to=answered)


def _opening(endpoint: Endpoint, *, now: datetime) -> Request:
    """Open the thread: first its card, then the thread from it. Continues from what already exists."""
    card = endpoint.remote_messages.filter(card=True, deleted_at__isnull=True).first()
    return _open(card or _write_down(endpoint, card=True, sent_at=now), endpoint, repeat=False)


def _open(card: RemoteMessage, endpoint: Endpoint, *, repeat: bool) -> Open:
    return Open(
        endpoint_id=endpoint.pk, remote_pk=card.pk, nonce=card.nonce, card_id=card.remote_id, repeat=repeat
    )


def _towards(
    waiting: list[Delivery], endpoint: Endpoint, *, line: Line, service: Service, now: datetime
) -> Request | None:
    """Return a request that brings the service closer to the first delivery; None if nothing differs."""
    head = waiting[0]
    if head.operation == Delivery.Operation.REACT:
        return reactions.towards(head, endpoint)
    sent = remotes.of_message(head.message, endpoint)
    group = remotes.group_of(sent)
    if head.operation == Delivery.Operation.POST:
        group = group or ([head.message] if line.single else join(waiting, endpoint, service=service))
        wanted = compose(group, sent, endpoint, service=service)
        if len(sent) < len(wanted) and not head.message.deleted_at:
            answered = None if sent else remotes.answered(group, endpoint)
            return _send(wanted[len(sent)], group, endpoint, service=service, reply_to=answered, now=now)
        mark_delivered(_posts_of(group, endpoint), endpoint=endpoint, outcome=Delivery.Outcome.DELIVERED)
        return None
    alive = [remote for remote in sent if remote.deleted_at is None]
    if alive and (request := _difference(alive, group, endpoint, service=service, now=now)) is not None:
        return request
    # If one of several joined messages was deleted, its reactions are removed.
    if alive and (request := reactions.surplus(alive[0], endpoint)) is not None:
        return request
    changes = lines.unsettled(endpoint).filter(
        message__in=group or [head.message],
        operation__in=[Delivery.Operation.EDIT, Delivery.Operation.DELETE],
    )
    mark_delivered(list(changes), endpoint=endpoint, outcome=Delivery.Outcome.DELIVERED)
    return None


def _difference(
    alive: list[RemoteMessage], group: list[Message], endpoint: Endpoint, *, service: Service, now: datetime
) -> Request | None:
    """Return a request for the first part that differs from the current text; None if nothing differs."""
    wanted = compose(group, alive, endpoint, service=service)
    thread = remotes.thread_of(endpoint)
    for remote, text in zip(alive, wanted, strict=False):
        if remote.text != text or remote.text_unsure:
            # Recorded before the request: if the edit is undone while its result is unknown, the old text is sent too.
            RemoteMessage.objects.filter(pk=remote.pk).update(text_unsure=True)
            return Edit(
                remote_pk=remote.pk,
                thread=thread,
                remote_id=remotes.id_of(remote),
                text=text,
                sender=remote.sender,
            )
    if len(wanted) < len(alive):
        surplus = alive[-1]
        # Recorded before the request. Otherwise its echo would look like a deletion by staff.
        RemoteMessage.objects.filter(pk=surplus.pk).update(unwanted=True)
        known = remotes.id_of(surplus)
        return Delete(remote_pk=surplus.pk, thread=thread, remote_id=known, sender=surplus.sender)
    if len(wanted) > len(alive):
        # The text that no longer fits becomes a reply, because other messages may follow in the thread.
        first = remotes.id_of(alive[0])
        return _send(wanted[len(alive)], group, endpoint, service=service, reply_to=first, now=now)
    return None


def _posts_of(group: list[Message], endpoint: Endpoint) -> list[Delivery]:
    posts = lines.unsettled(endpoint).filter(operation=Delivery.Operation.POST)
    return list(posts.filter(message__in=group))


def _send(
    text: str,
    group: list[Message],
    endpoint: Endpoint,
    *,
    service: Service,
    reply_to: str | None,
    now: datetime,
) -> Request:
    """Record what is about to be sent, so that it is looked for after a crash."""
    # Files are sent with the first part.
    first = [] if remotes.of_message(group[0], endpoint) else group
    attached = [file.pk for message in first for file in carried(message, service.file_limits)]
    speaker = rooms.speaks(group[0], endpoint)
    remote = _write_down(endpoint, text=text, files=attached, speaker=speaker, sent_at=now)
    RemotePart.objects.bulk_create(
        RemotePart(remote=remote, message=message, position=position)
        for position, message in enumerate(group)
    )
    return _post(remote, endpoint, repeat=False, reply_to=reply_to)


def _write_down(endpoint: Endpoint, **fields: Any) -> RemoteMessage:
    """Record a message of ours. The nonce is random: one made from a key could match an old message after a reset."""
    return endpoint.remote_messages.create(ours=True, nonce=secrets.token_urlsafe(12), **fields)


def _post(remote: RemoteMessage, endpoint: Endpoint, *, repeat: bool, reply_to: str | None) -> Post:
    return Post(
        remote_pk=remote.pk,
        thread=remotes.thread_of(endpoint),
        text=remote.text,
        nonce=remote.nonce,
        files=tuple(remote.files),
        reply_to=reply_to,
        repeat=repeat,
        previews=endpoint.connection.inbox.link_previews,
        speaker=rooms.speaker(remote) if remote.speaker else None,
    )
