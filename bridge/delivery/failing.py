"""Decides what follows if a service refused a request or did not answer (rules 4 and 5)."""

import random
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from bridge import services
from bridge.chat.actions.attaching import link_instead
from bridge.chat.actions.remote_ids import take_as_deleted
from bridge.chat.actions.settling import mark_failed
from bridge.chat.actions.storing import record_gap
from bridge.delivery import lines, reactions
from bridge.delivery.lines import Line
from bridge.errors import DeliveryFailed
from bridge.infra.clock import Clock
from bridge.models import Connection, Delivery, Endpoint, Message, RemoteMessage
from bridge.services.base import Service
from bridge.services.requests import (
    FILES_REFUSED,
    MESSAGE_GONE,
    NOT_PERMITTED,
    THREAD_GONE,
    TOO_LARGE,
    UNKNOWN,
    Delete,
    Edit,
    FindOpening,
    Open,
    Post,
    React,
    ReadBack,
    Request,
)

ROOM_GONE = DeliveryFailed(
    THREAD_GONE,
    "The room's channel was deleted: close the room in the admin, and make another.",
    permanent=False,
    certain=True,
)
HELD = timedelta(seconds=60)
"""How long a line without the permission to send waits before it tries again."""
HOPELESS = 20
"""A delivery at the head of its line is given up if it failed this often while other lines succeeded."""


@transaction.atomic
def fail(line: Line, request: Request, failure: DeliveryFailed, *, flowing: bool, clock: Clock) -> bool:
    """Handle a failure. `flowing`: requests of other lines succeeded since this one began to fail.

    Returns whether there is something else to do for this line now.

    Raises:
        LineLost: another worker has the line and decides.
    """
    endpoint, now = lines.hold(line, clock=clock)
    if failure.reason == MESSAGE_GONE and isinstance(request, Edit | Delete | React):
        take_as_deleted(RemoteMessage.objects.get(pk=request.remote_pk), deleted_at=now)
        return True
    if failure.reason == MESSAGE_GONE and isinstance(request, Open):
        # Somebody deleted the card before its thread was started, so a new one is needed.
        RemoteMessage.objects.filter(pk=request.remote_pk).update(deleted_at=now)
        return True
    if failure.reason == THREAD_GONE and not isinstance(request, Open | FindOpening):
        return _thread_gone(request, endpoint, failure, now=now)
    if isinstance(request, React) and (failure.permanent or failure.reason == NOT_PERMITTED):
        reactions.refused(request, endpoint, failure)
        return True
    if failure.permanent:
        return _refused(line, request, endpoint, failure, now=now)
    if failure.certain:
        _was_not_stored(request)
    return _wait(endpoint, request, failure, flowing=flowing, now=now)


def _was_not_stored(request: Request) -> None:
    """Delete the record of a request that was certainly not stored.

    A repeated request keeps its record, with its nonce and its time: the first one may still arrive, so it is looked
    for again before it is sent again.
    """
    if isinstance(request, Post | Open) and not request.repeat:
        _forget(request)


def _forget(request: Request) -> None:
    """Delete the record of a message whose remote id is unknown. If it is sent again, it is composed anew."""
    RemoteMessage.objects.filter(pk=request.remote_pk, remote_id__isnull=True).delete()


def _thread_gone(request: Request, endpoint: Endpoint, failure: DeliveryFailed, *, now: datetime) -> bool:
    """Continue in a new thread, because the thread was deleted with all its messages."""
    if endpoint.connection.kind == Connection.Kind.ROOM:
        # Only staff can decide where the room continues.
        if failure.certain:
            _was_not_stored(request)
        _postpone(endpoint, ROOM_GONE, until=now + HELD)
        return False
    ours = endpoint.remote_messages.filter(ours=True)
    # Unsettled posts are sent again as a whole, so forget what was being sent and parts that were already there.
    unsettled = lines.unsettled(endpoint).filter(operation=Delivery.Operation.POST)
    ours.filter(remote_id__isnull=True).delete()
    ours.filter(parts__message__in=unsettled.values("message")).delete()
    ours.filter(deleted_at__isnull=True).update(deleted_at=Now())
    endpoint.predecessor_id = endpoint.remote_id or endpoint.predecessor_id
    endpoint.remote_id = endpoint.watermark = None
    endpoint.save(update_fields=["predecessor_id", "remote_id", "watermark"])
    return True


