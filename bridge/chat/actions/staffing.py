"""Staff who write from here rather than from a service."""

from typing import Any

from bridge.chat.actions.renaming import yield_on_commit
from bridge.models import WEB, Connection, Participant
from bridge.protocol.values import as_name
from bridge.text.lookalikes import key_of


def staff_in(connection: Connection, *, user: int, name: str) -> Participant:
    """A Django user as staff in a conversation, under the name that they have today."""
    nick = as_name(name) or "Staff"
    participant, _ = Participant.objects.update_or_create(
        connection=connection,
        service=WEB,
        remote_id=f"user:{user}",
        defaults={"role": Participant.Role.STAFF, "nick": nick, "nick_key": key_of(nick)},
    )
    yield_on_commit(participant)
    return participant


def user_in(connection: Connection, user: Any) -> Participant:
    """The same for the Django user, under the name that they have today."""
    return staff_in(connection, user=user.pk, name=user.get_full_name() or user.get_username())
