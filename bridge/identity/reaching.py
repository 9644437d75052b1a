"""Whether there is a way by which a visitor comes to see what staff write to them."""

from uuid import UUID

from bridge import services
from bridge.chat.moderation import is_blocked
from bridge.identity import tokens
from bridge.identity.contacts import is_accepted
from bridge.models import Connection, Contact, Endpoint, Inbox, RevokedToken


def reaches_visitor(endpoint_id: int) -> bool:
    """Of what came in at this endpoint: on the page, by mail, or at another place where somebody reads.

    A single token that was revoked says nothing: its visitor may have others.
    """
    endpoint = Endpoint.objects.select_related("connection__inbox").get(pk=endpoint_id)
    connection = endpoint.connection
    others = list(Endpoint.objects.filter(connection=connection).exclude(pk=endpoint_id))
    for other in others:
        other.connection = connection
    if connection.kind == Connection.Kind.ROOM:
        return connection.inbox.enabled and connection.is_open
    if connection.visitor is None:
        # Somebody of another service: it reaches them there.
        return bool(others)
    return _has_page(connection.inbox, connection.visitor) or any(
        service.reaches_visitor(other) for other in others if (service := services.find(other.service))
    )


def _has_page(inbox: Inbox, visitor: UUID) -> bool:
    """Whether anybody may still come in as this visitor and read it."""
    if not inbox.enabled or is_blocked(inbox.pk, {visitor}):
        return False
    known = Contact.objects.filter(visitor=visitor).exclude(issuer=Contact.Issuer.NOBODY)
    contacts = list(known.select_related("user"))
    if not contacts:
        gone = [*tokens.visitor_digests(visitor), *tokens.nameless_digests(visitor)]
        return not inbox.identity_required and not RevokedToken.objects.filter(digest__in=gone).exists()
    # With a token alone nobody is this visitor any more: somebody has to vouch for them again.
    return any(
        contact.inbox_id == inbox.pk
        and is_accepted(contact, inbox)
        and (contact.issuer == Contact.Issuer.JWT or (contact.user is not None and contact.user.is_active))
        for contact in contacts
    )
