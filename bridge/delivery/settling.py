"""Write down what came of a request (rules 4, 5 and 6).

Facts are kept whoever holds the line; what to do about them is its holder's.
"""

import random
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now

from bridge import services
from bridge.chat.actions.attaching import link_instead
from bridge.chat.actions.receiving import position_of
from bridge.chat.actions.remote_ids import learn_remote_id, take_as_deleted
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
    NOTHING_LEFT,
    THREAD_GONE,
    TOO_LARGE,
    UNKNOWN,
    Answer,
    Delete,
    Done,
    Edit,
    FindOpening,
    Found,
    Missing,
    Open,
    Opened,
    Post,
    React,
    ReadBack,
    Request,
    Seen,
    Stored,
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
def settle(line: Line, request: Request, answer: Answer, *, clock: Clock) -> None:
    """The service answered. What it stored is written down even if the line was lost in the meantime.

    What is out of date by then is not: since a loser looked in vain another may have sent it, since its edit another
    may have made the next one.
    """
    Connection.objects.lock(line.connection_id)
    if isinstance(answer, Stored):
        _know(request.remote_pk, answer.remote_id, sender=answer.sender)
    elif isinstance(answer, Opened):
        _opened(line, request, answer)
    elif not _is_held(line):
        return
    elif isinstance(answer, Found):
        assert isinstance(request, ReadBack)  # noqa: S101  # only it is answered so
        _found(request, answer)
    elif isinstance(answer, Missing):
        RemoteMessage.objects.filter(pk=request.remote_pk).update(sent_at=None)
    elif isinstance(answer, Done):
        _done(request)


def _is_held(line: Line) -> bool:
    return Endpoint.objects.filter(pk=line.endpoint_id, attempts=line.token).exists()


def _know(remote_pk: int, remote_id: str, *, sender: str = "") -> None:
    """Learn the id of one of ours. The same fact twice is nothing."""
    remote = RemoteMessage.objects.filter(pk=remote_pk, remote_id__isnull=True).first()
    if remote is not None:
        remote.sender = sender
        learn_remote_id(remote, remote_id)


def _opened(line: Line, request: Request, answer: Opened) -> None:
    _know(request.remote_pk, answer.card_id)
    Endpoint.objects.filter(pk=line.endpoint_id, remote_id__isnull=True).update(
        remote_id=answer.remote_id,
        watermark=position_of(answer.remote_id),
    )


def _found(request: ReadBack, answer: Found) -> None:
    """Adopt the one that says this and that nobody knows yet; otherwise it may be sent again."""
    remote = RemoteMessage.objects.filter(pk=request.remote_pk, remote_id__isnull=True).first()
    if remote is None:
        return
    candidates = {seen.remote_id: seen.sender for seen in answer.messages if _may_be(seen, remote)}
    known = set(
        RemoteMessage.objects.filter(
            endpoint=remote.endpoint_id, remote_id__in=candidates, ours=True
        ).values_list("remote_id", flat=True)
    )
    for candidate, sender in candidates.items():
        if candidate not in known:
            _know(remote.pk, candidate, sender=sender)
            return
    remote.sent_at = None
    remote.save(update_fields=["sent_at"])


def _may_be(seen: Seen, remote: RemoteMessage) -> bool:
    """Whether it says what was sent: the same words, which may be none, with as many files."""
    text = seen.text.strip()
    if seen.files == len(remote.files):
        return text == remote.text
    # Sent again after its files were taken back.
    return seen.files < len(remote.files) and text == (remote.text or NOTHING_LEFT)


def _done(request: Request) -> None:
    if isinstance(request, Edit):
        RemoteMessage.objects.filter(pk=request.remote_pk).update(text=request.text, text_unsure=False)
    elif isinstance(request, Delete):
        RemoteMessage.objects.filter(pk=request.remote_pk).update(deleted_at=Now())
    elif isinstance(request, React):
        reactions.done(request)


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
    if failure.reason == THREAD_GONE and not isinstance(request, Open | FindOpening):
        if endpoint.connection.kind == Connection.Kind.ROOM:
            # Nobody but staff can say where the room goes on.
            if failure.certain:
                _was_not_stored(request)
            _hold(endpoint, ROOM_GONE, now=now)
            return False
        _move_to_successor(endpoint)
        return True
    if failure.reason == MESSAGE_GONE and isinstance(request, Open):
        # Somebody deleted the card before its thread was started: a new one.
        RemoteMessage.objects.filter(pk=request.remote_pk).update(deleted_at=now)
        return True
    if isinstance(request, React) and (failure.permanent or failure.reason == NOT_PERMITTED):
        reactions.refused(request, endpoint, failure)
        return True
    if failure.permanent:
        return _refused(line, request, endpoint, failure, now=now)
    if failure.certain:
        _was_not_stored(request)
    return _wait(endpoint, request, failure, flowing=flowing, now=now)


def _was_not_stored(request: Request) -> None:
    """Forget what was never out there: it is composed anew, so what is deleted by then is never sent.

    What had been sent before, and was not found, keeps its nonce and its date: it may land even now, so it is
    looked for again before it is sent again.
    """
    if isinstance(request, Post | Open) and not request.repeat:
        RemoteMessage.objects.filter(pk=request.remote_pk, remote_id__isnull=True).delete()


