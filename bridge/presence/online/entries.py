"""What Redis holds of who is online, and what can be read from it."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bridge.models import Contact

MOST = 200
"""Visitors in one answer about an inbox or a room."""

# The braces keep all of it on one node of a cluster.
PROCESSES = "chatbridge:{online}"
"""A set of “inbox process”. Each beat enters its own again, so whoever finds one without a hash may take it out."""

# KEYS: hashes. Returns how many visitors there are in them, how many of these are identified, and their sockets.
COUNT = """
local seen, visitors, identified, sockets = {}, 0, 0, 0
for _, key in ipairs(KEYS) do
  local entries = redis.call('HGETALL', key)
  for i = 1, #entries, 2 do
    local many, known = string.match(entries[i + 1], '^(%d+) (%d+)')
    sockets = sockets + many
    if not seen[entries[i]] then visitors, seen[entries[i]] = visitors + 1, 1 end
    if known ~= '0' and seen[entries[i]] == 1 then identified, seen[entries[i]] = identified + 1, 2 end
  end
end
return {visitors, identified, sockets}
"""


def key_of(inbox: int, process: str) -> str:
    return f"{PROCESSES}:{inbox}:{process}"


class Count(NamedTuple):
    """How many there are: of visitors, of those among them for whom somebody vouches, and of their sockets."""

    visitors: int = 0
    identified: int = 0
    sockets: int = 0


@dataclass(frozen=True, slots=True)
class Online:
    """A visitor who is there now."""

    inbox: int
    visitor: uuid.UUID
    sockets: int
    identified: bool
    since: datetime
    contact: Contact | None = None
    """What is known of him there; `contact.user_id` is the Django user's, where he is one."""


def keys_among(processes: Any, inboxes: Collection[int] | None) -> list[tuple[int, str]]:
    pairs = (each.decode().split(" ") for each in processes)
    known = [(int(inbox), process) for inbox, process in pairs]
    return [(inbox, key_of(inbox, name)) for inbox, name in known if inboxes is None or inbox in inboxes]


def joined(entries: Iterable[tuple[int, uuid.UUID, bytes]]) -> list[Online]:
    """One for each visitor in an inbox, whatever number of processes he has sockets in."""
    found: dict[tuple[int, uuid.UUID], Online] = {}
    for inbox, visitor, entry in entries:
        sockets, identified, since = map(int, entry.split())
        began = datetime.fromtimestamp(since, UTC)
        if other := found.get((inbox, visitor)):
            sockets, began = sockets + other.sockets, min(began, other.since)
            identified += other.identified
        found[inbox, visitor] = Online(inbox, visitor, sockets, bool(identified), began)
    return sorted(found.values(), key=lambda each: each.since)


def some_in(inbox: int, scanned: Iterable[tuple[int, Mapping[bytes, bytes]]]) -> list[Online]:
    found = (entry for _, entries in scanned for entry in entries.items())
    return joined((inbox, uuid.UUID(who.decode()), entry) for who, entry in found)[:MOST]


def with_contacts(found: Sequence[Online]) -> list[Online]:
    """Blocks."""
    rows = Contact.objects.filter(visitor__in={each.visitor for each in found})
    contacts = {(row.inbox_id, row.visitor): row for row in rows}
    return [replace(each, contact=contacts.get((each.inbox, each.visitor))) for each in found]
