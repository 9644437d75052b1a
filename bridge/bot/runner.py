"""The life of the bot's process: wait for the lease, own the gateway, hand over cleanly."""

import asyncio
import contextlib
import logging
import time
from typing import Any

import aiohttp
import discord
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError

from bridge import presence
from bridge.bot import lease, setup
from bridge.bot.client import BridgeBot, point_at_discord
from bridge.bot.setup import SetupError
from bridge.broadcast import BOT_GROUP
from bridge.clock import Clock
from bridge.models import Connection, Endpoint
from bridge.redis import RedisError
from bridge.services.discord import DiscordService

logger = logging.getLogger(__name__)

WAIT_FOR_LEASE = 1.0
LISTEN_AGAIN = 30.0
"""Seconds without a nudge after which the subscription is made anew: the layer does not tell when it is gone."""
TYPING_EVERY = 8.0
"""Seconds. Discord shows typing for ten."""


class Runner:
    def __init__(self) -> None:
        self._clock = Clock()
        self._holder = lease.new_holder()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Finish what is in hand, then end."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. Raises SetupError where only a person can help."""
        point_at_discord()
        waiting = False
        while not self._stopping.is_set():
            if await self._acquire():
                waiting = False
                await self._own()
            elif not waiting:
                waiting = True
                logger.info("Another run_discord_bot owns the gateway: waiting to take over.")
            await self._sleep(WAIT_FOR_LEASE)

    async def _acquire(self) -> bool:
        try:
            return await database_sync_to_async(lease.acquire)(self._holder, clock=self._clock)
        except DatabaseError as error:
            logger.warning("The database does not answer: %s", error)
            return False

    async def _own(self) -> None:
        """Own the gateway until stopped, until the lease is lost, or until the session fails for good."""
        bot = BridgeBot(self._clock)
        tasks = {
            asyncio.create_task(self._session(bot), name="session"),
            asyncio.create_task(self._renew(bot), name="lease"),
            asyncio.create_task(self._stopping.wait(), name="stop"),
        }
        listening = asyncio.create_task(listen(bot), name="nudges")
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await bot.outbox.stop()
        finally:
            for task in (*tasks, listening):
                task.cancel()
            await asyncio.gather(*tasks, listening, return_exceptions=True)
            await bot.close()
            with contextlib.suppress(RedisError):
                await presence.gateway_down()
            with contextlib.suppress(DatabaseError):
                await database_sync_to_async(lease.release)(self._holder, clock=self._clock)
        for task in done:
            task.result()

    async def _session(self, bot: BridgeBot) -> None:
        try:
            await self._log_in(bot)
            outbox = asyncio.create_task(bot.outbox.run(), name="outbox")
            try:
                async with asyncio.TaskGroup() as group:
                    gateway = group.create_task(bot.connect())
                    group.create_task(_check_when_ready(bot, gateway))
            finally:
                outbox.cancel()
        except* discord.LoginFailure as errors:
            raise SetupError(setup.REFUSED) from errors
        except* discord.PrivilegedIntentsRequired as errors:
            raise SetupError(setup.NO_INTENT) from errors
        except* discord.ConnectionClosed as errors:
            _explain(errors)
        except* SetupError as errors:
            raise SetupError(str(errors.exceptions[0])) from errors

    async def _log_in(self, bot: BridgeBot) -> None:
        """Discord may be away at the start as at any time: only a refusal is final."""
        pause = 1.0
        while True:
            try:
                await bot.login(settings.DISCORD_TOKEN)
                return
            except discord.LoginFailure:
                raise
            except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                logger.warning("Discord cannot be reached, again in %.0f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(30.0, pause * 2)

    async def _renew(self, bot: BridgeBot) -> None:
        """Return when the lease is lost, or so late that it may be."""
        renewed = self._clock.uptime()
        while self._clock.uptime() - renewed < lease.GIVE_UP_AFTER:
            await asyncio.sleep(lease.RENEW_EVERY)
            before = self._clock.uptime()
            try:
                async with asyncio.timeout(lease.GIVE_UP_AFTER):
                    if not await database_sync_to_async(lease.acquire)(self._holder, clock=self._clock):
                        break
                    renewed = before
                    if bot.up_to_date.is_set() and bot.is_ready():
                        await database_sync_to_async(lease.beat)(self._holder, clock=self._clock)
            except (DatabaseError, TimeoutError) as error:
                logger.warning("The lease could not be renewed: %s", error)
        logger.warning("The gateway is another process's now, or nobody's: closing it here.")

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


async def _check_when_ready(bot: BridgeBot, gateway: "asyncio.Task[None]") -> None:
    """Once for a session: a channel or a right that is missing ends it with a sentence."""
    ready = asyncio.create_task(bot.wait_until_ready())
    await asyncio.wait({ready, gateway}, return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        ready.cancel()
        return
    await setup.check(bot)
    logger.info("Connected to Discord as %s.", bot.user)


def _explain(errors: "BaseExceptionGroup[discord.ConnectionClosed]") -> None:
    """A gateway that closed for good: what only a person can mend, else it is tried again by the caller."""
    for error in errors.exceptions:
        code = getattr(error, "code", None)
        if code == 4004:
            raise SetupError(setup.REFUSED) from errors
        if code in {4013, 4014}:
            raise SetupError(setup.NO_INTENT) from errors
        logger.warning("The gateway closed with %s: starting anew.", code)


async def listen(bot: BridgeBot) -> None:
    """Nudges and typing from the web. Nothing here is needed for delivery: the outbox looks every second anyway."""
    typed: dict[str, float] = {}
    while True:
        try:
            layer: Any = get_channel_layer()
            channel = await layer.new_channel("bot")
            await layer.group_add(BOT_GROUP, channel)
            async with asyncio.timeout(LISTEN_AGAIN):
                while True:
                    _heard(bot, await layer.receive(channel), typed)
        except TimeoutError:
            await _quietly(layer.group_discard(BOT_GROUP, channel))
        except Exception as error:  # noqa: BLE001  # whatever the layer raises: Redis is away
            logger.info("No nudges for now: %r", error)
            await asyncio.sleep(1)


async def _quietly(awaitable: Any) -> None:
    with contextlib.suppress(Exception):
        await awaitable


def _heard(bot: BridgeBot, message: dict[str, Any], typed: dict[str, float]) -> None:
    if message["type"] == "bot.nudge":
        bot.outbox.nudge()
    elif message["type"] == "bot.typing":
        now, uid = time.monotonic(), message["connection"]
        if now - typed.get(uid, -TYPING_EVERY) >= TYPING_EVERY:
            for old in [each for each, at in typed.items() if now - at >= TYPING_EVERY]:
                del typed[old]
            typed[uid] = now
            bot.relay.aside(_show_typing(bot, uid))


async def _show_typing(bot: BridgeBot, uid: str) -> None:
    thread = await database_sync_to_async(_thread_of)(uid)
    if thread is not None:
        try:
            await bot.http.send_typing(int(thread))
        except (discord.HTTPException, aiohttp.ClientError) as error:
            logger.debug("Typing was not shown: %s", error)


def _thread_of(uid: str) -> str | None:
    endpoint = Endpoint.objects.filter(
        connection__uid=uid, connection__state=Connection.State.OPEN, service=DiscordService.name
    )
    return endpoint.values_list("remote_id", flat=True).first()
