"""Taking back what somebody is known by: whoever rests on it is signed out, in all processes."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from bridge.chat import publishing
from bridge.identity import tokens
from bridge.models import RevokedToken

MARGIN = timedelta(hours=1)
"""For which a row outlives what it revokes: where one machine's clock is ahead, it must not count again on another."""


def revoke_token(text: str) -> None:
    """This one token. Its sockets end; the visitor's other tokens count on.

    Raises BridgeError (`not_identified`) for what is no token.
    """
    token = tokens.read(text)
    revoke(tokens.digests(token.text), until=token.expires_at)


def revoke_visitor(visitor: uuid.UUID) -> None:
    """Every token of this visitor that was issued until now, whoever has it.

    His conversations stay his own: who is identified comes back to them as soon as his site vouches for him again;
    nobody else does.
    """
    revoke(tokens.visitor_digests(visitor))


def revoke_nameless(visitor: uuid.UUID) -> None:
    """Every anonymous token of his: he was identified just now, and whoever else has one is not him."""
    revoke(tokens.nameless_digests(visitor))


def revoke_login(session_key: str) -> None:
    """A login that ended, with all that was issued for it."""
    # What was issued for it lasts no longer, and the login itself is gone.
    revoke(tokens.digests(session_key), until=timezone.now() + tokens.VOUCHED_FOR)


def revoke(digests: Sequence[str], *, until: datetime | None = None) -> None:
    """What has one of these digests. `until`: when it would be over by itself; None: never."""
    now = timezone.now()
    with transaction.atomic():
        for digest in digests:
            RevokedToken.objects.update_or_create(
                digest=digest, defaults={"revoked_at": now, "expires_at": until}
            )
        RevokedToken.objects.filter(expires_at__lt=now - MARGIN).delete()
        publishing.tell_moderation()
