"""The life of the bot's process: wait for the lease, own the gateway, hand over cleanly."""

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
"""Seconds between two tries to reach Discord."""
LASTED = 120.0
"""Seconds after which a session was one: a next try is soon again."""
WAIT_FOR_HELP = 600.0
"""Seconds until it is tried again where only a person can help. Nobody may burn the day's 1,000 sessions meanwhile."""
CLOSED = {4004: setup.REFUSED, 4013: setup.NO_INTENT, 4014: setup.NO_INTENT}
"""Codes with which the gateway closes where only a person can help."""
LOOK_FOR_CHANNEL = 5.0
"""Seconds between two looks for a first channel."""


class Unreachable(Exception):
    """Discord is away, as it may be at any time."""


class Runner:
    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._holder = lease.new_holder()
        self._stopping = asyncio.Event()
        self._pause = SHORTEST_PAUSE
        # Of its own: whatever else the bot is busy with, the lease is renewed.
        self._database = DatabaseThreads("lease", threads=1)

    def stop(self) -> None:
        """Finish what is in hand, then end."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. Raises SetupError, after a wait, where only a person can help and there is no other service."""
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
        """Own the gateway while that goes well. Returns the seconds until the next try."""
        began = self._clock.uptime()
        try:
            await self._own(BridgeBot(self._clock))
            self._pause = SHORTEST_PAUSE
            return WAIT_FOR_LEASE
        except SetupError as error:
            logger.error("%s Trying again in %.0f minutes.", error, WAIT_FOR_HELP / 60)
            if alone:
                # At once it would be started again, and again.
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
        """Own the gateway until stopped, until the lease is lost, or until the session fails for good."""
        session = asyncio.create_task(self._session(bot), name="session")
        renewing = asyncio.create_task(self._renew(bot), name="lease")
        stopping = asyncio.create_task(self._stopping.wait(), name="stop")
        nudges = asyncio.create_task(listen(partial(_receive, bot)), name="nudges")
        watched: set[asyncio.Task[Any]] = {session, renewing, stopping}
        try:
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if renewing in done:
                # Another process may own the gateway in a moment: what is in hand is finished without it.
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
        """Until the gateway closed for good, or something that only a person can mend was found."""
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
            # Its first connection failed: discord.py would go on with a socket that it never had. Nothing else is that.
            if error.obj is not None or error.name != "sequence":
                raise
            raise Unreachable("its gateway does not answer") from error
        finally:
            await cancel_and_wait(*tasks)

    async def _renew(self, bot: BridgeBot) -> None:
        """Return when the lease is lost, or so late that it may be."""
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
    """Before a session begins: what cannot be used is held from the first moment on. Waits for a first channel."""
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
