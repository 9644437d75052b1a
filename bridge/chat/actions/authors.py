"""Authors in services and Django users, and their participants in conversations."""

from dataclasses import dataclass
from typing import Any

from bridge import signals
from bridge.chat import hooks
from bridge.chat.actions.renaming import yield_on_commit
from bridge.models import WEB, Connection, Endpoint, Participant
from bridge.protocol.values import as_name
from bridge.text.lookalikes import key_of


@dataclass(frozen=True)
class RemoteAuthor:
    """A person who writes in a service; `remote_id` is their ID there.

    In a private conversation, all of them are staff; in a room, only its moderators.
    """

    remote_id: str
    nick: str
    avatar: str = ""
    colour: str = ""
    is_staff: bool = True


def participant_of(endpoint: Endpoint, author: RemoteAuthor | None) -> Participant:
    """The author's participant, with their current name, avatar and role.

    None: the visitor of the private conversation.
    """
    if author is None:
        return endpoint.connection.participants.get(visitor=endpoint.connection.visitor)
    nick = as_name(author.nick) or ("Staff" if author.is_staff else "Guest")
    participant, is_new = Participant.objects.update_or_create(
        connection=endpoint.connection,
        service=endpoint.service,
        remote_id=author.remote_id,
        defaults={
            "nick": nick,
            # Visitors cannot take names of staff. Guests have their names from the service, so two may be the same.
            "nick_key": key_of(nick) if author.is_staff else "",
            "avatar": author.avatar[:300],
            "colour": author.colour,
            "role": Participant.Role.STAFF if author.is_staff else Participant.Role.VISITOR,
        },
    )
    if is_new and endpoint.service != WEB:
        hooks.tell_on_commit(signals.participant_joined, [participant.uid])
    if author.is_staff:
        yield_on_commit(participant)
    return participant


def user_in(connection: Connection, user: Any) -> Participant:
    """A Django user as staff in a conversation, with their current name."""
    author = RemoteAuthor(f"user:{user.pk}", user.get_full_name() or user.get_username())
    return participant_of(Endpoint(connection=connection, service=WEB), author)
