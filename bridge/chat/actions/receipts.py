"""Receipts: how far somebody has read."""

from bridge.models import Connection, Inbox, Participant


def mark_read(participant: int, *, seq: int) -> bool:
    """Record that they have read up to the position `seq` of their conversation. False if this is not new."""
    return bool(
        Participant.objects.filter(pk=participant, read_seq__lt=seq, connection__last_seq__gte=seq).update(
            read_seq=seq
        )
    )


def is_shown(connection: int) -> bool:
    """Whether staff should see what the visitor has read."""
    inboxes = Inbox.objects.filter(connections=connection, connections__kind=Connection.Kind.PRIVATE)
    return inboxes.exclude(show_read=Inbox.ShowRead.OFF).exists()
