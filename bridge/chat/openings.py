"""Whether a first message may open a conversation, and with it a thread, of which a service takes only so many.

The database decides, whatever this process knows of mutes and words. Nothing is stored for what is refused here.
"""

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q
from django.db.models.functions import Now

from bridge.chat import listing
from bridge.chat.actions.opening import last_of
from bridge.chat.moderation import blocked, is_blocked
from bridge.chat.speaking import Opening, Target
from bridge.errors import BridgeError, Code
from bridge.infra.limits import Limit, throttles
from bridge.infra.proofs import LEAST, MOST, Demand
from bridge.models import Connection, Inbox, Message, Participant
from bridge.protocol.frames import muted

logger = logging.getLogger(__name__)

RECENT = 6
"""“Just now” is this part of the time for which an inbox has its limit: ten minutes of an hour."""
MANY = 10
"""Unusually many are this part of that limit: 50 in those ten minutes, of 500 an hour."""
MOST_COUNTED = 10_000
TOLD_EVERY = timedelta(hours=1)


class Standing(NamedTuple):
    """How a visitor stands in an inbox who writes without naming a conversation."""

    inbox: Inbox
    target: Target | None
    """The visitor in their open conversation, where they have one."""
    is_resend: bool
    """The message is stored already, wherever."""
    after: int
    """The key of their last conversation, 0 for none."""
    bits: int
    """Of the proof of work that is asked of whom nobody knows; 0: none is."""
    now: datetime


def look(opening: Opening, *, client_id: uuid.UUID) -> Standing:
    """Raises BridgeError where they may not write here: `blocked`, or `not_permitted` with `muted_until`."""
    inbox = Inbox.objects.annotate(now=Now()).get(pk=opening.inbox)
    now: datetime = inbox.now
    if is_blocked(inbox.pk, {opening.visitor}):
        raise blocked()
    mine = Participant.objects.filter(
        visitor=opening.visitor, connection__visitor=opening.visitor, connection__inbox=inbox
    )
    if (mute := mine.filter(muted_until__gt=now).order_by("-muted_until").first()) and mute.muted_until:
        raise muted(mute.muted_until)
    last = listing.latest(opening.visitor, inbox=inbox.pk)
    target = Target.of(last.connection, last) if last and last.connection.is_open else None
    # Of theirs alone: anybody may choose the same id.
    resend = Message.objects.filter(author__in=list(mine.values_list("pk", flat=True)), client_id=client_id)
    return Standing(
        inbox,
        target,
        is_resend=last is not None and resend.exists(),
        after=last_of(opening),
        bits=bits_asked(inbox, now=now),
        now=now,
    )


def check_proof(standing: Standing, visitor: uuid.UUID, *, challenge: str, answers: Sequence[int]) -> None:
    """Raises BridgeError (`proof_required`) with the next challenge, where this solves none that counts here."""
    demand = Demand(visitor, standing.inbox.pk, standing.after, standing.bits, standing.now)
    if not demand.is_met(challenge, answers):
        text = (
            "This chat checks browsers right now. Solve the challenge in the details, and send the message again "
            "with the proof."
        )
        raise BridgeError(Code.PROOF_REQUIRED, text, **demand.challenge())


def bits_asked(inbox: Inbox, *, now: datetime) -> int:
    """More for each doubling of what is unusual; 0 where none is asked."""
    limit = throttles()["opening"].inbox
    if inbox.proof == Inbox.Proof.OFF or (limit is None and inbox.proof == Inbox.Proof.AUTOMATIC):
        return 0
    load = opened_lately(inbox, limit, now=now) // max(1, limit.amount // MANY) if limit else 0
    if not load and inbox.proof == Inbox.Proof.AUTOMATIC:
        return 0
    return min(MOST, LEAST + max(0, load.bit_length() - 1))


def opened_lately(inbox: Inbox, limit: Limit, *, now: datetime) -> int:
    since = now - timedelta(seconds=limit.seconds / RECENT)
    opened = Connection.objects.filter(inbox=inbox, created_at__gt=since)
    return opened[:MOST_COUNTED].count()


def note_full(standing: Standing) -> None:
    """The inbox's limit refused somebody. Whoever is first within an hour writes it down for staff and the log."""
    inbox, since = standing.inbox, standing.now - TOLD_EVERY
    if inbox.full_at is not None and inbox.full_at > since:
        return
    stale = Q(full_at__isnull=True) | Q(full_at__lte=since)
    if Inbox.objects.filter(stale, pk=inbox.pk).update(full_at=standing.now, full_told=False):
        logger.warning(
            "The inbox “%s” has reached its limit of new conversations, so new visitors have to wait. See “Under "
            "attack” in docs/operating.md.",
            inbox,
        )
