"""A service without an external system: an endpoint in each conversation, which `bridge.api.messages` reads.

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
    """Has the name that BRIDGE_SERVICES gives it, so that several readers can have one each."""

    name: ClassVar[str] = "everything"
    id_type = UUID
    max_length: ClassVar[int] = 1_000_000
    # Only code reads it. Whether it has done so does not matter to visitors.
    reports = False
    hosted = False

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        return (str(connection.uid),)

    async def perform(self, request: Request) -> Answer:
        raise DeliveryFailed("not_carried", "Read it with bridge.api.", permanent=True, certain=True)
