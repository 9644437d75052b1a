"""Decides whether a first message may open a conversation, and so a thread. Services limit the number of threads.

The database decides, whatever this process has in memory about mutes and words. Nothing is stored for a refusal.
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
"""“Lately” is the time of the inbox's limit divided by this: ten minutes of an hour."""
MANY = 10
"""Unusually many is the amount of that limit divided by this: 50 in those ten minutes, for 500 per hour."""
MOST_COUNTED = 10_000
TOLD_EVERY = timedelta(hours=1)


class Standing(NamedTuple):
    """What is known about a visitor in an inbox who writes without naming a conversation."""

    inbox: Inbox
    target: Target | None
    """The visitor in their open conversation, if they have one."""
    is_resend: bool
    """The message is already stored, in any conversation."""
    after: int
    """The key of their last conversation, 0 for none."""
    bits: int
    """The bits of the proof of work that is required now; 0: none is required."""
    now: datetime


def look(opening: Opening, *, client_id: uuid.UUID) -> Standing:
    """The visitor's standing. Raises BridgeError: `blocked`, or `not_permitted` with `muted_until`."""
    inbox = Inbox.objects.annotate(now=Now()).get(pk=opening.inbox)
    now: datetime = inbox.now
    if is_blocked(inbox.pk, {opening.visitor}):
        raise blocked()
    participants = Participant.objects.filter(
        visitor=opening.visitor, connection__visitor=opening.visitor, connection__inbox=inbox
    )
    if (
        mute := participants.filter(muted_until__gt=now).order_by("-muted_until").first()
    ) and mute.muted_until:
        raise muted(mute.muted_until)
    last = listing.latest(opening.visitor, inbox=inbox.pk)
    target = Target.of(last.connection, last) if last and last.connection.is_open else None
    # Only among their own messages, because anybody can choose the same ID.
    resend = Message.objects.filter(
        author__in=list(participants.values_list("pk", flat=True)), client_id=client_id
    )
    return Standing(
        inbox,
        target,
        is_resend=last is not None and resend.exists(),
        after=last_of(opening),
        bits=bits_asked(inbox, now=now),
        now=now,
    )


def check_proof(standing: Standing, visitor: uuid.UUID, *, challenge: str, answers: Sequence[int]) -> None:
    """Raises BridgeError (`proof_required`) with the next challenge if this does not solve a valid one."""
    demand = Demand(visitor, standing.inbox.pk, standing.after, standing.bits, standing.now)
    if not demand.is_met(challenge, answers):
        text = (
            "This chat checks browsers right now. Solve the challenge in the details, and send the message again "
            "with the proof."
        )
        raise BridgeError(Code.PROOF_REQUIRED, text, **demand.challenge())


def bits_asked(inbox: Inbox, *, now: datetime) -> int:
    """The bits required now: one more for each doubling of an unusual load; 0 if no proof is required."""
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
    """Record, for staff and in the log, that the inbox's limit refused somebody. Once per hour."""
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
