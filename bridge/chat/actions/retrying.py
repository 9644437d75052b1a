"""Retries deliveries that failed permanently, after the cause was removed or the message was found missing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, When
from django.db.models.functions import Least, Now
from django.utils import timezone

from bridge.chat import publishing
from bridge.chat.access import Viewer, message_for
from bridge.chat.actions.announcing import publish_changed
from bridge.chat.actions.speaking_rules import silenced
from bridge.models import Connection, Delivery, Endpoint, Message, RemoteMessage

SOON = timedelta(seconds=30)
"""The duration of a claim: a worker's claim on a line is not shortened, and a line that waits longer is due by then."""


@transaction.atomic
def retry_deliveries(deliveries: Iterable[Delivery]) -> int:
    """Make failed deliveries unsettled again and wake their lines. Ignores other deliveries. Returns how many.

    A delivery keeps its revision, and so its position among the unsettled ones in its line. A message whose post is
    retried becomes `sent` again for everybody.
    """
    owners: dict[int, list[int]] = defaultdict(list)
    for delivery in deliveries:
        owners[delivery.message.connection_id].append(delivery.pk)
    return sum(_retry(owner, owners[owner]) for owner in sorted(owners))


@transaction.atomic
def retry_own_message(viewer: Viewer, uid: UUID) -> Message:
    """Retry a failed message for the visitor who wrote it. Does nothing if it has not failed.

    Raises:
        BridgeError: as `message_for` does; `not_permitted` if they may not write here.
    """
    message = message_for(viewer, uid, own=True, lock=True)
    if message.author and (refusal := silenced(message.author, now=timezone.now())) is not None:
        raise refusal
    failed = Delivery.objects.filter(message=message, operation=Delivery.Operation.POST)
    _retry(message.connection_id, list(failed.values_list("pk", flat=True)))
    message.refresh_from_db()
    return message


def _retry(connection_pk: int, pks: Sequence[int]) -> int:
    Connection.objects.lock(connection_pk)
    # Read under the lock, because another member of staff may have clicked the same button.
    failed = list(
        Delivery.objects.filter(pk__in=pks, outcome=Delivery.Outcome.FAILED)
        .select_related("message__author")
        .order_by("message__seq")
    )
    if not failed:
        return 0
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in failed]).update(
        settled_at=None, outcome="", reason="", detail=""
    )
    # Emoji that a service refused are sent again.
    reacted = [delivery.message_id for delivery in failed if delivery.operation == Delivery.Operation.REACT]
    for remote in RemoteMessage.objects.filter(parts__message__in=reacted).exclude(reactions=[]).distinct():
        remote.reactions = [pair for pair in remote.reactions if pair[1] != RemoteMessage.Fate.REFUSED]
        remote.save(update_fields=["reactions"])
    hurry_lines({delivery.endpoint_id for delivery in failed})
    posted = {
        delivery.message_id: delivery.message
        for delivery in failed
        if delivery.operation == Delivery.Operation.POST
    }
    for message in posted.values():
        message.state, message.failure = Message.State.SENT, ""
    if posted:
        connection = Connection.objects.get(pk=connection_pk)
        # Clients insert messages that they do not have, and replace the others.
        publish_changed("message.posted", [*posted.values()], ["state", "failure"], connection=connection)
    return len(failed)


def hurry_lines(endpoint_pks: Iterable[int]) -> None:
    """Make these lines due soon, however long they were to wait. The commit nudges the bot.

    A line with a time is never made due at once: it may be the end of a worker's claim, and a second worker would
    send what the first is just sending.
    """
    soon = Case(When(due__isnull=True, then=Now()), default=Least(F("due"), Now() + SOON))
    Endpoint.objects.filter(pk__in=list(endpoint_pks)).update(failures=0, failing_since=None, due=soon)
    publishing.publish_on_commit([], nudge=True)
