"""The services of this installation, as listed in BRIDGE_SERVICES."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from django.utils.module_loading import import_string

from bridge.conf import settings
from bridge.services.base import Service


def names() -> list[str]:
    return list(settings.BRIDGE_SERVICES)


def classes() -> dict[str, type[Service]]:
    """Return the services' classes by name. Raises ImportError if the setting is wrong (see `manage.py check`)."""
    return {name: import_string(path) for name, path in settings.BRIDGE_SERVICES.items()}


def usable() -> Iterator[tuple[str, type[Service]]]:
    """Yield the services that can be imported. A page without one of them is better than no page."""
    for name in names():
        with suppress(ImportError):
            if service := find(name):
                yield name, service


def find(name: str) -> type[Service] | None:
    """Return a service's class; None if it has none, because only the Python API reads and writes there."""
    path = settings.BRIDGE_SERVICES.get(name)
    return import_string(path) if path else None


def reports(name: str) -> bool:
    """Return whether messages that this service has stored count as delivered."""
    service = find(name)
    return service is None or service.reports


def typed(name: str, remote_id: str, *, given: str = "") -> str | int | UUID:
    """Return a remote id in the type of its service; if that has no class, in the type in which it was `given`."""
    service = find(name)
    id_type = service.id_type if service else _TYPES[given]
    return id_type(remote_id)


_TYPES: dict[str, type[str] | type[int] | type[UUID]] = {"": str, "int": int, "UUID": UUID}
