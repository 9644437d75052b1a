"""Telling everybody of messages that changed: browsers by an event, every other endpoint by a delivery."""

from collections.abc import Mapping, Sequence

from bridge.chat import publishing, wire
from bridge.chat.actions import rows
from bridge.models import Advance, Connection, Delivery, Endpoint, Message


def fan_out(message: Message, *, operation: Delivery.Operation, source: int | None) -> list[Endpoint]:
    """A delivery of this change of a message to each endpoint but its `source`: there it is known. Those endpoints.

    Nothing ever goes back to where it came in, so two services that answer everything make no loop here. Within the
    transaction that made the change: `message.revision` is the change's.
    """
    others = Endpoint.objects.filter(connection=message.connection_id)
    endpoints = list(others if source is None else others.exclude(pk=source))
    deliveries = [
        Delivery(message=message, endpoint=endpoint, operation=operation, revision=message.revision)
        for endpoint in endpoints
    ]
    Delivery.objects.bulk_create(deliveries)
    rows.wake([endpoint.pk for endpoint in endpoints])
    return endpoints


def publish_changed(
    event: str, messages: Sequence[Message], fields: Sequence[str], *, connection: Connection
) -> None:
    """Store these fields of messages of one connection, each as a change of its own, and tell everybody."""
    advance = Connection.objects.advance(connection.pk, revisions=len(messages))
    for revision, message in enumerate(messages, start=advance.since + 1):
        message.revision, message.changed = revision, True
    Message.objects.bulk_update(messages, [*fields, "revision", "changed"])
    publish_messages(event, messages, connection=connection, advance=advance)


def publish_messages(
    event: str,
    messages: Sequence[Message],
    *,
    connection: Connection,
    advance: Advance,
    nudge: bool = False,
    more: Mapping[str, object] | None = None,
) -> None:
    """One frame for all messages that a commit changed in one way. `nudge`: deliveries wait.

    `more` is what the event's payload has beside the messages.
    """
    wire.load(messages)
    shown = [wire.message_out(message, connection=str(connection.uid)) for message in messages]
    pages = publishing.pages_beside(connection)
    payload = {"messages": shown, **(more or {})}
    publishing.publish_change(
        event, payload, connection=connection, advance=advance, pages=pages, nudge=nudge
    )
