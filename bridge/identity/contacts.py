"""What is known of a visitor: what they say of themselves, and whom their site says they are."""

import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from bridge.chat import publishing
from bridge.chat.actions.opening import complete_endpoints
from bridge.errors import BridgeError, Code
from bridge.identity.revocation import revoke_nameless
from bridge.models import Connection, Contact, Inbox


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a visitor's site says they are."""

    issuer: str
    """`site`: the user of this site's login; `jwt`: whom another site vouches for."""
    subject: str
    """What they are called there for ever: the user's primary key as text; the JWT's `sub`."""
    name: str = ""
    email: str = ""
    """As their site says, else as they said themselves; empty where nobody did."""
    user: Any = None
    """The primary key of the Django user, None where they are none."""

    @classmethod
    def of(cls, contact: Contact) -> "Identity":
        return cls(contact.issuer, contact.subject or "", contact.name, contact.email, contact.user_id)


def is_accepted(contact: Contact, inbox: Inbox) -> bool:
    """Whether the inbox lets somebody in by what identified this contact."""
    return (
        inbox.takes_jwt
        if contact.issuer == Contact.Issuer.JWT
        else contact.is_identified and inbox.takes_login
    )


def find_identified(inbox: int, claims: Identity) -> Contact | None:
    """Who was identified by this here before, with what their site says of them now."""
    found = Contact.objects.filter(inbox=inbox, issuer=claims.issuer, subject=claims.subject).first()
    if found is not None:
        _note(found, claims)
    return found


def identify(inbox: int, claims: Identity, *, visitor: uuid.UUID | None = None) -> Contact:
    """The contact of whoever their site says this is, made now where there is none.

    A new one is this visitor, so that what they wrote without a name goes on; unless somebody else is. Else whoever
    they are in another inbox, where it is this site's user.
    """
    if visitor is not None and not _may_be(visitor, claims):
        visitor = None
    for candidate in (visitor or _elsewhere(claims) or uuid.uuid4(), uuid.uuid4()):
        try:
            with transaction.atomic():
                contact = _make(inbox, claims, candidate)
                if candidate == visitor:
                    # Whoever else has an anonymous token of theirs stays out from now on.
                    revoke_nameless(visitor)
                return contact
        except IntegrityError:
            # Another socket was faster: with the same identity, or another identity with the same visitor.
            if found := find_identified(inbox, claims):
                return found
    raise BridgeError(Code.UNAVAILABLE, "The server cannot do this right now. Please try again.")


def set_contact(inbox: int, visitor: uuid.UUID, *, name: str | None, email: str | None) -> Contact:
    """What they say of themselves; None leaves it as it is.

    Raises BridgeError (`not_permitted`) for what their site says of them.
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
            # Whoever leaves their address wants mails, also where they ended them once.
            contact.email_stopped = False
        contact.updated_at = timezone.now()
        contact.save(update_fields=[*changes, "email_stopped", "updated_at"])
    tell_cards(contact)
    if email:
        complete_endpoints(inbox, visitor)
    return contact


def stop_mails(inbox: int, visitor: uuid.UUID) -> None:
    """They want no more of them. What waits is let go when its time comes."""
    Contact.objects.filter(inbox=inbox, visitor=visitor).update(email_stopped=True)


def _may_be(visitor: uuid.UUID, claims: Identity) -> bool:
    """Whether nobody vouches for this visitor but, in other inboxes, the same login for the same user."""
    others = Contact.objects.filter(visitor=visitor).exclude(issuer=Contact.Issuer.NOBODY)
    if claims.issuer == Contact.Issuer.SITE:
        others = others.exclude(issuer=claims.issuer, subject=claims.subject)
    return not others.exists()


def _elsewhere(claims: Identity) -> uuid.UUID | None:
    """Each inbox has a secret of its own, so only this site's users are the same in all of them."""
    if claims.user is None:
        return None
    rows = Contact.objects.filter(user=claims.user, issuer=claims.issuer, subject=claims.subject)
    return rows.order_by("pk").values_list("visitor", flat=True).first()


def _make(inbox: int, claims: Identity, visitor: uuid.UUID) -> Contact:
    # What they said of themselves before becomes this contact: if nobody else was faster.
    contact, _ = Contact.objects.update_or_create(
        inbox_id=inbox,
        visitor=visitor,
        issuer=Contact.Issuer.NOBODY,
        defaults={"issuer": claims.issuer, "subject": claims.subject},
    )
    _note(contact, claims)
    return contact


def _note(contact: Contact, claims: Identity) -> None:
    """Written only where it is news."""
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
    """Have it shown to staff in the visitor's open conversations, after the commit that changes it."""
    transaction.on_commit(partial(_tell, contact), robust=True)


def _tell(contact: Contact) -> None:
    connections = Connection.objects.filter(state=Connection.State.OPEN, kind=Connection.Kind.PRIVATE)
    theirs = connections.filter(visitor=contact.visitor, inbox=contact.inbox_id)
    for uid in theirs.values_list("uid", flat=True):
        publishing.tell_bot("card", str(uid))
