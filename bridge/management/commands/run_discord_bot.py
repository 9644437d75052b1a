"""`manage.py run_discord_bot`: the bot, until SIGTERM or Ctrl-C."""

import asyncio
import logging
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from time import monotonic, sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bridge import redis
from bridge.bot import setup
from bridge.bot.runner import Runner
from bridge.conf import settings
from bridge.sandbox import defaults

PATIENCE = 15.0
SANDBOX_CHANNELS = {
    str(channel)
    for channel in (
        defaults.GENERAL_CHANNEL_ID,
        defaults.SUPPORT_CHANNEL_ID,
        defaults.FORUM_CHANNEL_ID,
        defaults.LOBBY_CHANNEL_ID,
    )
}


class Command(BaseCommand):
    help = "Relay between the web chat and Discord. With --sandbox, a Discord of your own on this machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--sandbox",
            action="store_true",
            help="use the sandbox Discord, and start it where it does not run",
        )
        parser.add_argument("--sandbox-port", type=int, default=defaults.PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        sandbox = use_sandbox(options["sandbox_port"]) if options["sandbox"] else None
        if not settings.DISCORD_TOKEN:
            raise CommandError(setup.NOT_SET)
        redis.start()
        # A reconnect is daily business, not an error with its whole stack.
        logging.getLogger("discord.client").addFilter(without_traceback)
        try:
            asyncio.run(run())
        except setup.SetupError as error:
            raise CommandError(str(error)) from None
        finally:
            if sandbox is not None:
                end(sandbox)


async def run() -> None:
    runner = Runner()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, runner.stop)
    await runner.run()


def without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        record.msg = f"{record.getMessage()} ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        record.args, record.exc_info = (), None
    return True


def use_sandbox(port: int) -> "subprocess.Popen[bytes] | None":
    """Point the settings at the sandbox; the process that was started for it, or None where one runs."""
    base = f"http://{defaults.HOST}:{port}"
    settings.DISCORD_TOKEN = defaults.TOKEN
    if str(settings.DISCORD_CHANNEL_ID) not in SANDBOX_CHANNELS:
        # None, or one of the real Discord.
        settings.DISCORD_CHANNEL_ID = defaults.SUPPORT_CHANNEL_ID
    settings.DISCORD_API_URL = defaults.api_url(base)
    settings.DISCORD_GATEWAY_URL = defaults.gateway_url(base)
    if answers(base):
        return None
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    state = settings.VAR_DIR / "sandbox.json"
    arguments = [sys.executable, "-m", "bridge.sandbox", "--port", str(port), "--state", str(state)]
    process = subprocess.Popen(arguments, start_new_session=True)  # our own module
    deadline = monotonic() + PATIENCE
    while not answers(base):
        if process.poll() is not None or monotonic() > deadline:
            end(process)
            raise CommandError(f"The sandbox did not start on port {port}: is the port taken?")
        sleep(0.1)
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()


def answers(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/api/v10/gateway", timeout=2):  # noqa: S310  # loopback
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
