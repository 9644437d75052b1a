"""The places that terminals have in conversations, and which of them a crash left."""

from uuid import UUID

from bridge.chat.actions.places import remove_place
from bridge.infra import redis
from bridge.models import Endpoint
from bridge.presence import team

ALIVE = 45
"""Seconds that a terminal's sign of life counts."""
SERVICE = "console"


def _key(terminal: str) -> str:
    return f"chatbridge:console:{terminal}"


class Places:
    """`terminal`: a name that no other ever has."""

    def __init__(self, terminal: str) -> None:
        self._terminal = terminal

    def name_of(self, connection: UUID) -> str:
        """A remote id: this terminal's in that conversation."""
        return f"{self._terminal}/{connection}"

    async def beat(self) -> None:
        """To be said again well within ALIVE."""
        await redis.client().set(_key(self._terminal), 1, ex=ALIVE)

    async def forget(self) -> None:
        await redis.client().delete(_key(self._terminal))

    def tidy(self) -> None:
        """Remove what terminals left that are gone: nobody would ever carry there. Blocks.

        While Redis is away nobody knows which those are, and they stay until the next start. One that is alive and is
        taken for gone, since Redis forgot it, makes its place anew.
        """
        found = Endpoint.objects.filter(service=SERVICE).values_list("pk", "remote_id")
        places = {pk: (remote_id or "").partition("/")[0] for pk, remote_id in found}
        if not places:
            return
        try:
            signs = team.blocking_client().mget([_key(terminal) for terminal in places.values()])
        except redis.RedisError:
            return
        for pk, sign in zip(places, signs, strict=True):
            if sign is None:
                remove_place(pk)
