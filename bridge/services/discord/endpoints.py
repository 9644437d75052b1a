"""Queries on Discord's endpoints: of rooms, of threads, and of recently used conversations."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from bridge.models import Connection, Endpoint
from bridge.services.discord.service import DiscordService

RECENT = timedelta(days=7)
BATCH = 500


def opened() -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(service=DiscordService.name, remote_id__isnull=False)


def threads() -> QuerySet[Endpoint]:
    """Return the endpoints of private conversations."""
    return opened().filter(connection__kind=Connection.Kind.PRIVATE)


def rooms() -> QuerySet[Endpoint]:
    """Return the endpoints of all open rooms. Selected by slug, because rooms are few among many conversations."""
    connections = Connection.objects.exclude(slug="").filter(
        kind=Connection.Kind.ROOM, state=Connection.State.OPEN
    )
    return opened().filter(connection__in=list(connections.values_list("pk", flat=True)))


def room_channels() -> list[int]:
    return [int(channel_id or 0) for channel_id in rooms().values_list("remote_id", flat=True)]


def endpoint_of(thread_id: int) -> Endpoint | None:
    endpoints = Endpoint.objects.select_related("connection__inbox")
    return endpoints.filter(service=DiscordService.name, remote_id=str(thread_id)).first()


def lately_used(
    endpoints: QuerySet[Endpoint], connections: QuerySet[Connection], *fields: str
) -> Iterator[tuple[Any, ...]]:
    """Yield these fields of the endpoints of recently used connections."""
    # In two steps. A query for both at once would read all endpoints that ever existed.
    used = connections.filter(active_at__gt=timezone.now() - RECENT)
    for batch in batches(list(used.values_list("pk", flat=True))):
        yield from endpoints.filter(connection_id__in=batch).values_list(*fields)


def batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
