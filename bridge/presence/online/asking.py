"""Who is online, asked from code that awaits. Each raises RedisError where Redis is away."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from asgiref.sync import sync_to_async

from bridge.infra import redis
from bridge.models import Connection, Contact, Inbox, Participant
from bridge.presence.members import Members
from bridge.presence.online.entries import (
    COUNT,
    MOST,
    PROCESSES,
    Count,
    Online,
    joined,
    keys_among,
    some_in,
    with_contacts,
)


async def count(inbox: Inbox | int) -> Count:
    """How many are online in this inbox."""
    pk = inbox if isinstance(inbox, int) else inbox.pk
    keys = keys_among(await redis.client().smembers(PROCESSES), {pk})
    if not keys:
        return Count()
    return Count(*await redis.client().register_script(COUNT)(keys=[key for _, key in keys]))


async def is_online(visitor: uuid.UUID, *, inbox: Inbox | int | None = None) -> bool:
    """Whether this visitor has a page open: in this inbox, or in any."""
    wanted = None if inbox is None else {inbox if isinstance(inbox, int) else inbox.pk}
    return bool(await _find([visitor], wanted))


async def sessions(
    *,
    connection: Connection | None = None,
    visitor: uuid.UUID | None = None,
    user: Any = None,
    inbox: Inbox | int | None = None,
) -> list[Online]:
    """Who is online, by one of these: in a conversation or a room, as a visitor, as a Django user, in an inbox.

    Who came first, first; of a room or an inbox at most MOST. In a room are those who joined it and did not leave.
    """
    given = [each for each in (connection, visitor, user, inbox) if each is not None]
    if len(given) != 1:
        raise TypeError("sessions() takes one of connection, visitor, user and inbox")
    if inbox is not None:
        return await _all_of(inbox if isinstance(inbox, int) else inbox.pk)
    if visitor is not None:
        return await _with_contacts(await _find([visitor], None))
    if user is not None:
        his = Contact.objects.filter(user=user).values_list("inbox_id", "visitor")
        pairs = {pair async for pair in his}
        found = await _find([visitor for _, visitor in pairs], {inbox for inbox, _ in pairs})
        return await _with_contacts([each for each in found if (each.inbox, each.visitor) in pairs])
    assert connection is not None  # noqa: S101  # the only one that is left
    return await _with_contacts(await _find(await _visitors_of(connection), {connection.inbox_id}))


async def _visitors_of(connection: Connection) -> list[uuid.UUID]:
    if connection.kind == Connection.Kind.PRIVATE:
        return [connection.visitor] if connection.visitor else []
    _, uids = await Members().roster(str(connection.uid), most=MOST)
    people = Participant.objects.filter(connection=connection, uid__in=uids, visitor__isnull=False)
    return [visitor async for visitor in people.values_list("visitor", flat=True) if visitor]


async def _find(visitors: Sequence[uuid.UUID], inboxes: Collection[int] | None) -> list[Online]:
    """Those of these visitors who are online in these inboxes, or in any."""
    keys = keys_among(await redis.client().smembers(PROCESSES), inboxes)
    if not keys or not visitors:
        return []
    asking = redis.client().pipeline(transaction=False)
    for _, key in keys:
        asking.hmget(key, [visitor.hex for visitor in visitors])
    answers = await asking.execute()
    return joined(
        (inbox, visitor, entry)
        for (inbox, _), found in zip(keys, answers, strict=True)
        for visitor, entry in zip(visitors, found, strict=True)
        if entry is not None
    )


async def _all_of(inbox: int) -> list[Online]:
    keys = keys_among(await redis.client().smembers(PROCESSES), {inbox})
    asking = redis.client().pipeline(transaction=False)
    for _, key in keys:
        asking.hscan(key, count=MOST)
    return await _with_contacts(some_in(inbox, await asking.execute()))


_with_contacts = sync_to_async(with_contacts)
