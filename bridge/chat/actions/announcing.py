"""Announces changed messages: to browsers by an event, to every other endpoint by a delivery."""

from collections.abc import Mapping, Sequence

from bridge.chat import publishing, wire
from bridge.chat.actions import rows
from bridge.models import Advance, Connection, Delivery, Endpoint, Message


def change_message(
    message: Message,
    event: str,
    operation: Delivery.Operation,
    *,
    source: int | None,
    more: Mapping[str, object] | None = None,
    **fields: object,
) -> None:
    """Store these fields, and announce the change to browsers and to every endpoint except its `source`.

    Nothing ever goes back to where it came from, so two services that answer everything do not create a loop. Within
    the transaction that has the connection's lock.
    """
    advance = Connection.objects.advance(message.connection_id)
    Message.objects.filter(pk=message.pk).update(revision=advance.revision, changed=True, **fields)
    message.refresh_from_db(fields=["revision", *fields])
    others = Endpoint.objects.filter(connection=message.connection_id)
    others = others if source is None else others.exclude(pk=source)
    endpoints = list(others.values_list("pk", flat=True))
    Delivery.objects.bulk_create(
        Delivery(message=message, endpoint_id=endpoint, operation=operation, revision=advance.revision)
        for endpoint in endpoints
    )
    rows.wake(endpoints)
    nudge = bool(endpoints)
    _publish(event, [message], connection=message.connection, advance=advance, nudge=nudge, more=more)


def publish_changed(
    event: str, messages: Sequence[Message], fields: Sequence[str], *, connection: Connection
) -> None:
    """Store these fields of messages of one connection, each as a change of its own, and publish the changes."""
    advance = Connection.objects.advance(connection.pk, revisions=len(messages))
    for revision, message in enumerate(messages, start=advance.since + 1):
        message.revision, message.changed = revision, True
    Message.objects.bulk_update(messages, [*fields, "revision", "changed"])
    _publish(event, messages, connection=connection, advance=advance)


def _publish(
    event: str,
    messages: Sequence[Message],
    *,
    connection: Connection,
    advance: Advance,
    nudge: bool = False,
    more: Mapping[str, object] | None = None,
) -> None:
    """Publish one frame for all messages that a commit changed in the same way. `nudge`: deliveries wait.

    `more`: further fields of the event's payload.
    """
    wire.load(messages)
    shown = [wire.message_out(message, connection=str(connection.uid)) for message in messages]
    pages = publishing.pages_beside(connection)
    payload = {"messages": shown, **(more or {})}
    publishing.publish_change(
        event, payload, connection=connection, advance=advance, pages=pages, nudge=nudge
    )
