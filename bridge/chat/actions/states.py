"""Closes and reopens conversations, with a notice on both sides."""

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
"""The content of a message of kind `event`."""


@transaction.atomic
def close_connection(
    connection: Connection, *, by: Participant | None = None, at: Endpoint | None = None
) -> bool:
    """Close a conversation; False if it was already closed. Its messages stay, and waiting ones are still delivered.

    In a private conversation, both sides get a notice. `by`: who closed it; None if unknown. `at`: the endpoint where
    it was closed, which does not need the notice.
    """
    if not _change(connection, Connection.State.CLOSED):
        return False
    _announce("closed", connection, by=by, at=at)
    hooks.tell_on_commit(signals.connection_closed, [connection.pk])
    return True


@transaction.atomic
def reopen_connection(connection: Connection, *, by: Participant | None = None) -> bool:
    """Reopen a conversation; False if it is open, or if the visitor has opened a newer one in the meantime.

    `by`: who reopened it, which both sides see in a notice. None: a message reopened it, so no notice is needed.
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
        # The constraint one_open_private_connection: the visitor uses the newer conversation.
        return False
    if changed:
        advance = Connection.objects.advance(connection.pk)
        connection.refresh_from_db(fields=["state", "closed_at", "revision"])
        publish_state("connection.closed" if closes else "connection.reopened", connection, advance)
    return bool(changed)


def _announce(
    turn: Turn, connection: Connection, *, by: Participant | None, at: Endpoint | None = None
) -> None:
    """Store a notice, within the transaction that has the lock. Rooms show their state in another way."""
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
