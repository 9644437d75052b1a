"""The services of this installation, as BRIDGE_SERVICES names them."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from django.utils.module_loading import import_string

from bridge.conf import settings
from bridge.services.base import Service


def names() -> list[str]:
    return list(settings.BRIDGE_SERVICES)


def classes() -> dict[str, type[Service]]:
    """Each service's class by its name. Raises ImportError where the setting is wrong (`manage.py check` says how)."""
    return {name: import_string(path) for name, path in settings.BRIDGE_SERVICES.items()}


def usable() -> Iterator[tuple[str, type[Service]]]:
    """Those that can be imported: a page without one is better than none."""
    for name in names():
        with suppress(ImportError):
            if service := find(name):
                yield name, service


def find(name: str) -> type[Service] | None:
    """None for a service without a class: only the Python API reads and writes there."""
    path = settings.BRIDGE_SERVICES.get(name)
    return import_string(path) if path else None


def reports(name: str) -> bool:
    """Whether what this service has counts as delivered."""
    service = find(name)
    return service is None or service.reports


def typed(name: str, remote_id: str, *, given: str = "") -> str | int | UUID:
    """An endpoint's remote id in the type of its service; without a class, in the one that it was `given` in."""
    service = find(name)
    id_type = service.id_type if service else _TYPES[given]
    return id_type(remote_id)


_TYPES: dict[str, type[str] | type[int] | type[UUID]] = {"": str, "int": int, "UUID": UUID}
