"""Services without an outside: what they are given they keep. They show the least that a service needs."""

import uuid
from collections.abc import Mapping, Sequence
from typing import ClassVar

from bridge.errors import DeliveryFailed
from bridge.models import Connection, Endpoint
from bridge.services.base import Joining, Service
from bridge.services.requests import (
    Answer,
    Delete,
    Done,
    Edit,
    FindOpening,
    Found,
    Missing,
    Open,
    Opened,
    Post,
    ReadBack,
    Request,
    Seen,
    Stored,
)

ELSEWHERE = "elsewhere"


class Elsewhere(Service):
    """Where staff speak in the contract. Nothing is carried there."""

    name: ClassVar[str] = ELSEWHERE
    max_length: ClassVar[int] = 4000
    reports = False
    hosted = False

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        return (f"elsewhere-{connection.uid}",)

    async def perform(self, request: Request) -> Answer:
        raise DeliveryFailed("away", permanent=False, certain=True)


class Team(Service):
    """Where a team answers, for the tests of all that is no service. Nothing is carried there.

    By Discord's name, since that is what it stands for where Discord's package is deleted (`make without`).
    """

    name: ClassVar[str] = "discord"
    id_type = int
    max_length: ClassVar[int] = 2000
    hosted = False
    reasons: ClassVar[Mapping[str, str]] = {
        "blocked_by_automod": "A filter blocked the text: change it, then try again."
    }

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        return () if connection.kind == Connection.Kind.ROOM else (None,)

    @classmethod
    def url_of(cls, endpoint: Endpoint) -> str:
        return f"https://team.example.com/{endpoint.remote_id}"

    async def perform(self, request: Request) -> Answer:
        raise DeliveryFailed("away", permanent=False, certain=True)


class Memory(Service):
    """Opens its places itself, is read back, and takes whatever it is told. `trouble`: what becomes of each write."""

    name: ClassVar[str] = "memory"
    id_type = uuid.UUID
    max_length: ClassVar[int] = 100
    joins = Joining.NONE

    def __init__(self) -> None:
        self.places_held: dict[str, dict[str, str]] = {}
        self.trouble: str | None = None

    async def perform(self, request: Request) -> Answer:
        match request:
            case FindOpening():
                return Missing()
            case ReadBack():
                held = self.places_held[request.thread]
                return Found(tuple(Seen(remote_id, text) for remote_id, text in held.items()))
            case _:
                return self._write(request)

    def _write(self, request: Request) -> Answer:
        if self.trouble == "away":
            raise DeliveryFailed("away", "Nobody is there.", permanent=False, certain=True)
        if self.trouble == "refused":
            raise DeliveryFailed("refused", "Not here.", permanent=True, certain=True)
        answer = self._keep(request)
        if self.trouble == "answer lost":
            raise DeliveryFailed("cut", "The line went dead.", permanent=False, certain=False)
        return answer

    def _keep(self, request: Request) -> Answer:
        new = str(uuid.uuid4())
        match request:
            case Open():
                self.places_held[new] = {}
                return Opened(remote_id=new, card_id=new)
            case Post():
                self.places_held[request.thread][new] = request.text
                return Stored(new)
            case Edit():
                self.places_held[request.thread][request.remote_id] = request.text
            case Delete():
                del self.places_held[request.thread][request.remote_id]
        return Done()
