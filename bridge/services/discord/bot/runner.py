"""Runs the bot's process: waits for the lease, owns the gateway, and hands it over cleanly."""

import asyncio
import contextlib
import logging
from functools import partial
from typing import Any

import aiohttp
import discord
from django.db import Error as DatabaseProblem

from bridge.chat import publishing, retention
from bridge.conf import settings
from bridge.delivery import workers
from bridge.delivery.nudges import listen
from bridge.infra.clock import Clock
from bridge.infra.database import DatabaseThreads
from bridge.infra.redis import RedisError
from bridge.infra.tasks import cancel_and_wait
from bridge.presence import team
from bridge.services.base import SetupError
from bridge.services.discord.bot import database, lease, setup
from bridge.services.discord.bot.client import BridgeBot, SessionsSpent, point_at_discord
from bridge.services.discord.bot.inspecting import NothingThere

logger = logging.getLogger(__name__)

WAIT_FOR_LEASE = 1.0
PURGE_EVERY = 3600.0
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two attempts to reach Discord."""
LASTED = 120.0
"""Seconds after which a session counts as successful, so that the next pause is short again."""
WAIT_FOR_HELP = 600.0
"""Seconds until the next attempt if only a person can help. Shorter pauses could use up the 1,000 sessions per day."""
CLOSED = {4004: setup.REFUSED, 4013: setup.NO_INTENT, 4014: setup.NO_INTENT}
"""Close codes of the gateway for problems that only a person can solve."""
LOOK_FOR_CHANNEL = 5.0
"""Seconds between two checks whether an inbox has a channel, while none has."""


class Unreachable(Exception):
    """Discord cannot be reached for now."""


class Runner:
    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._holder = lease.new_holder()
        self._stopping = asyncio.Event()
        self._pause = SHORTEST_PAUSE
        # A separate thread, so that the lease is renewed however busy the bot is.
        self._database = DatabaseThreads("lease", threads=1)

    def stop(self) -> None:
        """Finish what has begun, then end."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until `stop`. If only a person can help and there is no other service, wait, then raise SetupError."""
        point_at_discord()
        publishing.use_loop(asyncio.get_running_loop())
        hosted = workers.hosted()
        others = workers.OutboxWorkers(hosted, clock=self._clock)
        carrying = asyncio.create_task(others.run(), name="other services")
        purging = asyncio.create_task(_purge(), name="purge")
        try:
            await self._run(alone=not hosted)
        finally:
            await others.stop()
            await cancel_and_wait(carrying, purging)
            await database.close()
            await self._database.close()

    async def _run(self, *, alone: bool) -> None:
        waiting = False
        while not self._stopping.is_set():
            pause = WAIT_FOR_LEASE
            if await self._acquire():
                waiting = False
                pause = await self._own_or_pause(alone=alone)
            elif not waiting:
                waiting = True
                logger.info("Waiting for the gateway, which another run_discord_bot may be using.")
            await self._sleep(pause)

    async def _own_or_pause(self, *, alone: bool) -> float:
        """Own the gateway as long as possible. Returns the seconds until the next attempt."""
        began = self._clock.uptime()
        try:
            await self._own(BridgeBot(self._clock))
            self._pause = SHORTEST_PAUSE
            return WAIT_FOR_LEASE
        except SetupError as error:
            logger.error("%s Trying again in %.0f minutes.", error, WAIT_FOR_HELP / 60)
            if alone:
                # Without a wait, the process would be restarted at once, again and again.
                await self._sleep(WAIT_FOR_HELP)
                if not self._stopping.is_set():
                    raise
            return WAIT_FOR_HELP
        except SessionsSpent as error:
            pause = min(error.seconds, WAIT_FOR_HELP)
            logger.error("%s Waiting for %.0f s.", error, pause)
            return pause
        except Exception as error:
            if self._clock.uptime() - began > LASTED:
                self._pause = SHORTEST_PAUSE
            pause, self._pause = self._pause, min(LONGEST_PAUSE, self._pause * 2)
            if isinstance(error, Unreachable):
                logger.warning("Discord cannot be reached, retrying in %.0f s: %s", pause, error)
            else:
                logger.exception("The session failed, retrying in %.0f s", pause)
            return pause

    async def _acquire(self) -> bool:
        try:
            return await self._database.run(lease.acquire, self._holder, clock=self._clock)
        except DatabaseProblem as error:
            logger.warning("The database does not answer: %s", error)
            return False

    async def _own(self, bot: BridgeBot) -> None:
        """Own the gateway until stopped, until the lease is lost, or until the session fails."""
        session = asyncio.create_task(self._session(bot), name="session")
        renewing = asyncio.create_task(self._renew(bot), name="lease")
        stopping = asyncio.create_task(self._stopping.wait(), name="stop")
        nudges = asyncio.create_task(listen(partial(_receive, bot)), name="nudges")
        watched: set[asyncio.Task[Any]] = {session, renewing, stopping}
        try:
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if renewing in done:
                # Another process may own the gateway in a moment. Finish the current requests without it.
                session.cancel()
                await bot.leave_gateway()
            await bot.outbox.stop()
        finally:
            await cancel_and_wait(*watched, nudges)
            await bot.close()
            with contextlib.suppress(RedisError):
                await team.gateway_down()
            with contextlib.suppress(DatabaseProblem):
                await self._database.run(lease.release, self._holder, clock=self._clock)
        for task in done:
            task.result()

    async def _session(self, bot: BridgeBot) -> None:
        """Run until the gateway is closed, or a problem is found that only a person can solve."""
        await _log_in(bot)
        await _look_around(bot)
        gateway = asyncio.create_task(bot.connect(), name="gateway")
        outbox = asyncio.create_task(bot.outbox.run(), name="outbox")
        tasks: set[asyncio.Task[Any]] = {gateway, outbox}
        try:
            while not gateway.done():
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        except discord.PrivilegedIntentsRequired as error:
            raise SetupError(setup.NO_INTENT) from error
        except discord.ConnectionClosed as error:
            if error.code in CLOSED:
                raise SetupError(CLOSED[error.code]) from error
            raise Unreachable(f"its gateway closed with {error.code}") from error
        except AttributeError as error:
            # The first connection failed, and discord.py continues with a socket that does not exist. No other error
            # looks like this.
            if error.obj is not None or error.name != "sequence":
                raise
            raise Unreachable("its gateway does not answer") from error
        finally:
            await cancel_and_wait(*tasks)

    async def _renew(self, bot: BridgeBot) -> None:
        """Renew the lease. Returns when it is lost, or so late that it may be lost."""
        renewed = self._clock.uptime()
        while (left := renewed + lease.GIVE_UP_AFTER - self._clock.uptime()) > 0:
            await asyncio.sleep(min(lease.RENEW_EVERY, left))
            before = self._clock.uptime()
            try:
                async with asyncio.timeout(renewed + lease.GIVE_UP_AFTER - before):
                    if not await self._database.run(lease.acquire, self._holder, clock=self._clock):
                        break
                    renewed = before
                    if bot.is_up_to_date:
                        await self._database.run(lease.beat, self._holder, clock=self._clock)
            except (DatabaseProblem, TimeoutError) as error:
                logger.warning("The lease could not be renewed: %r", error)
        logger.warning("This process has lost the lease of the gateway; closing it.")

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


