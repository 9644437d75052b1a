"""How far somebody has read."""

from bridge.models import Connection, Inbox, Participant


def mark_read(participant: int, *, seq: int) -> bool:
    """Up to `seq`, which is a place in his conversation. False where he had read so far already."""
    return bool(
        Participant.objects.filter(pk=participant, read_seq__lt=seq, connection__last_seq__gte=seq).update(
            read_seq=seq
        )
    )


def is_shown(connection: int) -> bool:
    """Whether staff are to be told."""
    inboxes = Inbox.objects.filter(connections=connection, connections__kind=Connection.Kind.PRIVATE)
    return inboxes.exclude(show_read=Inbox.ShowRead.OFF).exists()
