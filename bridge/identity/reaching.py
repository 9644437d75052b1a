"""Checks whether a visitor can still see what staff write to them."""

from uuid import UUID

from bridge import services
from bridge.chat.moderation import is_blocked
from bridge.identity import tokens
from bridge.identity.contacts import is_accepted
from bridge.models import Connection, Contact, Endpoint, Inbox, RevokedToken


def reaches_visitor(endpoint_id: int) -> bool:
    """Whether what comes in from this endpoint reaches the visitor: on the page, by e-mail, or in another service.

    A single revoked token is not a reason to deny it: the visitor may have other tokens.
    """
    endpoint = Endpoint.objects.select_related("connection__inbox").get(pk=endpoint_id)
    connection = endpoint.connection
    others = list(Endpoint.objects.filter(connection=connection).exclude(pk=endpoint_id))
    for other in others:
        other.connection = connection
    if connection.kind == Connection.Kind.ROOM:
        return connection.inbox.enabled and connection.is_open
    if connection.visitor is None:
        # A person in another service, where it reaches them.
        return bool(others)
    return _has_page(connection.inbox, connection.visitor) or any(
        service.reaches_visitor(other) for other in others if (service := services.find(other.service))
    )


def _has_page(inbox: Inbox, visitor: UUID) -> bool:
    """Whether this visitor can still open the page and read there."""
    if not inbox.enabled or is_blocked(inbox.pk, {visitor}):
        return False
    known = Contact.objects.filter(visitor=visitor).exclude(issuer=Contact.Issuer.NOBODY)
    contacts = list(known.select_related("user"))
    if not contacts:
        gone = [*tokens.visitor_digests(visitor), *tokens.nameless_digests(visitor)]
        return not inbox.identity_required and not RevokedToken.objects.filter(digest__in=gone).exists()
    # A token alone is not enough for an identified visitor: their site or login has to confirm them again.
    return any(
        contact.inbox_id == inbox.pk
        and is_accepted(contact, inbox)
        and (contact.issuer == Contact.Issuer.JWT or (contact.user is not None and contact.user.is_active))
        for contact in contacts
    )
