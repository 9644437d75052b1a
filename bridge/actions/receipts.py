"""How far somebody has read."""

from bridge.models import Participant


def mark_read(participant: int, *, seq: int) -> bool:
    """Up to `seq`, which is a place in his conversation. False where he had read so far already."""
    return bool(
        Participant.objects.filter(pk=participant, read_seq__lt=seq, connection__last_seq__gte=seq).update(
            read_seq=seq
        )
    )