def _refused(
    line: Line, request: Request, endpoint: Endpoint, failure: DeliveryFailed, *, now: datetime
) -> bool:
    """Settle a permanent failure: the content would be refused again, and the rest of the line must not wait for it."""
    if isinstance(request, Open | FindOpening):
        # The card was refused, not the visitor's messages.
        _was_not_stored(request)
        _postpone(endpoint, failure, until=now + HELD)
        return False
    if isinstance(request, ReadBack):
        # The thread cannot be read, so it cannot be determined whether the message arrived.
        _give_up(endpoint, request, failure)
        return True
    affected = _deliveries_of(request, endpoint)
    _forget(request)
    if isinstance(request, Post) and request.files and failure.reason in {TOO_LARGE, FILES_REFUSED}:
        # The files were refused, not the text. Send links instead.
        link_instead(request.files)
    elif isinstance(request, Post) and len(affected) > 1 and not line.single:
        # One of several joined messages was refused. If they are sent one by one, only that one fails.
        line.single = True
    else:
        mark_failed(affected, endpoint=endpoint, reason=failure.reason, detail=failure.detail)
    return True


def _deliveries_of(request: Request, endpoint: Endpoint) -> list[Delivery]:
    """Return the deliveries that a request is for: the posts in it, or the waiting change at the head."""
    unsettled = lines.unsettled(endpoint)
    head = unsettled.first()
    if head is None:
        return []
    if head.operation != Delivery.Operation.POST:
        return [head]
    carried = Message.objects.filter(remote_parts__remote=request.remote_pk)
    return list(unsettled.filter(operation=Delivery.Operation.POST, message__in=carried)) or [head]


def _postpone(endpoint: Endpoint, failure: DeliveryFailed, *, until: datetime, **fields: Any) -> None:
    trouble = (failure.detail or failure.reason)[:300]
    Endpoint.objects.filter(pk=endpoint.pk).update(due=until, trouble=trouble, **fields)


def _wait(
    endpoint: Endpoint, request: Request, failure: DeliveryFailed, *, flowing: bool, now: datetime
) -> bool:
    """Try again later, without limit while the service is down. The rest of the line waits, to preserve the order."""
    if failure.reason == NOT_PERMITTED:
        _postpone(endpoint, failure, until=now + HELD)
        return False
    failures = endpoint.failures + 1
    since = endpoint.failing_since or now
    service = services.find(endpoint.service) or Service
    if _is_hopeless(endpoint, request, patience=service.patience(failure), flowing=flowing, now=now):
        _give_up(endpoint, request, failure)
        Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=since)
        return True
    longest = service.longest_pause.total_seconds()
    pause = timedelta(seconds=min(longest, 2.0 ** min(failures, 16) / 2) * random.uniform(0.5, 1))  # noqa: S311
    _postpone(endpoint, failure, until=now + pause, failures=failures, failing_since=since)
    return False


def _is_hopeless(
    endpoint: Endpoint, request: Request, *, patience: timedelta | None, flowing: bool, now: datetime
) -> bool:
    """Return whether to give up: its service has no more patience, or it failed often while other lines succeeded."""
    if isinstance(request, Open | FindOpening):
        return False
    if patience is None:
        return flowing and endpoint.failures + 1 >= HOPELESS
    # The time of a message that waited behind another one begins later.
    changed = [_changed_at(delivery.message) for delivery in _deliveries_of(request, endpoint)]
    return now >= max([endpoint.failing_since or now, *changed]) + patience


def _changed_at(message: Message) -> datetime:
    """Return when it was last changed."""
    return max(filter(None, (message.created_at, message.edited_at, message.deleted_at)))


def _give_up(endpoint: Endpoint, request: Request, failure: DeliveryFailed) -> None:
    if isinstance(request, React):
        reactions.refused(request, endpoint, failure)
        return
    affected = _deliveries_of(request, endpoint)
    _forget(request)
    read = services.reports(endpoint.service)
    reason = UNKNOWN if read else failure.reason
    mark_failed(affected, endpoint=endpoint, reason=reason, detail=failure.detail or failure.reason)
    # If no people read there, nobody misses it. Staff see it in the admin, and the conversation gets no notice.
    if read and (isinstance(request, ReadBack) or not failure.certain):
        record_gap(endpoint.connection, size=len(affected))
