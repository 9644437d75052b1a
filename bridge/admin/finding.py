"""Searches for the admin: IDs and nicks anywhere, by indexes; texts in a limited stretch of the list.

The two databases have no full-text index in common, and another index would make storing every message slower.
"""

import re
import uuid
from dataclasses import dataclass, field, replace

from django.db import connection
from django.db.models import Q, Value
from django.db.models.functions import Lower

from bridge.conf import settings
from bridge.models import Connection, Contact, Endpoint, Message, Participant, RemoteMessage, RemotePart, Room

MOST = 1000
"""Conversations that a search for a nick finds at most. If there are more, a longer beginning is needed."""
NEWEST = 50
"""Messages that a search for the ID of a conversation finds."""

_HEX = re.compile(r"[0-9a-f]{6,32}")
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class Found:
    """The result of a search: a condition for the list, and what the page says about it."""

    condition: Q | None = None
    """None: all rows."""
    walks: bool = False
    """Whether `condition` has to be checked for each row."""
    conversations: list[Connection] = field(default_factory=list)
    """Conversations that are linked above the list."""
    too_many: bool = False
    """Whether more than MOST conversations match."""


def find_connections(term: str) -> Found:
    """Find conversations by uid or code, by the ID of a thread or message in a service, by a message's uid, by an
    e-mail address, or by the beginning of a nick or of a room's name."""
    if not term:
        return Found()
    by_nick = _with_nick(term)
    # There are few rooms among many conversations; the index `connection_kind` finds them.
    rooms = Room.objects.filter(name__istartswith=term).values_list("pk", flat=True)[:MOST]
    messages = Message.objects.filter(pk__in=_messages_of(term)).values_list("connection_id", flat=True)
    # Also the message that is a thread's card.
    remotes = RemoteMessage.objects.filter(remote_id=term).values_list("endpoint__connection_id", flat=True)
    owners = (owner for _, owner in by_nick[:MOST])
    pks = {*rooms, *_named(term), *messages, *remotes, *_of_address(term), *owners}
    return Found(Q(pk__in=pks), too_many=len(by_nick) > MOST)


def find_endpoints(term: str, *, column: str = "pk", walks: bool = False) -> Found:
    """Find the endpoints of the connections that `find_connections` finds."""
    owners = find_connections(term)
    if owners.condition is None:
        return owners
    connections = Connection.objects.filter(owners.condition).values_list("pk", flat=True)
    endpoints = Endpoint.objects.filter(connection_id__in=list(connections)).values_list("pk", flat=True)
    return replace(owners, condition=Q(**{f"{column}__in": list(endpoints)}), walks=walks)


def find_messages(term: str) -> Found:
    """Find messages by their uid or ID in a service, or those of a conversation; otherwise by text or author.

    In "quotation marks", the term is always searched as text.
    """
    text = term.strip('"')
    if not text:
        return Found()
    if text == term:
        named = _named(term)
        pks = _messages_of(term)
        for owner in named:
            newest = Message.objects.filter(connection_id=owner).order_by("-seq")
            pks.update(newest.values_list("pk", flat=True)[:NEWEST])
        if pks:
            return Found(Q(pk__in=pks), conversations=list(Connection.objects.filter(pk__in=named)))
    authors = [pk for pk, _ in _with_nick(text)[:MOST]]
    return Found(Q(content__icontains=text) | Q(author_id__in=authors), walks=True)


def _of_address(term: str) -> set[int]:
    """The conversations of visitors with this e-mail address."""
    if "@" not in term:
        return set()
    reached = Contact.objects.alias(folded=Lower("email")).filter(folded=term.lower())
    visitors = list(reached.values_list("visitor", flat=True)[:NEWEST])
    return set(Connection.objects.filter(visitor__in=visitors).values_list("pk", flat=True)[:MOST])


def _named(term: str) -> set[int]:
    """The conversations with this ID: their uid, code or thread."""
    endpoints = Endpoint.objects.filter(service__in=list(settings.BRIDGE_SERVICES), remote_id=term)
    pks = set(endpoints.values_list("connection_id", flat=True))
    digits = term.lower().replace("-", "")
    if _HEX.fullmatch(digits):
        first, last = (uuid.UUID(digits.ljust(32, filler)) for filler in "0f")
        pks.update(Connection.objects.filter(uid__range=(first, last)).values_list("pk", flat=True)[:NEWEST])
    return pks


def _messages_of(term: str) -> set[int]:
    """The messages with this ID, here or in a service."""
    remotes = RemoteMessage.objects.filter(remote_id=term).values_list("pk", flat=True)
    pks = set(RemotePart.objects.filter(remote_id__in=list(remotes)).values_list("message_id", flat=True))
    digits = term.lower().replace("-", "")
    if len(digits) == 32 and _HEX.fullmatch(digits):
        pks.update(Message.objects.filter(uid=uuid.UUID(digits)).values_list("pk", flat=True))
    return pks


def _with_nick(beginning: str) -> list[tuple[int, int]]:
    """Participants whose nick begins with this, with their connections: up to MOST + 1 of them."""
    rows = Participant.objects.alias(folded=Lower("nick"))
    if connection.vendor == "postgresql":
        rows = rows.filter(folded__startswith=beginning.lower())
    else:
        # SQLite's LIKE does not use an index if it has an escape character, as in Django's queries.
        rows = rows.filter(
            folded__gte=Lower(Value(beginning)), folded__lt=Lower(Value(f"{beginning}{_LAST}"))
        )
    return list(rows.values_list("pk", "connection_id")[: MOST + 1])
