"""What to ask of the service next, from what the database says alone (rules 4, 6 and 9).

`plan` compares what a line's first delivery wants with what is known to be out there, and returns the one request
that brings them closer. It keeps nothing in memory between two requests, so a crash at any point is resumed by whoever
plans next.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from bridge.chat.actions.settling import mark_delivered
from bridge.delivery import lines, reactions, rooms
from bridge.delivery.carrying import carried
from bridge.delivery.composing import Form, compose, join
from bridge.delivery.lines import Line
from bridge.infra.clock import Clock
from bridge.models import Delivery, Endpoint, Message, RemoteMessage, RemotePart
from bridge.services.base import Drop, Hold, Service
from bridge.services.requests import Delete, Edit, FindOpening, Open, Post, ReadBack, Request

LANDING = timedelta(seconds=30)
"""How long a request of unknown fate may still land, counted from when it was about to be written."""
LOOK_AHEAD = 100
"""Deliveries of a line that are read at once."""


@transaction.atomic
def plan(line: Line, *, service: Service, clock: Clock) -> Request | None:
    """The next request of a line, written down before it is made; None when there is nothing to do now.

    Renews the claim.

    Raises:
        LineLost: another worker has the line.
    """
    endpoint, now = lines.hold(line, clock=clock)
    inbox = endpoint.connection.inbox
    place = endpoint.remote_id or ""
    form = Form(
        service.max_length,
        lambda text: service.spoken(text, inbox),
        lambda message, remote_id: service.quoted(message, place, remote_id),
        service.joins,
        lambda message: rooms.named(message, endpoint, service=service),
        service.quiet,
        service.file_limits,
    )
    while waiting := _waiting(endpoint):
        verdict = service.consider(waiting, endpoint, now=now)
        if isinstance(verdict, Drop):
            _drop(verdict.deliveries, endpoint)
            continue
        if isinstance(verdict, Hold):
            lines.release(endpoint, until=verdict.until)
            return None
        if (lost := _of_unknown_fate(endpoint)) is not None:
            return _look_for(lost, endpoint, service=service, now=now)
        if waiting[0].operation == Delivery.Operation.POST:
            if (deleted := waiting[0]).message.deleted_at and not _remotes(deleted.message, endpoint):
                # Deleted before it was sent: it never is.
                mark_delivered([deleted], endpoint=endpoint, outcome=Delivery.Outcome.SUPERSEDED)
                continue
            if endpoint.remote_id is None and waiting[0].message.kind == Message.Kind.EVENT:
                # Nothing is opened only to say there that it has ended.
                mark_delivered(waiting[:1], endpoint=endpoint, outcome=Delivery.Outcome.SUPERSEDED)
                continue
            if endpoint.remote_id is None:
                return _opening(endpoint, now=now)
        if (request := _towards(waiting, endpoint, line=line, form=form, now=now)) is not None:
            return request
    lines.empty(endpoint)
    return None


def _waiting(endpoint: Endpoint) -> list[Delivery]:
    unsettled = endpoint.deliveries.filter(settled_at__isnull=True).order_by("revision", "pk")
    whole = unsettled.select_related("message__author").prefetch_related("message__attachments")
    return list(whole[:LOOK_AHEAD])


def _drop(dropped: Sequence[Delivery], endpoint: Endpoint) -> None:
    """Also what of it is of unknown fate: nobody is to look for it. An opening is, for what comes next."""
    mark_delivered(list(dropped), endpoint=endpoint, outcome=Delivery.Outcome.SUPERSEDED)
    waiting = endpoint.deliveries.filter(settled_at__isnull=True).values("message")
    lost = endpoint.remote_messages.filter(ours=True, card=False, remote_id__isnull=True)
    lost.exclude(parts__message__in=waiting).delete()


def _of_unknown_fate(endpoint: Endpoint) -> RemoteMessage | None:
    """Ours that may be out there: at most one on a line, since a line sends one thing at a time."""
    return endpoint.remote_messages.filter(ours=True, remote_id__isnull=True).order_by("pk").first()


def _look_for(lost: RemoteMessage, endpoint: Endpoint, *, service: Service, now: datetime) -> Request | None:
    if lost.sent_at is None or (service.idempotent and not lost.card):
        # It was looked for and is not there, or need not be: again, unchanged. The nonce catches what lands even later.
        return _again(lost, endpoint, now=now)
    if now < lost.sent_at + LANDING:
        lines.release(endpoint, until=lost.sent_at + LANDING)
        return None
    if lost.card:
        return FindOpening(endpoint_id=endpoint.pk, remote_pk=lost.pk)
    return ReadBack(
        remote_pk=lost.pk,
        thread=_thread(endpoint),
        after=_newest_known(endpoint),
        speaker=lost.speaker,
        since=rooms.written_at(lost) if lost.speaker else None,
    )


def _again(remote: RemoteMessage, endpoint: Endpoint, *, now: datetime) -> Request:
    _about_to_send(remote, now=now)
    if remote.card:
        return _open(remote, endpoint, repeat=True)
    group = _group([remote])
    answered = None if _is_begun(group, endpoint) else _answered(group, endpoint)
    return _post(remote, endpoint, repeat=True, reply_to=answered)


def _newest_known(endpoint: Endpoint) -> str:
    """The newest message of ours whose place in the thread is known; the thread itself before the first."""
    known = endpoint.remote_messages.filter(ours=True, card=False, remote_id__isnull=False).order_by("-pk")
    newest = known.values_list("remote_id", flat=True).first()
    thread = _thread(endpoint)
    return (
        max(thread, newest, key=int) if newest and newest.isdigit() and thread.isdigit() else newest or thread
    )


def _opening(endpoint: Endpoint, *, now: datetime) -> Request:
    """Open the thread: first its card, then the thread from it. What is there already is gone on from."""
    card = endpoint.remote_messages.filter(card=True, deleted_at__isnull=True).first()
    if card is None:
        card = RemoteMessage.objects.create(
            endpoint=endpoint, ours=True, card=True, nonce=_nonce(), sent_at=now
        )
    return _open(card, endpoint, repeat=False)


def _open(card: RemoteMessage, endpoint: Endpoint, *, repeat: bool) -> Open:
    return Open(
        endpoint_id=endpoint.pk, remote_pk=card.pk, nonce=card.nonce, card_id=card.remote_id, repeat=repeat
    )


def _towards(
    waiting: list[Delivery], endpoint: Endpoint, *, line: Line, form: Form, now: datetime
) -> Request | None:
    """One request that brings what is out there closer to the first delivery; None once nothing differs."""
    head = waiting[0]
    if head.operation == Delivery.Operation.REACT:
        return reactions.towards(head, endpoint)
    remotes = _remotes(head.message, endpoint)
    if head.operation == Delivery.Operation.POST:
        group = _group(remotes) or ([head.message] if line.single else join(waiting, form=form))
        wanted = compose(group, form=form, quote=_quote(group, remotes, endpoint, form=form))
        if len(remotes) < len(wanted) and not head.message.deleted_at:
            answered = None if remotes else _answered(group, endpoint)
            return _send(wanted[len(remotes)], group, endpoint, form=form, reply_to=answered, now=now)
        mark_delivered(_posts_of(group, endpoint), endpoint=endpoint, outcome=Delivery.Outcome.DELIVERED)
        return None
    alive = [remote for remote in remotes if remote.deleted_at is None]
    if alive and (request := _difference(alive, endpoint, form=form, now=now)) is not None:
        return request
    # What was said together and is taken back by itself takes its reactions with it.
    if alive and (request := reactions.surplus(alive[0], endpoint)) is not None:
        return request
    group = _group(remotes) or [head.message]
    changes = endpoint.deliveries.filter(
        settled_at__isnull=True,
        message__in=group,
        operation__in=[Delivery.Operation.EDIT, Delivery.Operation.DELETE],
    )
    mark_delivered(list(changes), endpoint=endpoint, outcome=Delivery.Outcome.DELIVERED)
    return None


def _difference(
    alive: list[RemoteMessage], endpoint: Endpoint, *, form: Form, now: datetime
) -> Request | None:
    """The first place where what the service holds differs from the present text of the whole."""
    group = _group(alive)
    wanted = compose(group, form=form, quote=_quote(group, alive, endpoint, form=form))
    thread = _thread(endpoint)
    for remote, text in zip(alive, wanted, strict=False):
        if remote.text != text or remote.text_unsure:
            # Written down before it is asked for: taken back before its fate is known, it is asked for all the same.
            RemoteMessage.objects.filter(pk=remote.pk).update(text_unsure=True)
            return Edit(
                remote_pk=remote.pk,
                thread=thread,
                remote_id=_known(remote),
                text=text,
                sender=remote.sender,
            )
    if len(wanted) < len(alive):
        surplus = alive[-1]
        # Written down before it is asked for, or its echo would be taken for staff who delete the message.
        RemoteMessage.objects.filter(pk=surplus.pk).update(unwanted=True)
        return Delete(remote_pk=surplus.pk, thread=thread, remote_id=_known(surplus), sender=surplus.sender)
    if len(wanted) > len(alive):
        # What no longer fits goes on in a reply: its place in the thread is taken.
        return _send(wanted[len(alive)], group, endpoint, form=form, reply_to=_known(alive[0]), now=now)
    return None


def _posts_of(group: list[Message], endpoint: Endpoint) -> list[Delivery]:
    return list(
        endpoint.deliveries.filter(
            settled_at__isnull=True, message__in=group, operation=Delivery.Operation.POST
        ).order_by("revision")
    )


def _remotes(message: Message, endpoint: Endpoint) -> list[RemoteMessage]:
    """What is out there of a message, in order, with what was deleted over there."""
    ours = RemoteMessage.objects.filter(
        endpoint=endpoint, ours=True, remote_id__isnull=False, parts__message=message
    )
    return list(ours.order_by("pk"))


def _quote(group: list[Message], remotes: list[RemoteMessage], endpoint: Endpoint, *, form: Form) -> str:
    """The line before a reply, where there is no other way to reply."""
    if group[0].reply_to_id is None:
        return ""
    return rooms.quote(group, remotes, endpoint, form=form, answered=_answered(group, endpoint))


def _answered(group: list[Message], endpoint: Endpoint) -> str | None:
    """What a message that goes out answers over there: the first piece, where that is in several."""
    if group[0].reply_to_id is None:
        return None
    there = endpoint.remote_messages.filter(remote_id__isnull=False, deleted_at__isnull=True)
    pieces = there.filter(parts__message=group[0].reply_to_id).order_by("pk")
    return pieces.values_list("remote_id", flat=True).first()


def _group(remotes: list[RemoteMessage]) -> list[Message]:
    """The messages that these hold together. All remote messages of one group have the same parts."""
    if not remotes:
        return []
    parts = RemotePart.objects.filter(remote=remotes[0]).order_by("position").select_related("message")
    return [part.message for part in parts.prefetch_related("message__attachments")]


def _is_begun(group: list[Message], endpoint: Endpoint) -> bool:
    return bool(_remotes(group[0], endpoint))


def _send(
    text: str, group: list[Message], endpoint: Endpoint, *, form: Form, reply_to: str | None, now: datetime
) -> Request:
    """Write down what is about to be sent, with its nonce: whoever finds it after a crash looks for it first.

    The nonce is random: made from a key it would, after the database was reset, be answered with an old message.
    """
    # Files go with the first piece.
    first = [] if _is_begun(group, endpoint) else group
    attached = [file.pk for message in first for file in carried(message, form.files)]
    remote = RemoteMessage.objects.create(
        endpoint=endpoint,
        ours=True,
        nonce=_nonce(),
        text=text,
        files=attached,
        speaker=rooms.speaks(group[0], endpoint),
        sent_at=now,
    )
    RemotePart.objects.bulk_create(
        RemotePart(remote=remote, message=message, position=position)
        for position, message in enumerate(group)
    )
    return _post(remote, endpoint, repeat=False, reply_to=reply_to)


def _post(remote: RemoteMessage, endpoint: Endpoint, *, repeat: bool, reply_to: str | None = None) -> Post:
    return Post(
        remote_pk=remote.pk,
        thread=_thread(endpoint),
        text=remote.text,
        nonce=remote.nonce,
        files=tuple(remote.files),
        reply_to=reply_to,
        repeat=repeat,
        previews=endpoint.connection.inbox.link_previews,
        speaker=rooms.speaker(remote) if remote.speaker else None,
    )


def _about_to_send(remote: RemoteMessage, *, now: datetime) -> None:
    remote.sent_at = now
    remote.save(update_fields=["sent_at"])


def _nonce() -> str:
    return secrets.token_urlsafe(12)


def _thread(endpoint: Endpoint) -> str:
    assert endpoint.remote_id is not None  # noqa: S101  # a post is planned on an opened line only
    return endpoint.remote_id


def _known(remote: RemoteMessage) -> str:
    assert remote.remote_id is not None  # noqa: S101  # filtered by its query
    return remote.remote_id
