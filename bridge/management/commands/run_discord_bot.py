"""`manage.py run_discord_bot`: runs the bot until SIGTERM or Ctrl-C."""

import asyncio
import logging
import signal
import subprocess
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bridge import services
from bridge.chat import hooks
from bridge.conf import settings
from bridge.infra import redis
from bridge.sandbox import defaults, launching
from bridge.services.base import Process, SetupError

logger = logging.getLogger(__name__)

SANDBOX_CHANNELS = {
    defaults.GENERAL_CHANNEL_ID,
    defaults.SUPPORT_CHANNEL_ID,
    defaults.FORUM_CHANNEL_ID,
    defaults.LOBBY_CHANNEL_ID,
}


class Command(BaseCommand):
    help = "Relay messages between the web chat and Discord. With --sandbox, use a sandbox Discord on this machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--sandbox",
            action="store_true",
            help="use the sandbox Discord, and start it if it is not running",
        )
        parser.add_argument(
            "--sandbox-port",
            type=int,
            default=defaults.PORT,
            help="its port; if this is taken, another one is used",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        service = services.find("discord")
        if service is None:
            raise CommandError("BRIDGE_SERVICES has no service “discord”.")
        sandbox = use_sandbox(options["sandbox_port"]) if options["sandbox"] else None
        # Reconnects are normal, so they are logged without a traceback.
        logging.getLogger("discord.client").addFilter(without_traceback)
        try:
            process = service.process()
            redis.start()
            asyncio.run(run(process))
            hooks.drain(hooks.STOP_LIMIT)
        except SetupError as error:
            raise CommandError(str(error)) from None
        finally:
            if sandbox is not None:
                end(sandbox)


async def run(process: Process) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, process.stop)
    await process.run()


def without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        record.msg = f"{record.getMessage()} ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        record.args, record.exc_info = (), None
    return True


def use_sandbox(port: int) -> "subprocess.Popen[bytes] | None":
    """Point the settings at this project's sandbox. Returns its process, or None if it was running already."""
    state = settings.VAR_DIR / "sandbox.json"
    try:
        base, process = launching.launch(state, port=port)
    except OSError as error:
        raise CommandError(str(error)) from None
    settings.DISCORD_TOKEN = defaults.TOKEN
    if str(settings.DISCORD_CHANNEL_ID) not in map(str, SANDBOX_CHANNELS):
        # It is unset, or a channel of the real Discord.
        settings.DISCORD_CHANNEL_ID = defaults.SUPPORT_CHANNEL_ID
    settings.DISCORD_API_URL = defaults.api_url(base)
    settings.DISCORD_GATEWAY_URL = defaults.gateway_url(base)
    if process is None:
        logger.info("The sandbox is already running: %s/", base)
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(launching.PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
