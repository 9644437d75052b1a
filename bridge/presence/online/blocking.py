"""Who is online, asked from code that blocks, as the admin does. Each raises RedisError where Redis is away."""

import uuid
from collections.abc import Collection

from bridge.models import Connection
from bridge.presence import members
from bridge.presence.online.entries import (
    COUNT,
    MOST,
    PROCESSES,
    Count,
    Online,
    keys_among,
    some_in,
    with_contacts,
)
from bridge.presence.team import blocking_client


def online_in(inboxes: Collection[int]) -> dict[int, Count]:
    """How many are online in each of these inboxes."""
    client = blocking_client()
    keys = keys_among(client.smembers(PROCESSES), inboxes)
    asking = client.pipeline(transaction=False)
    for inbox in inboxes:
        mine = [key for where, key in keys if where == inbox]
        asking.eval(COUNT, len(mine), *mine)
    return {inbox: Count(*answer) for inbox, answer in zip(inboxes, asking.execute(), strict=True)}


def some_of(inbox: int) -> list[Online]:
    """Who is online in this inbox, at most MOST of them."""
    client = blocking_client()
    asking = client.pipeline(transaction=False)
    for _, key in keys_among(client.smembers(PROCESSES), {inbox}):
        asking.hscan(key, count=MOST)
    return with_contacts(some_in(inbox, asking.execute()))


def is_here(inbox: int, visitor: uuid.UUID) -> bool:
    """Whether this visitor has a page of this inbox open."""
    client = blocking_client()
    asking = client.pipeline(transaction=False)
    for _, key in keys_among(client.smembers(PROCESSES), {inbox}):
        asking.hexists(key, visitor.hex)
    return any(asking.execute())


def is_open(connection: Connection) -> bool:
    """Whether its visitor has a page open; of a room, whether anybody is in it."""
    if connection.visitor is not None:
        return is_here(connection.inbox_id, connection.visitor)
    uid = str(connection.uid)
    return bool(members.online_in([uid])[uid])
