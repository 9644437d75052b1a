"""A service without an outside: it has a place in each conversation, and `bridge.api.messages` reads what arrives.

BRIDGE_SERVICES = {…, "archive": "bridge.services.everything.Everything"}
"""

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from bridge.errors import DeliveryFailed
from bridge.models import Connection
from bridge.services.base import Service
from bridge.services.requests import Answer, Request


class Everything(Service):
    """Its name is the one that BRIDGE_SERVICES gives it, so several readers each have their own."""

    name: ClassVar[str] = "everything"
    id_type = UUID
    max_length: ClassVar[int] = 1_000_000
    # It is code that reads: whether it did says nothing to a visitor.
    reports = False
    hosted = False

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        return (str(connection.uid),)

    async def perform(self, request: Request) -> Answer:
        raise DeliveryFailed("not_carried", "Read it with bridge.api.", permanent=True, certain=True)
