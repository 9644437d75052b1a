"""What the search boxes find: IDs and nicks anywhere, through indexes; texts in a stretch of the list.

There is no full text index that both databases share, and every message would pay for another index.
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
"""Conversations that one nick may bring up; beyond them its beginning has to be longer."""
NEWEST = 50
"""Messages that the id of a whole conversation brings up."""

_HEX = re.compile(r"[0-9a-f]{6,32}")
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class Found:
    """What a search leaves of a list, and what the page says about it."""

    condition: Q | None = None
    """None: everything."""
    walks: bool = False
    """Whether `condition` has to be asked of each row."""
    conversations: list[Connection] = field(default_factory=list)
    """To be linked above the list."""
    too_many: bool = False
    """More than MOST conversations fit."""


def find_connections(term: str) -> Found:
    """By uid, code, a thread's or message's id in a service, a message's uid, an e-mail address, or the beginning of a
    nick or of a room's name."""
    if not term:
        return Found()
    by_nick = _with_nick(term)
    # Few among many conversations, found through `connection_kind`.
    rooms = Room.objects.filter(name__istartswith=term).values_list("pk", flat=True)[:MOST]
    messages = Message.objects.filter(pk__in=_messages_of(term)).values_list("connection_id", flat=True)
    # Also the message that is a thread's card.
    remotes = RemoteMessage.objects.filter(remote_id=term).values_list("endpoint__connection_id", flat=True)
    owners = (owner for _, owner in by_nick[:MOST])
    pks = {*rooms, *_named(term), *messages, *remotes, *_of_address(term), *owners}
    return Found(Q(pk__in=pks), too_many=len(by_nick) > MOST)


def find_endpoints(term: str, *, column: str = "pk", walks: bool = False) -> Found:
    """Those of the connections that `find_connections` finds."""
    owners = find_connections(term)
    if owners.condition is None:
        return owners
    connections = Connection.objects.filter(owners.condition).values_list("pk", flat=True)
    endpoints = Endpoint.objects.filter(connection_id__in=list(connections)).values_list("pk", flat=True)
    return replace(owners, condition=Q(**{f"{column}__in": list(endpoints)}), walks=walks)


def find_messages(term: str) -> Found:
    """By the message's uid or id in a service, or a conversation's; else by text or author along the list.

    In "quotation marks" it is a text whatever it looks like.
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
    """Participants whose nick begins like this, with their connections: up to MOST + 1 of them."""
    rows = Participant.objects.alias(folded=Lower("nick"))
    if connection.vendor == "postgresql":
        rows = rows.filter(folded__startswith=beginning.lower())
    else:
        # SQLite's LIKE looks into no index where it has an escape character, as Django's has.
        rows = rows.filter(
            folded__gte=Lower(Value(beginning)), folded__lt=Lower(Value(f"{beginning}{_LAST}"))
        )
    return list(rows.values_list("pk", "connection_id")[: MOST + 1])
