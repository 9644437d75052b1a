"""What became of deliveries, told to those who wait for it."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.db.models.functions import Now

from bridge import services, signals
from bridge.chat import hooks
from bridge.chat.actions.announcing import publish_changed
from bridge.models import Delivery, Endpoint, Message


def mark_delivered(deliveries: Sequence[Delivery], *, endpoint: Endpoint, outcome: Delivery.Outcome) -> None:
    """Settle deliveries, within the transaction that holds the connection's row.

    A message that its service has now is told to everybody as `message.delivered`, and so is an edit that got through
    where the one before it was refused. Else an edit or a deletion that arrived, or a post that was not needed any
    more, changes nothing that anybody sees.
    """
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries]).update(
        settled_at=Now(), outcome=outcome, reason="", detail=""
    )
    # Something moved: the line is in order again.
    failing = Endpoint.objects.filter(pk=endpoint.pk).exclude(failures=0, trouble="")
    failing.update(failures=0, failing_since=None, trouble="")
    if outcome == Delivery.Outcome.DELIVERED:
        posted = _messages_of(deliveries, Delivery.Operation.POST)
        hooks.tell_on_commit(signals.message_delivered, posted, endpoint=endpoint, service=endpoint.service)
        _show(deliveries, endpoint=endpoint, state=Message.State.DELIVERED, failure="")


def mark_failed(deliveries: Sequence[Delivery], *, endpoint: Endpoint, reason: str, detail: str) -> None:
    """Settle deliveries that will never arrive, within the transaction that holds the connection's row.

    Everybody sees `message.failed` with the reason, the author above all, unless nobody reads there; staff find it in
    the admin. A message whose edit is refused stays delivered: its service has what it said before.
    """
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries]).update(
        settled_at=Now(), outcome=Delivery.Outcome.FAILED, reason=reason[:32], detail=detail[:300]
    )
    # Others that wait have been waiting as long: `failing_since` stays.
    Endpoint.objects.filter(pk=endpoint.pk).update(failures=0, trouble="")
    _show(deliveries, endpoint=endpoint, state=Message.State.FAILED, failure=reason[:32])


def _show(deliveries: Sequence[Delivery], *, endpoint: Endpoint, state: Message.State, failure: str) -> None:
    """What became of the posts and edits among them, where people read that service and it is news."""
    if not services.reports(endpoint.service):
        return
    posted = Message.objects.filter(pk__in=_messages_of(deliveries, Delivery.Operation.POST))
    _tell(posted.exclude(state=state), endpoint=endpoint, state=state, failure=failure)
    state = Message.State.DELIVERED
    edits = _messages_of(deliveries, Delivery.Operation.EDIT)
    edited = Message.objects.filter(pk__in=edits, state=state, deleted_at__isnull=True)
    _tell(edited.exclude(failure=failure), endpoint=endpoint, state=state, failure=failure)


def _messages_of(deliveries: Sequence[Delivery], operation: Delivery.Operation) -> list[int]:
    return [delivery.message_id for delivery in deliveries if delivery.operation == operation]


def _tell(rows: QuerySet[Message], *, endpoint: Endpoint, state: Message.State, failure: str) -> None:
    messages = list(rows.order_by("seq"))
    for message in messages:
        message.state, message.failure = state, failure
    if messages:
        event = "message.failed" if failure else "message.delivered"
        publish_changed(event, messages, ["state", "failure"], connection=endpoint.connection)
