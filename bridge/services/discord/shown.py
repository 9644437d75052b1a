"""Queries on what Discord shows besides messages, and what it should show: the card and the read mark."""

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
"""Maximum number of old marks, from interrupted moves, that fit into the column besides the new one."""
CARDS = RemoteMessage.objects.filter(card=True, deleted_at__isnull=True, remote_id__isnull=False).order_by(
    "-pk"
)


class Card(NamedTuple):
    """A card that is outdated."""

    endpoint: Endpoint
    remote_id: str
    contact_at: datetime
    """When the details that it should show were last changed."""


def outdated_card(uid: str) -> Card | None:
    """Return the card of this conversation if it is outdated."""
    endpoint = _outdated().filter(connection__uid=uid).select_related("connection__inbox").first()
    if endpoint is None:
        return None
    return Card(endpoint, endpoint.card, endpoint.contact_at)  # type: ignore[attr-defined]  # annotated


def cards_behind() -> list[str]:
    """Return the recently used conversations whose card is outdated."""
    private = Connection.objects.filter(state=Connection.State.OPEN, kind=Connection.Kind.PRIVATE)
    return [str(uid) for (uid,) in endpoints.lately_used(_outdated(), private, "connection__uid")]


def note_card(card: Card) -> None:
    """Record that the card has been updated."""
    Endpoint.objects.filter(pk=card.endpoint.pk).update(card_at=card.contact_at)


def _outdated() -> QuerySet[Endpoint]:
    """Return endpoints with an outdated card, annotated with `card` and `contact_at`.

    The details on a card were read after its `sent_at`.
    """
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
    """How far a visitor has read, and what Discord shows of it."""

    endpoint: Endpoint
    how: Inbox.ShowRead
    read: str
    """The ID in Discord of the newest message of staff that the visitor has read; empty if there is none."""
    mark: str
    """The ID of the marked message. While the mark is moved: all that may be marked, separated by spaces."""
    card: str

    @property
    def others(self) -> list[str]:
        """The messages that may be marked but should not be."""
        return [mark for mark in self.mark.split() if mark != self.read]


def standing(uid: str) -> Standing | None:
    """Return the state of this conversation; None if nothing should be shown, or cannot be shown yet."""
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
    """Return the recently used conversations in which the mark is not where it should be."""
    asked_for = Connection.objects.exclude(inbox__show_read=Inbox.ShowRead.OFF)
    moved = _shown().exclude(read_mark=F("read"))
    return [str(uid) for (uid,) in endpoints.lately_used(moved, asked_for, "connection__uid")]


def note_mark(endpoint: int, remote_id: str) -> None:
    """Record that Discord shows this message as the last one read."""
    Endpoint.objects.filter(pk=endpoint).update(read_mark=remote_id)


def note_move(standing: Standing) -> None:
    """Record old and new mark before the move, so that a bot that dies in between does not leave an old mark."""
    old = " ".join(standing.others[-KEPT:])
    note_mark(standing.endpoint.pk, f"{old} {standing.read}")


def _shown() -> QuerySet[Endpoint]:
    """Return opened endpoints whose inbox shows it, annotated with the newest remote message `read` by the visitor."""
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
