"""Taking back what somebody is known by: whoever rests on it is signed out, in all processes."""

import uuid
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from bridge import broadcast, tokens
from bridge.models import RevokedToken


def revoke_token(text: str) -> None:
    """This one token. Its sockets end; the visitor's other tokens count on.

    Raises BridgeError (`not_identified`) for what is no token.
    """
    token = tokens.read(text)
    _revoke(tokens.digest(token.text), until=token.expires_at)


def revoke_visitor(visitor: uuid.UUID) -> None:
    """Every token of this visitor that was issued until now, whoever has it.

    His conversations stay his own: who is identified comes back to them as soon as his site vouches for him again;
    nobody else does.
    """
    _revoke(tokens.visitor_digest(visitor))


def revoke_nameless(visitor: uuid.UUID) -> None:
    """Every anonymous token of his: he was identified just now, and whoever else has one is not him."""
    _revoke(tokens.nameless_digest(visitor))


def revoke_login(session_key: str) -> None:
    """A login that ended, with all that was issued for it."""
    # What was issued for it lasts no longer, and the login itself is gone.
    _revoke(tokens.digest(session_key), until=timezone.now() + tokens.VOUCHED_FOR)


def _revoke(digest: str, *, until: datetime | None = None) -> None:
    now = timezone.now()
    with transaction.atomic():
        RevokedToken.objects.update_or_create(
            digest=digest, defaults={"revoked_at": now, "expires_at": until}
        )
        # What would be over by itself needs no row any more.
        RevokedToken.objects.filter(expires_at__lt=now).delete()
        transaction.on_commit(broadcast.tell_moderation, robust=True)