def _move_to_successor(endpoint: Endpoint) -> None:
    """The thread was deleted, and all that is in it. The line goes on in a new one."""
    ours = endpoint.remote_messages.filter(ours=True)
    # What was on its way, and the first pieces of what was: it is said again as a whole.
    unsettled = endpoint.deliveries.filter(settled_at__isnull=True, operation=Delivery.Operation.POST)
    ours.filter(remote_id__isnull=True).delete()
    ours.filter(parts__message__in=unsettled.values("message")).delete()
    ours.filter(deleted_at__isnull=True).update(deleted_at=Now())
    endpoint.predecessor_id = endpoint.remote_id or endpoint.predecessor_id
    endpoint.remote_id = endpoint.watermark = None
    endpoint.save(update_fields=["predecessor_id", "remote_id", "watermark"])


def _refused(
    line: Line, request: Request, endpoint: Endpoint, failure: DeliveryFailed, *, now: datetime
) -> bool:
    """This content is refused and will be tomorrow: the rest of the line must not wait for it."""
    if isinstance(request, Open | FindOpening):
        # The card is ours, not the visitor's: his messages are not to blame.
        _was_not_stored(request)
        _hold(endpoint, failure, now=now)
        return False
    if isinstance(request, ReadBack):
        # It cannot be read back, so nobody can prove that it arrived.
        _give_up(endpoint, request, failure)
        return True
    if isinstance(request, Post) and request.files and failure.reason in {TOO_LARGE, FILES_REFUSED}:
        # Its text is not to blame: links take their place.
        link_instead(request.files)
        RemoteMessage.objects.filter(pk=request.remote_pk, remote_id__isnull=True).delete()
        return True
    affected = _deliveries_of(request, endpoint)
    if isinstance(request, Post) and len(affected) > 1 and not line.single:
        # One of several that went together is refused; tried one by one, only that one fails.
        line.single = True
        RemoteMessage.objects.filter(pk=request.remote_pk, remote_id__isnull=True).delete()
        return True
    RemoteMessage.objects.filter(pk=request.remote_pk, remote_id__isnull=True).delete()
    mark_failed(affected, endpoint=endpoint, reason=failure.reason, detail=failure.detail)
    return True


def _deliveries_of(request: Request, endpoint: Endpoint) -> list[Delivery]:
    """What a request was made for: the posts it carries; for an edit or deletion, the waiting changes."""
    unsettled = endpoint.deliveries.filter(settled_at__isnull=True).order_by("revision", "pk")
    head = unsettled.first()
    if head is None:
        return []
    if head.operation != Delivery.Operation.POST:
        return [head]
    carried = Message.objects.filter(remote_parts__remote=request.remote_pk)
    return list(unsettled.filter(operation=Delivery.Operation.POST, message__in=carried)) or [head]


def _hold(endpoint: Endpoint, failure: DeliveryFailed, *, now: datetime) -> None:
    Endpoint.objects.filter(pk=endpoint.pk).update(
        due=now + HELD, trouble=(failure.detail or failure.reason)[:300]
    )


def _wait(
    endpoint: Endpoint, request: Request, failure: DeliveryFailed, *, flowing: bool, now: datetime
) -> bool:
    """Try again later, without limit while the service is down; the rest of the line waits too: order is promised."""
    if failure.reason == NOT_PERMITTED:
        _hold(endpoint, failure, now=now)
        return False
    failures = endpoint.failures + 1
    since = endpoint.failing_since or now
    if _is_hopeless(endpoint, request, failure, flowing=flowing, now=now):
        _give_up(endpoint, request, failure)
        Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=since)
        return True
    pause = min(_longest_pause(endpoint), 2.0 ** min(failures, 16) / 2) * random.uniform(0.5, 1)  # noqa: S311
    Endpoint.objects.filter(pk=endpoint.pk).update(
        failures=failures,
        failing_since=since,
        due=now + timedelta(seconds=pause),
        trouble=(failure.detail or failure.reason)[:300],
    )
    return False


def _longest_pause(endpoint: Endpoint) -> float:
    return (services.find(endpoint.service) or Service).longest_pause.total_seconds()


def _is_hopeless(
    endpoint: Endpoint, request: Request, failure: DeliveryFailed, *, flowing: bool, now: datetime
) -> bool:
    """Whether to try no more: its service has no more patience, or it has failed often while other lines flowed."""
    if isinstance(request, Open | FindOpening):
        return False
    patience = (services.find(endpoint.service) or Service).patience(failure)
    if patience is None:
        return flowing and endpoint.failures + 1 >= HOPELESS
    since = endpoint.failing_since or now
    # What waits behind another has not had its own time yet.
    said = [_said_at(delivery.message) for delivery in _deliveries_of(request, endpoint)]
    return now >= max([since, *said]) + patience


def _said_at(message: Message) -> datetime:
    """When it was last changed by somebody."""
    return max(filter(None, (message.created_at, message.edited_at, message.deleted_at)))


def _give_up(endpoint: Endpoint, request: Request, failure: DeliveryFailed) -> None:
    if isinstance(request, React):
        reactions.refused(request, endpoint, failure)
        return
    affected = _deliveries_of(request, endpoint)
    RemoteMessage.objects.filter(pk=request.remote_pk, remote_id__isnull=True).delete()
    read = services.reports(endpoint.service)
    reason = UNKNOWN if read else failure.reason
    mark_failed(affected, endpoint=endpoint, reason=reason, detail=failure.detail or failure.reason)
    # Where nobody reads nobody misses it: staff see it in the admin, and nothing is said in the conversation.
    if read and (isinstance(request, ReadBack) or not failure.certain):
        record_gap(endpoint.connection, size=len(affected))
