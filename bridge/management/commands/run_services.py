"""`manage.py run_services`: sends messages to services without a process of their own, until SIGTERM or Ctrl-C."""

import asyncio
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bridge.chat import publishing
from bridge.delivery.workers import OutboxWorkers, hosted
from bridge.infra import redis
from bridge.infra.clock import Clock


class Command(BaseCommand):
    help = (
        "Send messages to those services of BRIDGE_SERVICES that need no process of their own. The process of "
        "another service does this, too: use this command on a site without one, or to add more processes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service", nargs="*", help="only these")

    def handle(self, *args: Any, **options: Any) -> None:
        known = hosted()
        names = options["service"] or known
        if unknown := sorted(set(names) - set(known)):
            raise CommandError(
                f"Cannot run {', '.join(unknown)}: the services for this command are {', '.join(known) or 'none'}."
            )
        if not names:
            raise CommandError("BRIDGE_SERVICES contains no service for this command.")
        redis.start()
        asyncio.run(run(names))


async def run(names: list[str]) -> None:
    loop = asyncio.get_running_loop()
    publishing.use_loop(loop)
    workers, stopping = OutboxWorkers(names, clock=Clock()), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    working = asyncio.create_task(workers.run())
    working.add_done_callback(lambda _: stopping.set())
    await stopping.wait()
    await workers.stop()
    await working
