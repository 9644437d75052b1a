"""Staff who write from here rather than from a service."""

from typing import Any

from bridge.lookalikes import key_of
from bridge.models import WEB, Connection, Participant


def staff_in(connection: Connection, *, user: int, name: str) -> Participant:
    """This user of the site's own in a conversation, under the name that he has today."""
    participant, _ = Participant.objects.update_or_create(
        connection=connection,
        service=WEB,
        remote_id=f"user:{user}",
        defaults={"role": Participant.Role.STAFF, "nick": name[:80], "nick_key": key_of(name[:80])},
    )
    return participant


def user_in(connection: Connection, user: Any) -> Participant:
    """The same for the Django user, under the name that they have today."""
    return staff_in(connection, user=user.pk, name=user.get_full_name() or user.get_username())
