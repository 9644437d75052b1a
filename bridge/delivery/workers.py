"""Runs an outbox for each of several services in one process. Any number of processes can do this."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from bridge import services
from bridge.delivery.nudges import listen
from bridge.delivery.outbox import Outbox
from bridge.infra.clock import Clock
from bridge.infra.database import DatabaseThreads
from bridge.infra.tasks import cancel_and_wait
from bridge.services.base import Service

logger = logging.getLogger(__name__)


def hosted() -> list[str]:
    """Return the services that do not have their own process."""
    return [name for name, service in services.classes().items() if service.hosted]


class OutboxWorkers:
    """Runs the outboxes. `names`: services in BRIDGE_SERVICES. Their classes are called without arguments."""

    def __init__(self, names: Iterable[str], *, clock: Clock) -> None:
        classes = services.classes()
        self._made: list[Service] = [classes[name]() for name in names]
        self._database = DatabaseThreads("services", threads=1, gives_way=True)
        self._outboxes = [Outbox(service, clock=clock, database=self._database) for service in self._made]

    async def run(self) -> None:
        """Run until `stop`."""
        if not self._outboxes:
            return
        logger.info("Sending deliveries to %s.", ", ".join(service.name for service in self._made))
        listening = asyncio.create_task(listen(self._heard))
        try:
            await asyncio.gather(*(outbox.run() for outbox in self._outboxes))
        finally:
            await cancel_and_wait(listening)

    async def stop(self) -> None:
        """Finish the current requests."""
        await asyncio.gather(*(outbox.stop() for outbox in self._outboxes))
        await asyncio.gather(*(service.close() for service in self._made))
        await self._database.close()

    def _heard(self, message: dict[str, Any]) -> None:
        if message["type"] == "bot.nudge":
            for outbox in self._outboxes:
                outbox.nudge()
