"""Lines: the deliveries that wait for one endpoint, and who may work them (rules 2 and 3)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from bridge.infra.clock import Clock
from bridge.models import Connection, Delivery, Endpoint

CLAIM = timedelta(seconds=30)
SPARE = 10
"""Lines that are looked at besides those that are wanted: others may be taking the same."""
WRITE_WINDOW = 10.0
"""Seconds after a claim or renewal in which requests may be written. The rest of the claim is for them to land."""


class LineLost(Exception):
    """Somebody else has claimed this line since."""


@dataclass
class Line:
    """A claimed line. `token` is its number of claims: whoever still has the latest holds it."""

    endpoint_id: int
    connection_id: int
    token: int
    began: float
    # Messages of one batch that was refused as a whole are tried one by one.
    single: bool = False
    # How long a claim lasts, and a renewal.
    lasts: timedelta = CLAIM

    @property
    def until(self) -> float:
        """By `Clock.uptime`: no request is written after it."""
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
    """Take up to `limit` lines that are due, longest waiting first; only those of one `connection`, or at these
    `places` (remote ids), where such are given.

    Compare-and-swap on `attempts`: two workers that read the same line do not both get it. Lines are claimed
    and not deliveries, so a poll costs the same with 100,000 deliveries waiting.
    """
    # From before the claim: a pause between the claim and this would lengthen the window.
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
    """Renew the claim and return the endpoint and the database's time. Within a transaction.

    Takes the connection's row first, like every writer: a post cannot slip in between the look at an empty line
    and its emptying.

    Raises:
        LineLost: another worker has it now; nothing may be written for it any more.
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
    """What waits, in order."""
    return endpoint.deliveries.filter(settled_at__isnull=True).order_by("revision", "pk")


def release(endpoint: Endpoint, *, until: datetime) -> None:
    """Leave the line alone until then; anybody may claim it afterwards."""
    Endpoint.objects.filter(pk=endpoint.pk).update(due=until)


@transaction.atomic
def leave(line: Line, *, clock: Clock) -> None:
    """Give a claimed line back at once: its worker stops.

    Raises:
        LineLost: it is not ours to give.
    """
    endpoint, _ = hold(line, clock=clock)
    # By the database: SQLite takes a moment from outside, with its zeros, for later than the same moment of its own.
    Endpoint.objects.filter(pk=endpoint.pk).update(due=clock.now())


def empty(endpoint: Endpoint) -> None:
    """Nothing waits any more. Only while the connection's row is held, or a post could be forgotten."""
    Endpoint.objects.filter(pk=endpoint.pk).update(due=None, failures=0, failing_since=None, trouble="")
