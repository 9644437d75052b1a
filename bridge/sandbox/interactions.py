"""Message commands: what a person finds under “Apps” on a message, and what the bot answers to him alone."""

import asyncio
from typing import Any

from simcord import interactions
from simcord.backend.errors import BackendError
from simcord.backend.models import Interaction
from simcord.enums import AppCommandType, InteractionType

from . import wire
from .threads import ThreadWorld
from .world import refused

_ANSWER_WITHIN = 15.0
_ASK_EVERY = 0.02


def message_commands(world: ThreadWorld, *, user_id: int, channel_id: int) -> list[dict[str, Any]]:
    """Those that this person is shown there."""
    return world.visible_commands(user_id=user_id, channel_id=channel_id, type=AppCommandType.MESSAGE)


def invoke(world: ThreadWorld, *, user_id: int, channel_id: int, message_id: int, name: str) -> Interaction:
    """Use a message command. The bot hears of it on the gateway.

    Raises what Discord would answer where the message is gone or the command is not this person's to use.
    """
    said = world.get_message(channel_id, message_id)
    found = message_commands(world, user_id=user_id, channel_id=channel_id)
    command = next((each for each in found if each["name"] == name), None)
    if command is None:
        raise refused(403, 50013, "Missing Permissions")
    guild = world.guild_of(channel_id)
    record, payload = interactions.base_payload(
        world,
        type=InteractionType.APPLICATION_COMMAND,
        channel_id=channel_id,
        guild_id=guild.id,
        user_id=user_id,
        data={
            "id": command["id"],
            "name": name,
            "type": int(AppCommandType.MESSAGE),
            "guild_id": str(guild.id),
            "target_id": str(message_id),
            "resolved": {"messages": {str(message_id): wire.message(world, said)}},
        },
    )
    payload["channel"] = wire.channel(world, world.get_channel(channel_id))
    world.emit("INTERACTION_CREATE", payload)
    return record


async def answered(world: ThreadWorld, record: Interaction) -> dict[str, Any]:
    """What the bot says to it, once it has. Raises where it says nothing in time, as Discord's client shows."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _ANSWER_WITHIN
    while not record.responded or _is_thinking(world, record):
        if loop.time() > end:
            raise BackendError(504, 0, "The application did not respond")
        await asyncio.sleep(_ASK_EVERY)
    said = world.get_message(record.channel_id, record.message_id or 0)
    return {"content": said.content, "ephemeral": said.is_ephemeral}


def _is_thinking(world: ThreadWorld, record: Interaction) -> bool:
    if record.message_id is None:
        return False
    return bool(world.get_message(record.channel_id, record.message_id).flags & wire.LOADING)
