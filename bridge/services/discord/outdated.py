"""Cards that say less of a visitor than is known today."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from bridge.models import Connection, Contact, Endpoint, RemoteMessage
from bridge.services.discord import endpoints


class Card(NamedTuple):
    """One that says less than is known."""

    endpoint: Endpoint
    remote_id: str
    contact_at: datetime
    """When what it should say was last changed."""


def outdated(uid: str) -> Card | None:
    """The card of this conversation, where it is one."""
    endpoint = _outdated().filter(connection__uid=uid).select_related("connection__inbox").first()
    if endpoint is None:
        return None
    return Card(endpoint, endpoint.card, endpoint.contact_at)  # type: ignore[attr-defined]  # annotated


def behind() -> list[str]:
    """The conversations, of those that were used lately, whose card is outdated."""
    private = Connection.objects.filter(state=Connection.State.OPEN, kind=Connection.Kind.PRIVATE)
    stale = endpoints.lately_used(_outdated(), private)
    return [str(uid) for batch in stale for uid in batch.values_list("connection__uid", flat=True)]


def note_shown(card: Card) -> None:
    """Staff see now what was known then."""
    Endpoint.objects.filter(pk=card.endpoint.pk).update(card_at=card.contact_at)


def _outdated() -> QuerySet[Endpoint]:
    """With its `card`, and `contact_at`. What a card says was asked for after it was about to be sent."""
    contacts = Contact.objects.filter(
        visitor=OuterRef("connection__visitor"), inbox=OuterRef("connection__inbox")
    )
    cards = RemoteMessage.objects.filter(
        endpoint=OuterRef("pk"), card=True, deleted_at__isnull=True, remote_id__isnull=False
    ).order_by("-pk")
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
