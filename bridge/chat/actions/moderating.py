"""Keeping somebody from writing: for a while in one conversation, or altogether in an inbox."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bridge.chat import publishing
from bridge.models import Block, Connection, Endpoint, Inbox, Participant, RemoteMessage


def speaker_of(service: str, remote_id: str) -> Participant | None:
    """The visitor behind one of our messages over there; behind a card, whose conversation it is.

    None where no visitor of the page is.
    """
    remote = RemoteMessage.objects.filter(
        remote_id=remote_id, endpoint__service=service, ours=True
    ).select_related("endpoint__connection")
    found = remote.first()
    people = Participant.objects.filter(visitor__isnull=False).select_related("connection__inbox")
    if found is None:
        # A thread that was made with its card in one: the id of both.
        here = Endpoint.objects.filter(service=service, remote_id=remote_id).values("connection")
        return people.filter(connection__in=here, connection__kind=Connection.Kind.PRIVATE).first()
    if found.card:
        return people.filter(connection=found.endpoint.connection_id).first()
    return people.filter(messages__remote_parts__remote=found).first()


@transaction.atomic
def mute(participant: Participant, *, until: datetime | None) -> None:
    """Until then they may not write: in this room; from a private conversation in none of theirs in this inbox.

    None: they may again.
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
    """They are told, and neither write nor hear anything in this inbox any more. Blocking twice is nothing new."""
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
    """False where they were not blocked."""
    gone, _ = Block.objects.filter(inbox=inbox, visitor=visitor).delete()
    publishing.tell_moderation()
    return bool(gone)
