"""Closing and reopening a conversation, and saying so on both sides."""

from typing import Literal

from django.db import IntegrityError, transaction
from django.utils import timezone

from bridge import signals
from bridge.chat import hooks
from bridge.chat.actions.opening import publish_state
from bridge.chat.actions.storing import NewMessage, store_one
from bridge.chat.speaking import Target
from bridge.models import Connection, Endpoint, Message, Participant

Turn = Literal["closed", "reopened"]
"""What a message of kind `event` has for its content."""


@transaction.atomic
def close_connection(
    connection: Connection, *, by: Participant | None = None, at: Endpoint | None = None
) -> bool:
    """Close it; False where it was closed already. Its messages stay, and what waits is still delivered.

    A private conversation says so to both sides: `by` whom, None where nobody knows. `at`: where it was said, and so
    is known already.
    """
    if not _change(connection, Connection.State.CLOSED):
        return False
    _announce("closed", connection, by=by, at=at)
    hooks.tell_on_commit(signals.connection_closed, [connection.pk])
    return True


@transaction.atomic
def reopen_connection(connection: Connection, *, by: Participant | None = None) -> bool:
    """Open it again; False where the visitor has opened a newer one in the meantime, or it is open.

    Says so to both sides where it is done `by` somebody; None: by a message, which speaks for itself.
    """
    if not _change(connection, Connection.State.OPEN):
        return False
    if by is not None:
        _announce("reopened", connection, by=by)
    hooks.tell_on_commit(signals.connection_opened, [connection.pk], reopened=True)
    return True


def _change(connection: Connection, state: Connection.State) -> bool:
    Connection.objects.lock(connection.pk)
    closes = state == Connection.State.CLOSED
    try:
        with transaction.atomic():
            changed = (
                Connection.objects.filter(pk=connection.pk)
                .exclude(state=state)
                .update(state=state, closed_at=timezone.now() if closes else None)
            )
    except IntegrityError:
        # one_open_private_connection: the newer one is where they read and write.
        return False
    if changed:
        advance = Connection.objects.advance(connection.pk)
        connection.refresh_from_db(fields=["state", "closed_at", "revision"])
        publish_state("connection.closed" if closes else "connection.reopened", connection, advance)
    return bool(changed)


def _announce(
    turn: Turn, connection: Connection, *, by: Participant | None, at: Endpoint | None = None
) -> None:
    """A quiet line, within the transaction that holds the row. Rooms have a state of their own to show."""
    if connection.kind != Connection.Kind.PRIVATE:
        return
    event = NewMessage(
        Target.of(connection, by),
        turn,
        kind=Message.Kind.EVENT,
        service=by.service if by else "",
        endpoint=at.pk if at else None,
    )
    store_one(event, connection)
