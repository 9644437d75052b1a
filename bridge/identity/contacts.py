"""Contacts: a visitor's own name and e-mail address, and the identity that their site confirms."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from bridge.chat import publishing
from bridge.chat.actions.opening import complete_endpoints
from bridge.errors import BridgeError, Code
from bridge.identity.revocation import revoke_nameless
from bridge.infra.database import after_commit
from bridge.models import Connection, Contact, Inbox


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a visitor according to their site."""

    issuer: str
    """`site`: a user of this site's login; `jwt`: a user of another site."""
    subject: str
    """Their permanent ID there: the user's primary key as text, or the JWT's `sub`."""
    name: str = ""
    email: str = ""
    """From their site, otherwise from themselves; empty if unknown."""
    user: Any = None
    """The primary key of the Django user, or None if they are not one."""

    @classmethod
    def of(cls, contact: Contact) -> "Identity":
        return cls(contact.issuer, contact.subject or "", contact.name, contact.email, contact.user_id)


def is_accepted(contact: Contact, inbox: Inbox) -> bool:
    """Whether the inbox accepts the kind of identification of this contact."""
    return (
        inbox.takes_jwt
        if contact.issuer == Contact.Issuer.JWT
        else contact.is_identified and inbox.takes_login
    )


def find_identified(inbox: int, claims: Identity) -> Contact | None:
    """The contact that was identified in this way before, updated with the current claims of their site."""
    contact = Contact.objects.filter(inbox=inbox, issuer=claims.issuer, subject=claims.subject).first()
    if contact is not None:
        _note(contact, claims)
    return contact


def identify(inbox: int, claims: Identity, *, visitor: uuid.UUID | None = None) -> Contact:
    """The contact with this identity, created if there is none.

    A new contact gets `visitor`, so that an anonymous conversation continues, unless that visitor is somebody else.
    Otherwise, a user of this site gets the visitor that they are in another inbox.
    """
    if visitor is not None and not _may_be(visitor, claims):
        visitor = None
    for candidate in (visitor or _elsewhere(claims) or uuid.uuid4(), uuid.uuid4()):
        try:
            with transaction.atomic():
                contact = _make(inbox, claims, candidate)
                if candidate == visitor:
                    # From now on, anonymous tokens of this visitor are invalid, whoever has one.
                    revoke_nameless(visitor)
                return contact
        except IntegrityError:
            # Another socket was faster: with the same identity, or another identity with the same visitor.
            if known := find_identified(inbox, claims):
                return known
    raise BridgeError(Code.UNAVAILABLE, "The server cannot do this right now. Please try again.")


def set_contact(inbox: int, visitor: uuid.UUID, *, name: str | None, email: str | None) -> Contact:
    """Store what the visitor says about themselves; None changes nothing.

    Raises BridgeError (`not_permitted`) for values that their site has set.
    """
    changes = {field: text for field, text in (("name", name), ("email", email)) if text is not None}
    with transaction.atomic():
        contact, _ = Contact.objects.get_or_create(inbox_id=inbox, visitor=visitor)
        for field, text in changes.items():
            if getattr(contact, f"{field}_verified") and getattr(contact, field) != text:
                raise BridgeError(
                    Code.NOT_PERMITTED,
                    f"Your {field} is set by your site and cannot be changed here.",
                    field=field,
                )
            setattr(contact, field, text)
        if email:
            # A visitor who leaves their address wants e-mails, even if they stopped them before.
            contact.email_stopped = False
        contact.updated_at = timezone.now()
        contact.save(update_fields=[*changes, "email_stopped", "updated_at"])
    tell_cards(contact)
    if email:
        complete_endpoints(inbox, visitor)
    return contact


def stop_mails(inbox: int, visitor: uuid.UUID) -> None:
    """Stop e-mails to the visitor. Waiting ones are dropped when they are due."""
    Contact.objects.filter(inbox=inbox, visitor=visitor).update(email_stopped=True)


def _may_be(visitor: uuid.UUID, claims: Identity) -> bool:
    """Whether this visitor is not identified, except as the same user of this site in other inboxes."""
    others = Contact.objects.filter(visitor=visitor).exclude(issuer=Contact.Issuer.NOBODY)
    if claims.issuer == Contact.Issuer.SITE:
        others = others.exclude(issuer=claims.issuer, subject=claims.subject)
    return not others.exists()


def _elsewhere(claims: Identity) -> uuid.UUID | None:
    """The visitor in another inbox. Each inbox has its own secret, so only users of this site are the same in all."""
    if claims.user is None:
        return None
    rows = Contact.objects.filter(user=claims.user, issuer=claims.issuer, subject=claims.subject)
    return rows.order_by("pk").values_list("visitor", flat=True).first()


def _make(inbox: int, claims: Identity, visitor: uuid.UUID) -> Contact:
    # The visitor's anonymous contact becomes this one, unless somebody else was faster.
    contact, _ = Contact.objects.update_or_create(
        inbox_id=inbox,
        visitor=visitor,
        issuer=Contact.Issuer.NOBODY,
        defaults={"issuer": claims.issuer, "subject": claims.subject},
    )
    _note(contact, claims)
    return contact


def _note(contact: Contact, claims: Identity) -> None:
    """Update the contact with these claims. Writes only what has changed."""
    news: dict[str, Any] = {"user_id": claims.user} if contact.user_id != claims.user else {}
    for field in ("name", "email"):
        text, verified = getattr(claims, field), f"{field}_verified"
        if text and text != getattr(contact, field):
            news[field] = text
        if bool(text) != getattr(contact, verified):
            news[verified] = bool(text)
    if news:
        news["updated_at"] = timezone.now()
        for field, value in news.items():
            setattr(contact, field, value)
        contact.save(update_fields=list(news))
        tell_cards(contact)
    if "email" in news:
        complete_endpoints(contact.inbox_id, contact.visitor)


def tell_cards(contact: Contact) -> None:
    """Show the contact to staff in the visitor's open conversations, after the commit that changes it."""
    after_commit(_tell, contact)


def _tell(contact: Contact) -> None:
    connections = Connection.objects.filter(state=Connection.State.OPEN, kind=Connection.Kind.PRIVATE)
    theirs = connections.filter(visitor=contact.visitor, inbox=contact.inbox_id)
    for uid in theirs.values_list("uid", flat=True):
        publishing.tell_bot("card", str(uid))
