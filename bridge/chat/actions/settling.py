"""What became of deliveries, told to those who wait for it."""

from collections.abc import Iterable, Sequence

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
    if outcome != Delivery.Outcome.DELIVERED:
        return
    posted = [d.message_id for d in deliveries if d.operation == Delivery.Operation.POST]
    hooks.tell_on_commit(signals.message_delivered, posted, endpoint=endpoint, service=endpoint.service)
    if services.reports(endpoint.service):
        _change_state(posted, endpoint=endpoint, state=Message.State.DELIVERED, failure="")
        _note_edits(deliveries, endpoint=endpoint, failure="")


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
    if not services.reports(endpoint.service):
        return
    posted = [d.message_id for d in deliveries if d.operation == Delivery.Operation.POST]
    _change_state(posted, endpoint=endpoint, state=Message.State.FAILED, failure=reason[:32])
    _note_edits(deliveries, endpoint=endpoint, failure=reason[:32])


def _change_state(
    message_ids: Iterable[int], *, endpoint: Endpoint, state: Message.State, failure: str
) -> None:
    messages = list(Message.objects.filter(pk__in=message_ids).exclude(state=state).order_by("seq"))
    _tell(messages, endpoint=endpoint, state=state, failure=failure)


def _note_edits(deliveries: Iterable[Delivery], *, endpoint: Endpoint, failure: str) -> None:
    """What became of the edits among them, where that is news."""
    edited = [d.message_id for d in deliveries if d.operation == Delivery.Operation.EDIT]
    if not edited:
        return
    delivered = Message.objects.filter(pk__in=edited, state=Message.State.DELIVERED, deleted_at__isnull=True)
    messages = list(delivered.exclude(failure=failure).order_by("seq"))
    _tell(messages, endpoint=endpoint, state=Message.State.DELIVERED, failure=failure)


def _tell(messages: Sequence[Message], *, endpoint: Endpoint, state: Message.State, failure: str) -> None:
    if not messages:
        return
    for message in messages:
        message.state, message.failure = state, failure
    event = "message.failed" if failure else "message.delivered"
    publish_changed(event, messages, ["state", "failure"], connection=endpoint.connection)
