"""Receives nudges and typing from the web processes. Delivery does not need them: an outbox looks every second."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from channels.layers import get_channel_layer

from bridge.chat.publishing import BOT_GROUP

logger = logging.getLogger(__name__)

LISTEN_AGAIN = 30.0
"""Seconds without a nudge after which to subscribe again, because the layer does not report a lost subscription."""
PAUSE = 1.0


async def listen(heard: Callable[[dict[str, Any]], None]) -> None:
    """Call `heard` with each message for the processes that send deliveries, until cancelled."""
    while True:
        try:
            await _listen_once(get_channel_layer(), heard)
        except TimeoutError:
            logger.debug("No nudges for a while; subscribing again")
        except Exception as error:  # noqa: BLE001  # whatever the layer raises: Redis is away
            logger.info("Nudges are not available for now: %r", error)
            await asyncio.sleep(PAUSE)


async def _listen_once(layer: Any, heard: Callable[[dict[str, Any]], None]) -> None:
    """Raises TimeoutError if no message has arrived for a while."""
    async with asyncio.timeout(LISTEN_AGAIN):
        channel = await layer.new_channel("bot")
        await layer.group_add(BOT_GROUP, channel)
    try:
        while True:
            async with asyncio.timeout(LISTEN_AGAIN):
                message = await layer.receive(channel)
            heard(message)
    finally:
        await _leave(layer, channel)


async def _leave(layer: Any, channel: str) -> None:
    try:
        async with asyncio.timeout(PAUSE):
            await layer.group_discard(BOT_GROUP, channel)
    except Exception as error:  # noqa: BLE001  # Redis is away, so the subscription has ended too
        logger.debug("The subscription could not be ended: %r", error)
