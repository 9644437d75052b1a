"""Mutes visitors for a while in a conversation, and blocks them in an inbox."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bridge.chat import publishing
from bridge.models import Block, Connection, Endpoint, Inbox, Participant, RemoteMessage


def speaker_of(service: str, remote_id: str) -> Participant | None:
    """The visitor who wrote one of our messages in the service. For a card, the visitor of its conversation.

    None if it was not a visitor of the page.
    """
    remote = RemoteMessage.objects.filter(
        remote_id=remote_id, endpoint__service=service, ours=True
    ).select_related("endpoint__connection")
    match = remote.first()
    people = Participant.objects.filter(visitor__isnull=False).select_related("connection__inbox")
    if match is None:
        # A thread that was created together with its card has the same ID as the card.
        here = Endpoint.objects.filter(service=service, remote_id=remote_id).values("connection")
        return people.filter(connection__in=here, connection__kind=Connection.Kind.PRIVATE).first()
    if match.card:
        return people.filter(connection=match.endpoint.connection_id).first()
    return people.filter(messages__remote_parts__remote=match).first()


@transaction.atomic
def mute(participant: Participant, *, until: datetime | None) -> None:
    """Mute a visitor until then: in this room, or for a private conversation, in all of theirs in this inbox.

    None: unmute them.
    """
    Connection.objects.lock(participant.connection_id)
    Participant.objects.filter(pk=participant.pk).update(muted_until=until)
    if participant.connection.kind == Connection.Kind.PRIVATE and until is None:
        # They may have been muted in an older one.
        connections = Connection.objects.filter(
            visitor=participant.visitor, inbox=participant.connection.inbox_id
        )
        people = Participant.objects.filter(connection__in=connections.values("pk"))
        people.filter(visitor=participant.visitor, muted_until__isnull=False).update(muted_until=None)
    publishing.tell_moderation()


@transaction.atomic
def block(inbox: Inbox, visitor: UUID, *, reason: str = "", until: datetime | None = None) -> Block:
    """Block a visitor: they are told, and can no longer read or write in this inbox. May be repeated."""
    made, _ = Block.objects.update_or_create(
        inbox=inbox,
        visitor=visitor,
        defaults={"until": until, "created_at": timezone.now()},
        create_defaults={"until": until, "created_at": timezone.now(), "reason": reason[:300]},
    )
    publishing.tell_moderation()
    return made


@transaction.atomic
def unblock(inbox: Inbox, visitor: UUID) -> bool:
    """Unblock a visitor. False if they were not blocked."""
    gone, _ = Block.objects.filter(inbox=inbox, visitor=visitor).delete()
    publishing.tell_moderation()
    return bool(gone)
