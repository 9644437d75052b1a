"""Records the results of deliveries, and publishes them."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.db.models.functions import Now

from bridge import services, signals
from bridge.chat import hooks
from bridge.chat.actions.announcing import publish_changed
from bridge.models import Delivery, Endpoint, Message


def mark_delivered(deliveries: Sequence[Delivery], *, endpoint: Endpoint, outcome: Delivery.Outcome) -> None:
    """Settle deliveries, within the transaction that has the connection's lock.

    `message.delivered` is published for a message that its service now has, and for an edit that succeeded after the
    previous one was refused. Other edits, deletions, and posts that were no longer needed have no visible effect.
    """
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries]).update(
        settled_at=Now(), outcome=outcome, reason="", detail=""
    )
    # Something was delivered, so the line works again.
    failing = Endpoint.objects.filter(pk=endpoint.pk).exclude(failures=0, trouble="")
    failing.update(failures=0, failing_since=None, trouble="")
    if outcome == Delivery.Outcome.DELIVERED:
        posted = _messages_of(deliveries, Delivery.Operation.POST)
        hooks.tell_on_commit(signals.message_delivered, posted, endpoint=endpoint, service=endpoint.service)
        _show(deliveries, endpoint=endpoint, state=Message.State.DELIVERED, failure="")


def mark_failed(deliveries: Sequence[Delivery], *, endpoint: Endpoint, reason: str, detail: str) -> None:
    """Settle deliveries that will never arrive, within the transaction that has the connection's lock.

    `message.failed` is published with the reason, unless nobody reads that service; staff see it in the admin.
    A message whose edit was refused stays delivered, because its service has the previous text.
    """
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries]).update(
        settled_at=Now(), outcome=Delivery.Outcome.FAILED, reason=reason[:32], detail=detail[:300]
    )
    # `failing_since` stays, because the other deliveries have been waiting since then.
    Endpoint.objects.filter(pk=endpoint.pk).update(failures=0, trouble="")
    _show(deliveries, endpoint=endpoint, state=Message.State.FAILED, failure=reason[:32])


def _show(deliveries: Sequence[Delivery], *, endpoint: Endpoint, state: Message.State, failure: str) -> None:
    """Publish the results of posts and edits if they are new and somebody reads that service."""
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
