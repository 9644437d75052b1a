"""What staff should see in Discord of a visitor beside their messages, and what they see: the card, the read mark."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from bridge.models import (
    Connection,
    Contact,
    Endpoint,
    Inbox,
    Message,
    Participant,
    RemoteMessage,
    RemotePart,
)
from bridge.services.discord import endpoints

KEPT = 2
"""Old marks of moves that were broken off, one after another: what the column holds besides the new one."""
CARDS = RemoteMessage.objects.filter(card=True, deleted_at__isnull=True, remote_id__isnull=False).order_by(
    "-pk"
)


class Card(NamedTuple):
    """One that says less than is known."""

    endpoint: Endpoint
    remote_id: str
    contact_at: datetime
    """When what it should say was last changed."""


def outdated_card(uid: str) -> Card | None:
    """The card of this conversation, where it is one."""
    endpoint = _outdated().filter(connection__uid=uid).select_related("connection__inbox").first()
    if endpoint is None:
        return None
    return Card(endpoint, endpoint.card, endpoint.contact_at)  # type: ignore[attr-defined]  # annotated


def cards_behind() -> list[str]:
    """The conversations, of those that were used lately, whose card is outdated."""
    private = Connection.objects.filter(state=Connection.State.OPEN, kind=Connection.Kind.PRIVATE)
    return [str(uid) for (uid,) in endpoints.lately_used(_outdated(), private, "connection__uid")]


def note_card(card: Card) -> None:
    """Staff see now what was known then."""
    Endpoint.objects.filter(pk=card.endpoint.pk).update(card_at=card.contact_at)


def _outdated() -> QuerySet[Endpoint]:
    """With its `card`, and `contact_at`. What a card says was asked for after it was about to be sent."""
    contacts = Contact.objects.filter(
        visitor=OuterRef("connection__visitor"), inbox=OuterRef("connection__inbox")
    )
    cards = CARDS.filter(endpoint=OuterRef("pk"))
    return (
        endpoints.threads()
        .annotate(
            card=Subquery(cards.values("remote_id")[:1]),
            contact_at=Subquery(contacts.values("updated_at")[:1]),
            shown_at=Coalesce(
                F("card_at"), Subquery(cards.values("sent_at")[:1]), F("connection__created_at")
            ),
        )
        .filter(card__isnull=False, contact_at__gt=F("shown_at"))
    )


class Standing(NamedTuple):
    """What staff should see of a visitor's reading, and what they see."""

    endpoint: Endpoint
    how: Inbox.ShowRead
    read: str
    """The ID in Discord of the newest message of staff that the visitor has read; empty if there is none."""
    mark: str
    """The one that is marked. While a mark is moved: all that may be, with a space between old and new."""
    card: str

    @property
    def others(self) -> list[str]:
        """Those that may be marked and should not be."""
        return [mark for mark in self.mark.split() if mark != self.read]


def standing(uid: str) -> Standing | None:
    """None where nothing is to be shown, or cannot be yet."""
    endpoint = _shown().filter(connection__uid=uid).select_related("connection__inbox").first()
    if endpoint is None:
        return None
    return Standing(
        endpoint=endpoint,
        how=Inbox.ShowRead(endpoint.connection.inbox.show_read),
        read=endpoint.read,  # type: ignore[attr-defined]  # annotated
        mark=endpoint.read_mark,
        card=CARDS.filter(endpoint=endpoint).values_list("remote_id", flat=True).first() or "",
    )


def marks_behind() -> list[str]:
    """The conversations, of those that were used lately, in which staff see something else than they should."""
    asked_for = Connection.objects.exclude(inbox__show_read=Inbox.ShowRead.OFF)
    moved = _shown().exclude(read_mark=F("read"))
    return [str(uid) for (uid,) in endpoints.lately_used(moved, asked_for, "connection__uid")]


def note_mark(endpoint: int, remote_id: str) -> None:
    """Staff see now that the visitor has read up to this one."""
    Endpoint.objects.filter(pk=endpoint).update(read_mark=remote_id)


def note_move(standing: Standing) -> None:
    """Staff will see it now, over there first: a bot that dies between the two must not leave an old mark."""
    old = " ".join(standing.others[-KEPT:])
    note_mark(standing.endpoint.pk, f"{old} {standing.read}")


def _shown() -> QuerySet[Endpoint]:
    """Opened endpoints whose inbox asks for it, with the newest message there that the visitor has `read`."""
    reader = Participant.objects.filter(
        connection=OuterRef(OuterRef("connection")), visitor=OuterRef(OuterRef("connection__visitor"))
    )
    newest = RemotePart.objects.filter(
        remote__endpoint=OuterRef("pk"),
        remote__ours=False,
        remote__deleted_at__isnull=True,
        message__connection=OuterRef("connection"),
        message__seq__lte=Subquery(reader.values("read_seq")[:1]),
        message__author__role=Participant.Role.STAFF,
        message__kind=Message.Kind.MESSAGE,
        message__deleted_at__isnull=True,
    ).order_by("-message__seq")
    shown = endpoints.threads().exclude(connection__inbox__show_read=Inbox.ShowRead.OFF)
    return shown.annotate(read=Coalesce(Subquery(newest.values("remote__remote_id")[:1]), Value("")))
