"""Conversations that other services begin or join, for code without a service class of its own."""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction

from bridge import services
from bridge.chat.actions.opening import add_endpoints, begin
from bridge.errors import BridgeError, Code
from bridge.models import WEB, Connection, Endpoint, Inbox
from bridge.protocol.values import as_nick

LONGEST = 255
"""Characters of an ID, as in its column. A service's name has at most 32."""


@dataclass(frozen=True)
class Place:
    """The address of an endpoint in a service: its ID as text, and the type in which it was given."""

    service: str
    remote_id: str
    id_type: str


def place_of(service: str, remote_id: str | int | UUID) -> Place:
    """The place with this ID. Raises TypeError or ValueError if the ID is not valid for this service."""
    if not service or len(service) > 32 or service == WEB:
        raise ValueError(f"the name of a service must have 1 to 32 characters and not be “web”: {service!r}")
    service_class = services.find(service)
    expected: tuple[type, ...] = (service_class.id_type,) if service_class else (str, int, UUID)
    if not isinstance(remote_id, expected) or isinstance(remote_id, bool):
        names = ", ".join(id_type.__name__ for id_type in expected)
        raise TypeError(f"an ID of {service} must be a {names}, not {remote_id!r}")
    text = str(remote_id)
    if not text or len(text) > LONGEST or "\0" in text:
        raise ValueError(f"an ID must have 1 to {LONGEST} characters")
    kind = next((id_type.__name__ for id_type in (int, UUID) if isinstance(remote_id, id_type)), "")
    return Place(service, text, kind)


def find_inbox(name: str) -> Inbox:
    inbox = Inbox.objects.filter(name=name).first()
    if inbox is None:
        raise BridgeError(Code.NOT_FOUND, f"There is no inbox {name!r}.")
    return inbox


def find_or_open(place: Place, *, inbox: str, nick: str, alone: bool) -> Endpoint:
    """The endpoint of this place, with its connection. Both are created if they do not exist.

    `alone`: without the endpoints that the services in BRIDGE_SERVICES have in every conversation.

    Raises BridgeError: `not_found` if there is no such inbox.
    """
    if (match := _find(place)) is not None:
        return match
    owner = find_inbox(inbox)
    try:
        with transaction.atomic():
            connection = Connection.objects.create(inbox=owner, nick=as_nick(nick) or "")
            endpoint = Endpoint.objects.create(
                connection=connection,
                service=place.service,
                remote_id=place.remote_id,
                id_type=place.id_type,
            )
            if not alone:
                add_endpoints(connection, but=[place.service])
            begin(connection)
            return endpoint
    except IntegrityError:
        # Another process was faster (constraint endpoint_remote).
        if (match := _find(place)) is None:
            raise
        return match


def join(connection: Connection, place: Place) -> Endpoint:
    """Add this place to a conversation as an endpoint, which gets all messages from now on.

    Raises BridgeError: `conflict` if the place belongs to another conversation.
    """
    with transaction.atomic():
        Connection.objects.lock(connection.pk)
        endpoint, _ = Endpoint.objects.get_or_create(
            service=place.service,
            remote_id=place.remote_id,
            defaults={"connection": connection, "id_type": place.id_type},
        )
    if endpoint.connection_id != connection.pk:
        raise BridgeError(
            Code.CONFLICT, f"{place.service} {place.remote_id} belongs to another conversation."
        )
    return endpoint


def _find(place: Place) -> Endpoint | None:
    here = Endpoint.objects.filter(service=place.service, remote_id=place.remote_id)
    return here.select_related("connection__inbox").first()