async def _log_in(bot: BridgeBot) -> None:
    try:
        await bot.login(settings.DISCORD_TOKEN)
        await bot.find_gateway()
    except discord.LoginFailure as error:
        raise SetupError(setup.REFUSED) from error
    except (discord.HTTPException, discord.GatewayNotFound, aiohttp.ClientError, OSError) as error:
        raise Unreachable(str(error) or type(error).__name__) from error


async def _look_around(bot: BridgeBot) -> None:
    """Check everything before a session, so that unusable inboxes are on hold from the start. Waits for a channel."""
    flags = bot.application_flags
    if not (flags.gateway_message_content or flags.gateway_message_content_limited):
        raise SetupError(setup.NO_INTENT)
    level = logging.ERROR
    while True:
        try:
            await bot.inspector.look()
            return
        except NothingThere:
            logger.log(level, setup.NO_CHANNEL)
            level = logging.DEBUG
            await asyncio.sleep(LOOK_FOR_CHANNEL)
        except DatabaseProblem as error:
            raise Unreachable(f"the database does not answer: {error}") from error


async def _purge() -> None:
    while True:
        try:
            if count := await database.db(retention.purge_unsent):
                logger.info("Deleted %d unsent uploads.", count)
        except DatabaseProblem as error:
            logger.warning("Old uploads will be deleted later: %s", error)
        except Exception:
            logger.exception("Old uploads could not be deleted")
        await asyncio.sleep(PURGE_EVERY)


def _receive(bot: BridgeBot, nudge: dict[str, Any]) -> None:
    match nudge["type"]:
        case "bot.nudge":
            bot.outbox.nudge()
        case "bot.typing":
            bot.typists.visitor(nudge["connection"])
        case "bot.read":
            bot.readers.change(nudge["connection"])
        case "bot.card":
            bot.cards.change(nudge["connection"])
