"""The lease of the gateway: one process owns it at a time (rule 10). Two would each believe they see all events."""

import os
import secrets
import socket
from datetime import datetime, timedelta

from django.db import transaction

from bridge.infra.clock import Clock
from bridge.models import Lease

GATEWAY = "gateway"
TERM = timedelta(seconds=12)
RENEW_EVERY = 3.0
GIVE_UP_AFTER = 8.0
"""Seconds without a renewal after which the owner stops, in any case before another process may start."""


def new_holder() -> str:
    """Return a name that no other process ever has."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


@transaction.atomic
def acquire(holder: str, *, clock: Clock) -> bool:
    """Take the lease if it is free or has expired by the database's time, or renew it if it is ours."""
    Lease.objects.get_or_create(name=GATEWAY, defaults={"expires_at": datetime.fromtimestamp(0).astimezone()})
    lease = Lease.objects.filter(name=GATEWAY, holder=holder)
    expired = Lease.objects.filter(name=GATEWAY, expires_at__lt=clock.now())
    changes = {"holder": holder, "expires_at": clock.now() + TERM}
    return bool(lease.update(**changes) or expired.update(**changes))


def release(holder: str, *, clock: Clock) -> None:
    """Release the lease, so that the next process can start at once."""
    Lease.objects.filter(name=GATEWAY, holder=holder).update(expires_at=clock.now() - timedelta(seconds=1))


def beat(holder: str, *, clock: Clock) -> None:
    """Record that the gateway is connected and all events are handled. The next READY need not look further back."""
    Lease.objects.filter(name=GATEWAY, holder=holder).update(heartbeat_at=clock.now())


def last_beat() -> datetime | None:
    return Lease.objects.filter(name=GATEWAY).values_list("heartbeat_at", flat=True).first()
