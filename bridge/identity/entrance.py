"""The one way in for visitors. Sockets, the HTTP API, uploads and files all ask `admit`, and pages ask `open_inbox`."""

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
    """A visitor who may use an inbox."""

    inbox: Inbox
    visitor: Authenticated


def admit(inbox: Inbox | str, credentials: Credentials, handshake: Handshake) -> Admitted:
    """Let a visitor into an inbox, given by its name or as it was just read. Blocks.

    Raises BridgeError: `not_found` where there is no such inbox, `not_permitted` for another site's page,
    `not_identified` as `authenticate` does, or with `details.reason` `sign_in`, and `blocked`.
    """
    inbox = open_inbox(inbox, handshake)
    visitor = authenticate(inbox, credentials)
    if inbox.identity_required and visitor.identity is None:
        raise BridgeError(
            Code.NOT_IDENTIFIED, "Please sign in first: this chat is for known users.", reason="sign_in"
        )
    known_as = {visitor.visitor}
    # A block also holds under another token, in a browser whose cookie names a blocked visitor.
    with suppress(BridgeError):
        known_as.add(tokens.read(handshake.cookie or "").visitor)
    if is_blocked(inbox.pk, known_as):
        raise blocked()
    return Admitted(inbox, visitor)


def open_inbox(inbox: Inbox | str, handshake: Handshake) -> Inbox:
    """The inbox, if it is switched on and this page's site may open it. Raises BridgeError as `admit` does."""
    if isinstance(inbox, str):
        # PostgreSQL takes no NUL, not even to look for it.
        found = Inbox.objects.filter(name=inbox).first() if inbox.isprintable() else None
    else:
        found = inbox
    if found is None or not found.enabled:
        raise BridgeError(Code.NOT_FOUND, "There is no such chat.")
    if handshake.origin and handshake.origin not in found.origins:
        raise OriginRefused("This site may not open this chat.")
    return found


def opens_any_inbox(origin: str) -> bool:
    """Whether another site's pages may open any inbox at all; which one, `admit` decides. Blocks."""
    inboxes = Inbox.objects.filter(enabled=True).exclude(allowed_origins="")
    return any(origin in inbox.origins for inbox in inboxes)


def claimed_visitor(credentials: Credentials) -> uuid.UUID:
    """The visitor that a token is for, whether or not it still counts: for throttles, before any query.

    Raises BridgeError (`not_identified`) where there is none.
    """
    if not credentials.token:
        raise BridgeError(Code.NOT_IDENTIFIED, "This takes a visitor's token: POST /api/session gives one.")
    return tokens.read(credentials.token).visitor
