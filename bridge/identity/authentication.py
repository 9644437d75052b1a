"""Authenticates visitors: by token, by JWT, or by this site's login."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from bridge.chat.moderation import Proof, signed_out
from bridge.errors import BridgeError
from bridge.identity import contacts, tokens
from bridge.identity.contacts import Identity, is_accepted
from bridge.identity.handshake import Credentials
from bridge.identity.providers import ExternalIdentity, read_jwt, read_login
from bridge.identity.tokens import Token
from bridge.models import Contact, Inbox, RevokedToken

MOST_SUCCESSORS = 8


@dataclass(frozen=True, slots=True)
class Authenticated:
    """An authenticated visitor, and the token that identifies them from now on."""

    visitor: uuid.UUID
    token: Token
    proof: Proof
    contact: Contact | None = None
    identity: Identity | None = None
    is_new: bool = False
    """The visitor was created just now, so there is nothing to look up."""


def authenticate(inbox: Inbox, shown: Credentials) -> Authenticated:
    """Identify a visitor. `entrance.admit` decides whether they may come in. Blocks the thread.

    Raises BridgeError (`not_identified`): with `details.reason` `revoked`, `jwt` or `expired`, and without a reason
    for an invalid token.
    """
    vouched = read_jwt(inbox, shown.vouched_by) if shown.vouched_by else None
    if vouched is None and shown.login and inbox.takes_login:
        vouched = read_login(shown.login)
    try:
        held = tokens.read(shown.token) if shown.token else None
    except BridgeError:
        if vouched is None:
            raise
        held = None
    if vouched is not None:
        return _identified(inbox, vouched, held, by_cookie=shown.is_cookie)
    if held is None:
        made = tokens.issue()
        return Authenticated(made.visitor, made, _proof(made), is_new=True)
    return _by_token(inbox, held, login=shown.login, by_cookie=shown.is_cookie)


def _identified(
    inbox: Inbox, vouched: ExternalIdentity, held: Token | None, *, by_cookie: bool
) -> Authenticated:
    contact = contacts.find_identified(inbox.pk, vouched.identity)
    if contact is None:
        # They stay the visitor that this browser was until now, unless that visitor was identified.
        nameless = None
        with suppress(BridgeError):
            nameless = _by_token(inbox, held, login=None, by_cookie=by_cookie).visitor if held else None
        contact = contacts.identify(inbox.pk, vouched.identity, visitor=nameless)
    visitor = contact.visitor
    if _is_revoked((*vouched.grants, *tokens.visitor_digests(visitor)), since=vouched.since):
        raise signed_out()
    if held is None or not _still_fits(held, visitor, vouched.grant):
        held = tokens.issue_identified(visitor, grant=vouched.grant, until=vouched.until)
    return Authenticated(visitor, held, _proof(held), contact, Identity.of(contact))


def _still_fits(held: Token, visitor: uuid.UUID, grant: str) -> bool:
    if (held.visitor, held.grant) != (visitor, grant) or held.is_expired:
        return False
    proof = _proof(held)
    return not _is_revoked(proof.digests, since=proof.since)


def _by_token(inbox: Inbox, held: Token, *, login: str | None, by_cookie: bool) -> Authenticated:
    rows = list(Contact.objects.filter(visitor=held.visitor))
    stands = _stands(held, rows, login=login, by_cookie=by_cookie)
    proof = _proof(held)
    # If the token no longer identifies its visitor, the revocations of this visitor do not affect its bearer.
    if _is_revoked(proof.digests if stands else _own_digests(held), since=proof.since):
        raise signed_out()
    if not stands:
        return _successor(inbox, held)
    if held.is_dated and not held.grant:
        # Tokens of identified visitors are renewed by the site or the login. The session depends on both tokens.
        held = tokens.issue(held.visitor)
        proof = proof._replace(digests=(*proof.digests, *_own_digests(held)))
    contact = next((row for row in rows if row.inbox_id == inbox.pk), None)
    identity = Identity.of(contact) if contact and held.grant and is_accepted(contact, inbox) else None
    return Authenticated(held.visitor, held, proof, contact, identity)


def _stands(held: Token, rows: Sequence[Contact], *, login: str | None, by_cookie: bool) -> bool:
    """Whether the token alone is enough to be its visitor.

    For an identified visitor, an anonymous token is not enough: it may remain on a computer that others use. A
    cookie that was set for a login ends with it, even if nobody logged out.
    """
    if not held.grant:
        return not any(row.is_identified for row in rows)
    if held.is_expired:
        return False
    if not by_cookie:
        return True
    return login is not None and held.grant in tokens.digests(login) and read_login(login) is not None


def _successor(inbox: Inbox, held: Token) -> Authenticated:
    """A new visitor for this browser, the same in all its tabs until its cookie is replaced."""
    for number in range(MOST_SUCCESSORS):
        visitor = tokens.successor(held, number=number)
        rows = list(Contact.objects.filter(visitor=visitor))
        if not any(row.is_identified for row in rows):
            made = tokens.issue(visitor)
            contact = next((row for row in rows if row.inbox_id == inbox.pk), None)
            return Authenticated(visitor, made, _proof(made), contact)
    made = tokens.issue()
    return Authenticated(made.visitor, made, _proof(made), is_new=True)


def _proof(token: Token) -> Proof:
    nameless = () if token.grant else tokens.nameless_digests(token.visitor)
    return Proof((*_own_digests(token), *tokens.visitor_digests(token.visitor), *nameless), token.issued_at)


def _own_digests(token: Token) -> tuple[str, ...]:
    return (*tokens.digests(token.text), *filter(None, [token.grant]))


def _is_revoked(digests: Sequence[str], *, since: datetime) -> bool:
    return RevokedToken.objects.filter(digest__in=digests, revoked_at__gte=since).exists()
