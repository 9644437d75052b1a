"""A conversation's places in services that come and go: somebody opens it in a terminal, and leaves."""

from django.db import transaction

from bridge.chat.actions.receiving import locked
from bridge.models import Connection, Endpoint


@transaction.atomic
def add_endpoint(connection: int, *, service: str, remote_id: str) -> tuple[Endpoint, bool]:
    """The endpoint with this id, and whether it was made now. What is said from then on is carried there."""
    Connection.objects.lock(connection)
    return Endpoint.objects.get_or_create(
        service=service, remote_id=remote_id, defaults={"connection_id": connection}
    )


@transaction.atomic
def remove_place(endpoint: int) -> None:
    """Nothing is carried there any more. What came in there stays. It may be gone already."""
    try:
        locked(endpoint).delete()
    except Endpoint.DoesNotExist:
        return
