"""Whether the team behind an inbox is online, as the bot sees it."""

from collections.abc import Iterable

from bridge.infra import redis
from bridge.presence import shared
from bridge.presence.shared import Question, Scope

GATEWAY_TTL = 15
STAFF_TTL = 30 * 60
"""Seconds. The team is online while the bot is connected and one of them wrote or typed in this time."""

_GATEWAY = Scope("team")
_BOT_NAME = "chatbridge:bot_name"


async def gateway_up() -> None:
    """The bot is connected. To be said again well within GATEWAY_TTL."""
    await shared.update(_GATEWAY, "bot", life=GATEWAY_TTL, here={"bot": ""})


async def gateway_down() -> None:
    await shared.update(_GATEWAY, "bot", life=0, here={}, gone=["bot"])


async def staff_seen(inbox: int) -> None:
    """Staff of this inbox wrote or typed just now."""
    await shared.update(Scope("team", inbox), "bot", life=STAFF_TTL, here={"staff": ""})


async def staff_online(inbox: int) -> bool:
    return (await staff_online_in([inbox]))[inbox]


async def staff_online_in(inboxes: Iterable[int]) -> dict[int, bool]:
    wanted = list(inboxes)
    scopes = (Scope("team", inbox) for inbox in wanted)
    gateway, *staff = await shared.read(Question(_GATEWAY), *map(Question, scopes))
    return {inbox: bool(gateway.online and seen.online) for inbox, seen in zip(wanted, staff, strict=True)}


async def bot_named(name: str) -> None:
    """What the bot is called: nobody else may be."""
    await redis.client().set(_BOT_NAME, name)


async def bot_name() -> str:
    """Empty where the bot never was there."""
    name = await redis.client().get(_BOT_NAME)
    return name.decode() if isinstance(name, bytes) else ""
