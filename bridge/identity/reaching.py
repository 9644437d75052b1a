"""Whether there is a way by which a visitor comes to see what staff write to them."""

from bridge import services
from bridge.chat.moderation import is_blocked
from bridge.identity import tokens
from bridge.models import Connection, Contact, Endpoint, Inbox, RevokedToken


def reaches_visitor(endpoint_id: int) -> bool:
    """Of what came in at this endpoint: on the page, by mail, or at another place where somebody reads.

    A single token that was revoked says nothing: its visitor may have others.
    """
    endpoint = Endpoint.objects.select_related("connection__inbox").get(pk=endpoint_id)
    connection = endpoint.connection
    others = list(Endpoint.objects.filter(connection=connection).exclude(pk=endpoint_id))
    for each in others:
        each.connection = connection
    if connection.kind == Connection.Kind.ROOM:
        return connection.inbox.enabled and connection.is_open
    if connection.visitor is None:
        # Somebody of another service: it reaches them there.
        return bool(others)
    return _has_page(connection) or any(_is_theirs(each) for each in others)


def _is_theirs(endpoint: Endpoint) -> bool:
    service = services.find(endpoint.service)
    return service is not None and service.reaches_visitor(endpoint)


def _has_page(connection: Connection) -> bool:
    """Whether anybody may still come in as this visitor and read it."""
    inbox, visitor = connection.inbox, connection.visitor
    assert visitor is not None  # noqa: S101  # as it was asked
    if not inbox.enabled or is_blocked(inbox.pk, {visitor}):
        return False
    known = Contact.objects.filter(visitor=visitor).exclude(issuer=Contact.Issuer.NOBODY)
    contacts = list(known.select_related("user"))
    if not contacts:
        gone = [*tokens.visitor_digests(visitor), *tokens.nameless_digests(visitor)]
        return not inbox.identity_required and not RevokedToken.objects.filter(digest__in=gone).exists()
    # With a token alone nobody is this visitor any more: somebody has to vouch for them again.
    return any(contact.inbox_id == inbox.pk and _is_vouched_for(contact, inbox) for contact in contacts)


def _is_vouched_for(contact: Contact, inbox: Inbox) -> bool:
    if contact.issuer == Contact.Issuer.JWT:
        return inbox.takes_jwt
    return inbox.takes_login and contact.user is not None and contact.user.is_active
