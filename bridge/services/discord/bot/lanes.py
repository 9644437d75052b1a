"""Lanes: the events of a thread, in the order in which they are handled."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import discord

from bridge.services.discord.bot.odd import Unreadable

SETTLE = 0.1
"""Seconds for which an event waits for one with a lower id, because two in a row may arrive in the wrong order."""


@dataclass(frozen=True)
class Posted:
    message: discord.Message | Unreadable


@dataclass(frozen=True)
class Edited:
    message: discord.Message | Unreadable


@dataclass(frozen=True)
class Deleted:
    message_id: int


@dataclass(frozen=True)
class Reacted:
    message_id: int
    user_id: int
    # Only sent by Discord if a reaction is added, by a member of the server.
    member: discord.Member | None
    emoji: discord.PartialEmoji
    added: bool


@dataclass(frozen=True)
class Cleared:
    """All reactions with an emoji were removed; without `emoji`, all reactions."""

    message_id: int
    emoji: discord.PartialEmoji | None


@dataclass(frozen=True)
class Compare:
    """Compare the newest page with what is known (rule 8); after a `new_session`, also reactions to recent messages."""

    new_session: bool = False


Event = Posted | Edited | Deleted | Reacted | Cleared | Compare


@dataclass
class Lane:
    """A thread's events, oldest first, each with the time from which it may be handled.

    `behind`: the thread has messages that are not here, and is read before any event is handled. `reading`: it is being
    read. `opened`: the thread has become known since it was last looked up.
    """

    events: deque[tuple[float, Event]] = field(default_factory=deque)
    behind: bool = False
    reading: bool = False
    opened: bool = False
    # Set to end a pause after a failure early.
    again: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def add(self, event: Event) -> None:
        """Append an event; a message goes before later messages, and before its own changes."""
        place = len(self.events)
        if isinstance(event, Posted):
            while place and _belongs_after(self.events[place - 1][1], event):
                place -= 1
        self.events.insert(place, (asyncio.get_running_loop().time() + SETTLE, event))

    async def settle(self) -> None:
        """Wait until the first event may be handled."""
        await asyncio.sleep(self.events[0][0] - asyncio.get_running_loop().time())


def _belongs_after(other: Event, event: Posted) -> bool:
    if isinstance(other, Posted):
        return other.message.id > event.message.id
    if isinstance(other, Reacted | Cleared):
        return other.message_id >= event.message.id
    return isinstance(other, Edited) and other.message.id >= event.message.id
