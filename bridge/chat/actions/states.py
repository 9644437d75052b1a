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


def close_connection(
    connection: Connection, *, by: Participant | None = None, at: Endpoint | None = None
) -> bool:
    """Close it; False where it was closed already. Its messages stay, and what waits is still delivered.

    A private conversation says so to both sides: `by` whom, None where nobody knows. `at`: where it was said, and so
    is known already.
    """
    with transaction.atomic():
        Connection.objects.lock(connection.pk)
        changed = Connection.objects.filter(pk=connection.pk, state=Connection.State.OPEN).update(
            state=Connection.State.CLOSED, closed_at=timezone.now()
        )
        if changed:
            _changed("connection.closed", connection)
            _announce("closed", connection, by=by, at=at)
            hooks.tell_on_commit(signals.connection_closed, [connection.pk])
        return bool(changed)


def reopen_connection(connection: Connection, *, by: Participant | None = None) -> bool:
    """Open it again; False where the visitor has opened a newer one in the meantime, or it is open.

    Says so to both sides where it is done `by` somebody; None: by a message, which speaks for itself.
    """
    with transaction.atomic():
        Connection.objects.lock(connection.pk)
        try:
            with transaction.atomic():
                changed = Connection.objects.filter(pk=connection.pk, state=Connection.State.CLOSED).update(
                    state=Connection.State.OPEN, closed_at=None
                )
        except IntegrityError:
            # one_open_private_connection: the newer one is where they read and write.
            return False
        if changed:
            _changed("connection.reopened", connection)
            if by is not None:
                _announce("reopened", connection, by=by)
            hooks.tell_on_commit(signals.connection_opened, [connection.pk], reopened=True)
        return bool(changed)


def _changed(event: str, connection: Connection) -> None:
    advance = Connection.objects.advance(connection.pk)
    connection.refresh_from_db(fields=["state", "closed_at", "revision"])
    publish_state(event, connection, advance)


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
