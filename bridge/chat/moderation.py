"""Mutes, blocks, forbidden words and revoked tokens in the memory of this process: no queries, at most two seconds old.

The database has the truth. A process reads it immediately after a nudge, and regularly without one.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import unquote
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from bridge.errors import BridgeError, Code
from bridge.models import Block, Connection, Inbox, Participant, RevokedToken
from bridge.protocol.frames import muted
from bridge.text.filtering import Filter, compiled

RECENT = timedelta(minutes=2)
"""Visitors who were blocked or signed out longer ago have no socket any more, and get none."""
NO_FILTER = Filter()
SAID = {
    "words": "It contains a word that is not allowed here.",
    "links": "Links are not allowed here.",
}


class Proof(NamedTuple):
    """What a session depends on: digests, any of which may be revoked, and since when."""

    digests: tuple[str, ...]
    since: datetime


def is_blocked(inbox: int, visitors: Collection[UUID]) -> bool:
    """Whether one of these visitors, all of one browser, is blocked here, according to the database."""
    return Block.objects.filter(_in_force(), inbox=inbox, visitor__in=visitors).exists()


def blocked() -> BridgeError:
    return BridgeError(Code.BLOCKED, "You have been blocked here.", close=True)


def signed_out() -> BridgeError:
    return BridgeError(
        Code.NOT_IDENTIFIED, "You have been signed out. Please reload the page.", reason="revoked"
    )


def unfit(refusal: str) -> BridgeError:
    return BridgeError(Code.NOT_PERMITTED, SAID[refusal], filter=refusal)


def check_name_of_file(inbox: Inbox, name: str) -> None:
    """Raises BridgeError (`not_permitted`). Everybody sees a file's name, like the text of its message."""
    if refusal := filter_of(inbox).refusal(name):
        raise unfit(refusal)


def filter_of(inbox: Inbox) -> Filter:
    return compiled(inbox.blocked_words, refuse_links=inbox.links == Inbox.Links.REFUSE)


class Moderation:
    def __init__(self) -> None:
        # By (inbox, visitor). Mutes in rooms are not here: they are read with each post.
        self._muted: dict[tuple[int, UUID], datetime] = {}
        self._blocked: frozenset[tuple[int, UUID]] = frozenset()
        # The revoked digests, and when they were revoked.
        self._revoked: dict[str, datetime] = {}
        self._filters: dict[int, Filter] = {}

    def know(self, inbox: Inbox) -> None:
        """Remember the filter of an inbox that was just read."""
        self._filters[inbox.pk] = filter_of(inbox)

    def refresh(self, inboxes: Collection[int]) -> None:
        """Read the database: four small queries, however many visitors there are."""
        now = timezone.now()
        muted = Participant.objects.filter(
            muted_until__gt=now, visitor__isnull=False, connection__kind=Connection.Kind.PRIVATE
        )
        self._muted = {
            (inbox, visitor): until
            for inbox, visitor, until in muted.values_list("connection__inbox_id", "visitor", "muted_until")
            if visitor is not None and until is not None
        }
        recent = Block.objects.filter(_in_force(), created_at__gt=now - RECENT)
        self._blocked = frozenset(recent.values_list("inbox_id", "visitor"))
        revoked = RevokedToken.objects.filter(revoked_at__gt=now - RECENT)
        self._revoked = dict(revoked.values_list("digest", "revoked_at"))
        for inbox in Inbox.objects.filter(pk__in=inboxes):
            self.know(inbox)

    def is_blocked(self, inbox: int, visitor: UUID) -> bool:
        """Whether they were blocked just now."""
        return bool(self._blocked) and (inbox, visitor) in self._blocked

    def is_revoked(self, proof: Proof | None) -> bool:
        """Whether something that a session depends on was revoked just now."""
        if not self._revoked or proof is None:
            return False
        times = (self._revoked.get(digest) for digest in proof.digests)
        return any(at is not None and at >= proof.since for at in times)

    def check_speaker(self, inbox: int, visitor: UUID) -> None:
        """Raises BridgeError: `blocked`, which closes the socket, or `not_permitted` with `muted_until`."""
        if self.is_blocked(inbox, visitor):
            raise blocked()
        if (until := self.muted_until(inbox, visitor)) is not None:
            raise muted(until)

    def muted_until(self, inbox: int, visitor: UUID) -> datetime | None:
        until = self._muted.get((inbox, visitor)) if self._muted else None
        return until if until is not None and until > timezone.now() else None

    def refusal(self, inbox: int, text: str) -> str:
        return self._filters.get(inbox, NO_FILTER).refusal(text)

    def check_text(self, inbox: int, text: str) -> None:
        """Raises BridgeError (`not_permitted`), with the reason in `filter`."""
        if refusal := self.refusal(inbox, text):
            raise unfit(refusal)

    def fit(self, inbox: int, text: str, *, address: bool = False) -> str:
        """A text that comes with a message, e.g. the title of the page: empty if it is not allowed.

        `address`: the text is an address, so it may be a link.
        """
        refusal = self.refusal(inbox, unquote(text) if address else text)
        return "" if refusal == "words" or (refusal and not address) else text


def _in_force() -> Q:
    return Q(until__isnull=True) | Q(until__gt=timezone.now())
