"""Opens conversations, with their endpoints in services."""

import uuid
from collections.abc import Callable, Collection

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from bridge import services, signals
from bridge.chat import hooks, publishing
from bridge.chat.speaking import Opening
from bridge.chat.wire import connection_state
from bridge.models import Advance, Connection, Endpoint, Participant


class Overtaken(Exception):
    """The visitor has opened another conversation since, so the count or proof for this one is invalid."""


def open_connection(opening: Opening) -> tuple[Connection, Participant]:
    """The visitor's open conversation and their participant. If there is none, it is created with its endpoints.

    A transaction that opens several must call this in the order of (inbox, visitor) and before it locks any row,
    because two processes that insert the same visitor wait for each other.

    Raises Overtaken if a new conversation would not be the next one after `opening.after`.
    """
    with transaction.atomic():
        connection, created = _find_or_create(opening)
        if created:
            visitor = Participant.objects.create(
                connection=connection,
                role=Participant.Role.VISITOR,
                visitor=opening.visitor,
                nick=opening.nick,
            )
            add_endpoints(connection)
            begin(connection)
            hooks.tell_on_commit(signals.participant_joined, [visitor.uid])
        return connection, connection.participants.get(visitor=opening.visitor)


def begin(connection: Connection) -> None:
    """Announce a new conversation, within the transaction that opens it."""
    advance = Connection.objects.advance(connection.pk)
    connection.revision = advance.revision
    publish_state("connection.opened", connection, advance)
    hooks.tell_on_commit(signals.connection_opened, [connection.pk], reopened=False)


def add_endpoints(connection: Connection, *, but: Collection[str] = ()) -> None:
    """Create the endpoints of all services except `but`, within the transaction that opens the connection."""
    Endpoint.objects.bulk_create(
        Endpoint(connection=connection, service=name, remote_id=place)
        for name, service in services.classes().items()
        if name not in but
        for place in service.places(connection)
    )


def complete_endpoints(inbox: int, visitor: uuid.UUID) -> None:
    """Create missing endpoints in the visitor's open conversations. A service may have waited for new information
    about the visitor, such as an e-mail address."""
    rows = Connection.objects.filter(inbox=inbox, visitor=visitor, state=Connection.State.OPEN)
    for connection in rows.order_by("pk"):
        with transaction.atomic():
            Connection.objects.lock(connection.pk)
            complete(connection)


def complete(connection: Connection) -> None:
    """Create missing endpoints of one conversation, within the transaction that has its lock."""
    add_endpoints(connection, but=set(connection.endpoints.values_list("service", flat=True)))


def _find_or_create(opening: Opening) -> tuple[Connection, bool]:
    wanted = {
        "inbox_id": opening.inbox,
        "visitor": opening.visitor,
        "state": Connection.State.OPEN,
        "kind": Connection.Kind.PRIVATE,
    }
    connections = Connection.objects.filter(**wanted)
    if connection := connections.first():
        return connection, False
    if opening.after is not None and opening.after != last_of(opening):
        raise Overtaken
    about = ("nick", "page_url", "page_title", "referrer", "locale", "user_agent")
    try:
        with transaction.atomic():
            return Connection.objects.create(
                **wanted, **{name: getattr(opening, name) for name in about}
            ), True
    except IntegrityError:
        # Another tab, in another process, was faster (constraint one_open_private_connection).
        return connections.get(), False


def last_of(opening: Opening) -> int:
    """The key of the visitor's last conversation here; 0 if they had none."""
    connections = Connection.objects.filter(
        visitor=opening.visitor, inbox=opening.inbox, kind=Connection.Kind.PRIVATE
    )
    return connections.order_by("-pk").values_list("pk", flat=True).first() or 0


def publish_state(event: str, connection: Connection, advance: Advance) -> None:
    """Publish a connection's new state to its readers and to all pages of its visitor, within the transaction."""
    # Also by visitor, because their other tabs do not know this conversation yet.
    pages = publishing.pages_of(connection.visitor, connection.inbox_id) if connection.visitor else None
    payload = {"connection": connection_state(connection)}
    publishing.publish_change(event, payload, connection=connection, advance=advance, pages=pages)


def add_places(service: str, connections: QuerySet[Connection], place: Callable[[Connection], str]) -> None:
    """Add an endpoint, without deliveries, to existing conversations that do not have it.

    In batches of a thousand without a common transaction, so that no writer waits for all of them.
    """
    after = 0
    while batch := list(connections.filter(pk__gt=after).only("pk", "uid").order_by("pk")[:1000]):
        Endpoint.objects.bulk_create(
            [
                Endpoint(connection=connection, service=service, remote_id=place(connection))
                for connection in batch
            ],
            ignore_conflicts=True,
        )
        after = batch[-1].pk
