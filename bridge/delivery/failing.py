"""Decide what follows when the service did not answer, or refused (rules 4 and 5)."""

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
"""How long a line without the right to send waits before it asks again."""
HOPELESS = 20
"""A head that failed this often, while other lines flowed, is given up."""


@transaction.atomic
def fail(line: Line, request: Request, failure: DeliveryFailed, *, flowing: bool, clock: Clock) -> bool:
    """The service did not answer, or refused. `flowing`: other lines got through since this one began to fail.

    Returns whether there is something else to do on this line now.

    Raises:
        LineLost: another worker has the line and decides.
    """
    endpoint, now = lines.hold(line, clock=clock)
    if failure.reason == MESSAGE_GONE and isinstance(request, Edit | Delete | React):
        take_as_deleted(RemoteMessage.objects.get(pk=request.remote_pk), deleted_at=now)
        return True
    if failure.reason == MESSAGE_GONE and isinstance(request, Open):
        # Somebody deleted the card before its thread was started: a new one.
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
    """What had been sent before, and was not found, keeps its nonce and its date: it may land even now, so it is
    looked for again before it is sent again.
    """
    if isinstance(request, Post | Open) and not request.repeat:
        _forget(request)


def _forget(request: Request) -> None:
    """What was never out there is composed anew, so what is deleted by then is never sent."""
    RemoteMessage.objects.filter(pk=request.remote_pk, remote_id__isnull=True).delete()


def _thread_gone(request: Request, endpoint: Endpoint, failure: DeliveryFailed, *, now: datetime) -> bool:
    """The thread was deleted, and all that is in it. The line goes on in a new one."""
    if endpoint.connection.kind == Connection.Kind.ROOM:
        # Nobody but staff can say where the room goes on.
        if failure.certain:
            _was_not_stored(request)
        _postpone(endpoint, ROOM_GONE, until=now + HELD)
        return False
    ours = endpoint.remote_messages.filter(ours=True)
    # What was on its way, and the first pieces of what was: it is said again as a whole.
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
    """This content is refused and will be tomorrow: the rest of the line must not wait for it."""
    if isinstance(request, Open | FindOpening):
        # The card is ours, not the visitor's: their messages are not to blame.
        _was_not_stored(request)
        _postpone(endpoint, failure, until=now + HELD)
        return False
    if isinstance(request, ReadBack):
        # It cannot be read back, so nobody can prove that it arrived.
        _give_up(endpoint, request, failure)
        return True
    affected = _deliveries_of(request, endpoint)
    _forget(request)
    if isinstance(request, Post) and request.files and failure.reason in {TOO_LARGE, FILES_REFUSED}:
        # Its text is not to blame: links take their place.
        link_instead(request.files)
    elif isinstance(request, Post) and len(affected) > 1 and not line.single:
        # One of several that went together is refused; tried one by one, only that one fails.
        line.single = True
    else:
        mark_failed(affected, endpoint=endpoint, reason=failure.reason, detail=failure.detail)
    return True


def _deliveries_of(request: Request, endpoint: Endpoint) -> list[Delivery]:
    """What a request was made for: the posts it carries; for an edit or deletion, the waiting changes."""
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
    """Try again later, without limit while the service is down; the rest of the line waits too: order is promised."""
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
    """Whether to try no more: its service has no more patience, or it has failed often while other lines flowed."""
    if isinstance(request, Open | FindOpening):
        return False
    if patience is None:
        return flowing and endpoint.failures + 1 >= HOPELESS
    # What waits behind another has not had its own time yet.
    changed = [_changed_at(delivery.message) for delivery in _deliveries_of(request, endpoint)]
    return now >= max([endpoint.failing_since or now, *changed]) + patience


def _changed_at(message: Message) -> datetime:
    """When somebody last changed it."""
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
    # Where nobody reads nobody misses it: staff see it in the admin, and nothing is said in the conversation.
    if read and (isinstance(request, ReadBack) or not failure.certain):
        record_gap(endpoint.connection, size=len(affected))
