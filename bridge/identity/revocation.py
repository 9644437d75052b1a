"""Revokes tokens and logins. Sessions that depend on them end in all processes."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from bridge.chat import publishing
from bridge.identity import tokens
from bridge.models import RevokedToken

MARGIN = timedelta(hours=1)
"""How long a row is kept after what it revokes has expired, because the clocks of machines differ."""


def revoke_token(text: str) -> None:
    """Revoke one token. Its sockets are closed; the visitor's other tokens stay valid.

    Raises BridgeError (`not_identified`) if it is not a valid token.
    """
    token = tokens.read(text)
    revoke(tokens.digests(token.text), until=token.expires_at)


def revoke_visitor(visitor: uuid.UUID) -> None:
    """Revoke all tokens of this visitor that were issued until now, whoever has them.

    Their conversations stay theirs: an identified visitor has access again as soon as their site confirms them again.
    Nobody else gets access.
    """
    revoke(tokens.visitor_digests(visitor))


def revoke_nameless(visitor: uuid.UUID) -> None:
    """Revoke all anonymous tokens of a visitor who was just identified, because others may have one."""
    revoke(tokens.nameless_digests(visitor))


def revoke_login(session_key: str) -> None:
    """Revoke a login that ended, with all tokens that were issued for it."""
    # These tokens do not last any longer than this, and the login itself no longer exists.
    revoke(tokens.digests(session_key), until=timezone.now() + tokens.VOUCHED_FOR)


def revoke(digests: Sequence[str], *, until: datetime | None = None) -> None:
    """Revoke everything with one of these digests. `until`: when it expires anyway; None: never."""
    now = timezone.now()
    with transaction.atomic():
        for digest in digests:
            RevokedToken.objects.update_or_create(
                digest=digest, defaults={"revoked_at": now, "expires_at": until}
            )
        RevokedToken.objects.filter(expires_at__lt=now - MARGIN).delete()
        publishing.tell_moderation()
