"""Whether the team of an inbox is online, as reported by the bot."""

from collections.abc import Iterable

from bridge.infra import redis
from bridge.presence import shared
from bridge.presence.shared import Question, Scope

GATEWAY_TTL = 15
STAFF_TTL = 30 * 60
"""Seconds. The team is online while the bot is connected and a member wrote or typed in this time."""

_GATEWAY = Scope("team")
_BOT_NAME = "chatbridge:bot_name"


async def gateway_up() -> None:
    """Report that the bot is connected. Has to be repeated well within GATEWAY_TTL."""
    await shared.update(_GATEWAY, "bot", life=GATEWAY_TTL, here={"bot": ""})


async def gateway_down() -> None:
    await shared.update(_GATEWAY, "bot", life=0, here={}, gone=["bot"])


async def staff_seen(inbox: int) -> None:
    """Report that staff of this inbox wrote or typed."""
    await shared.update(Scope("team", inbox), "bot", life=STAFF_TTL, here={"staff": ""})


async def staff_online(inbox: int) -> bool:
    return (await staff_online_in([inbox]))[inbox]


async def staff_online_in(inboxes: Iterable[int]) -> dict[int, bool]:
    wanted = list(inboxes)
    scopes = (Scope("team", inbox) for inbox in wanted)
    gateway, *staff = await shared.read(Question(_GATEWAY), *map(Question, scopes))
    return {inbox: bool(gateway.online and seen.online) for inbox, seen in zip(wanted, staff, strict=True)}


async def bot_named(name: str) -> None:
    """Store the bot's name, which nobody else may use."""
    await redis.client().set(_BOT_NAME, name)


async def bot_name() -> str:
    """Return the bot's name, or an empty string if it never connected."""
    name = await redis.client().get(_BOT_NAME)
    return name.decode() if isinstance(name, bytes) else ""
