"""Lines: the deliveries that wait for an endpoint, and the claims of workers on them (rules 2 and 3)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from bridge.infra.clock import Clock
from bridge.models import Connection, Delivery, Endpoint

CLAIM = timedelta(seconds=30)
SPARE = 10
"""Number of lines to read in addition to those wanted, because other workers may be claiming the same ones."""
WRITE_WINDOW = 10.0
"""Seconds after a claim or renewal during which requests may be written. In the rest of the claim they arrive."""


class LineLost(Exception):
    """Another worker has claimed this line in the meantime."""


@dataclass
class Line:
    """A claimed line. `token` is its number of claims, and the worker with the latest number holds it."""

    endpoint_id: int
    connection_id: int
    token: int
    began: float
    # Whether messages are sent one by one, because several that were joined have been refused.
    single: bool = False
    # How long a claim or a renewal lasts.
    lasts: timedelta = CLAIM

    @property
    def until(self) -> float:
        """No request may be written after this time of `Clock.uptime`."""
        return self.began + WRITE_WINDOW


def claim(
    service: str,
    *,
    limit: int,
    clock: Clock,
    lasts: timedelta = CLAIM,
    connection: int | None = None,
    places: Collection[str] | None = None,
) -> list[Line]:
    """Claim up to `limit` lines that are due, longest waiting first.

    `connection`: only lines of this connection. `places`: only lines with these remote ids.

    Compares and swaps `attempts`, so that two workers that read the same line do not both get it. Lines are claimed
    and not deliveries, so a poll costs the same if 100,000 deliveries are waiting.
    """
    # Read before the claim, because a pause in between would lengthen the window.
    began = clock.uptime()
    due = Endpoint.objects.filter(service=service, due__lte=clock.now()).order_by("due")
    if connection is not None:
        due = due.filter(connection=connection)
    if places is not None:
        due = due.filter(remote_id__in=places)
    lines: list[Line] = []
    for pk, owner, attempts in list(due.values_list("pk", "connection_id", "attempts")[: limit + SPARE]):
        if len(lines) == limit:
            break
        taken = Endpoint.objects.filter(pk=pk, attempts=attempts, due__lte=clock.now()).update(
            attempts=F("attempts") + 1, due=clock.now() + lasts
        )
        if taken:
            line = Line(endpoint_id=pk, connection_id=owner, token=attempts + 1, began=began, lasts=lasts)
            lines.append(line)
    return lines


def hold(line: Line, *, clock: Clock) -> tuple[Endpoint, datetime]:
    """Renew the claim and return the endpoint and the database's time. Call it in a transaction.

    Locks the connection's row first, like everything that writes. So no post can come in between finding that a line
    is empty and marking it as empty.

    Raises:
        LineLost: another worker has the line now, and nothing may be written for it any more.
    """
    began = clock.uptime()
    Connection.objects.lock(line.connection_id)
    held = Endpoint.objects.filter(pk=line.endpoint_id, attempts=line.token)
    if not held.update(due=clock.now() + line.lasts):
        raise LineLost(line.endpoint_id)
    endpoint = held.select_related("connection__inbox").annotate(now=clock.now()).get()
    line.began = began
    return endpoint, endpoint.now


def unsettled(endpoint: Endpoint) -> QuerySet[Delivery]:
    """Return the waiting deliveries, in order."""
    return endpoint.deliveries.filter(settled_at__isnull=True).order_by("revision", "pk")


def release(endpoint: Endpoint, *, until: datetime) -> None:
    """Leave the line alone until then. After that, any worker may claim it."""
    Endpoint.objects.filter(pk=endpoint.pk).update(due=until)


@transaction.atomic
def leave(line: Line, *, clock: Clock) -> None:
    """Release a claimed line at once, because its worker stops.

    Raises:
        LineLost: the line is no longer ours.
    """
    endpoint, _ = hold(line, clock=clock)
    # The database's own time: SQLite considers a parameter, with trailing zeros, later than the same time of its own.
    Endpoint.objects.filter(pk=endpoint.pk).update(due=clock.now())


def empty(endpoint: Endpoint) -> None:
    """Mark the line as empty. The connection's row must be locked, or a new post could be forgotten."""
    Endpoint.objects.filter(pk=endpoint.pk).update(due=None, failures=0, failing_since=None, trouble="")
