"""What staff read in a terminal, from the database."""

import getpass
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model

from bridge.chat.actions.receiving import RemoteAuthor
from bridge.chat.links import address_of
from bridge.delivery.composing import told
from bridge.models import Connection, Message, Participant
from bridge.services import words

PAGE = 20


class NobodySuch(Exception):
    """No such user, or none who may answer visitors."""


class Listed(NamedTuple):
    """A conversation in the list, with the last thing that was said."""

    code: str
    title: str
    state: str
    said: str


def staff_named(username: str | None) -> RemoteAuthor:
    """Who writes: a user of the site, or whoever is logged in at this machine.

    Raises NobodySuch for who is not of the team. Whoever can run this could read the database anyway.
    """
    if username is None:
        name = getpass.getuser()
        return RemoteAuthor(remote_id=f"system:{name}", nick=name)
    user = get_user_model().objects.filter(username=username, is_active=True, is_staff=True).first()
    if user is None:
        raise NobodySuch(f"There is no user {username} who is active and of the staff.")
    return RemoteAuthor(remote_id=f"user:{user.pk}", nick=user.get_full_name() or user.get_username())


def conversations(*, rooms: bool, limit: int = PAGE) -> list[Listed]:
    """The open ones, newest activity first."""
    kind = Connection.Kind.ROOM if rooms else Connection.Kind.PRIVATE
    found = Connection.objects.filter(kind=kind, state=Connection.State.OPEN).order_by("-active_at", "-id")
    return [_listed(connection) for connection in found.select_related("inbox")[:limit]]


def _listed(connection: Connection) -> Listed:
    last = connection.messages.filter(deleted_at__isnull=True).order_by("-seq").first()
    return Listed(
        code=connection.slug or connection.code,
        title=connection.name or connection.nick,
        state=connection.inbox.name,
        said=" ".join(last.content.split())[:80] if last else "",
    )


def find(code: str) -> Connection | None:
    """By a room's address, or by the beginning of a conversation's id. None where that could be several."""
    found = Connection.objects.select_related("inbox")
    if room := found.filter(slug=code).exclude(slug="").first():
        return room
    try:
        first = UUID(code.ljust(32, "0"))
        last = UUID(code.ljust(32, "f"))
    except ValueError:
        return None
    matching = list(found.filter(uid__gte=first, uid__lte=last)[:2]) if len(code) >= 4 else []
    return matching[0] if len(matching) == 1 else None


def messages(connection: int, *, before: int | None = None, after: int | None = None) -> list[Message]:
    """A page of what was said, oldest first: the newest, what was `before` a place, or all that came `after` one."""
    found = Message.objects.filter(connection=connection).select_related("author")
    found = found.prefetch_related("attachments")
    if after is not None:
        return list(found.filter(seq__gt=after).order_by("seq"))
    if before is not None:
        found = found.filter(seq__lt=before)
    return list(found.order_by("-seq")[:PAGE])[::-1]


def text_of(message: Message) -> str:
    if message.deleted_at:
        return "(deleted)"
    if message.kind == Message.Kind.GAP:
        return "(Messages may be missing here.)"
    if message.kind == Message.Kind.EVENT:
        return f"({told(message)})"
    attached = sorted(message.attachments.all(), key=lambda each: each.position)
    return "\n".join(
        [words.plain(message, hide=False), *(f"[{each.name}] {address_of(each)}" for each in attached)]
    ).strip()


def people(connection: int) -> Sequence[Participant]:
    """Who ever was in it, staff first."""
    return list(Participant.objects.filter(connection=connection).order_by("role", "nick"))
