"""The only entrance for visitors: `admit` for sockets, the HTTP API, uploads and files, `open_inbox` for pages."""

import uuid
from contextlib import suppress
from dataclasses import dataclass

from bridge.chat.moderation import blocked, is_blocked
from bridge.errors import BridgeError, Code
from bridge.identity import tokens
from bridge.identity.authentication import Authenticated, authenticate
from bridge.identity.handshake import Credentials, Handshake
from bridge.identity.origins import OriginRefused
from bridge.models import Inbox


@dataclass(frozen=True, slots=True)
class Admitted:
    inbox: Inbox
    visitor: Authenticated


def admit(inbox: Inbox | str, credentials: Credentials, handshake: Handshake) -> Admitted:
    """Let a visitor into an inbox, given by its name or as a row just read. Blocks the thread.

    Raises BridgeError: `not_found` if there is no such inbox, `not_permitted` for a page of another site,
    `not_identified` as `authenticate` does or with `details.reason` `sign_in`, and `blocked`.
    """
    inbox = open_inbox(inbox, handshake)
    visitor = authenticate(inbox, credentials)
    if inbox.identity_required and visitor.identity is None:
        raise BridgeError(
            Code.NOT_IDENTIFIED,
            "This chat is for identified visitors. Please sign in first.",
            reason="sign_in",
        )
    known_as = {visitor.visitor}
    # A browser whose cookie belongs to a blocked visitor stays blocked, also with another token.
    with suppress(BridgeError):
        known_as.add(tokens.read(handshake.cookie or "").visitor)
    if is_blocked(inbox.pk, known_as):
        raise blocked()
    return Admitted(inbox, visitor)


def open_inbox(named: Inbox | str, handshake: Handshake) -> Inbox:
    """The inbox, if it is enabled and the page's site may open it. Raises BridgeError as `admit` does."""
    inbox: Inbox | None
    if isinstance(named, str):
        # PostgreSQL does not accept NUL in a query.
        inbox = Inbox.objects.filter(name=named).first() if named.isprintable() else None
    else:
        inbox = named
    if inbox is None or not inbox.enabled:
        raise BridgeError(Code.NOT_FOUND, "This chat does not exist.")
    if handshake.origin and handshake.origin not in inbox.origins:
        raise OriginRefused("This site is not allowed to open this chat.")
    return inbox


def opens_any_inbox(origin: str) -> bool:
    """Whether pages of another site may open any inbox. `admit` decides which one. Blocks the thread."""
    inboxes = Inbox.objects.filter(enabled=True).exclude(allowed_origins="")
    return any(origin in inbox.origins for inbox in inboxes)


def claimed_visitor(credentials: Credentials) -> uuid.UUID:
    """The visitor of the token, valid or revoked, for the throttles before any query.

    Raises BridgeError (`not_identified`) if there is no token, or an invalid one.
    """
    if not credentials.token:
        raise BridgeError(Code.NOT_IDENTIFIED, "This takes a visitor's token: POST /api/session gives one.")
    return tokens.read(credentials.token).visitor
