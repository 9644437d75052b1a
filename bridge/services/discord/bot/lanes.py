"""One lane for each thread: what Discord told of it, in the order in which it is taken."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import discord

from bridge.services.discord.bot.odd import Unreadable

SETTLE = 0.1
"""Seconds that an event waits for one with a lower id that is on its way: neighbours may come in the wrong order."""


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
    # Discord tells it only of one who is set, and is a member.
    member: discord.Member | None
    emoji: discord.PartialEmoji
    added: bool


@dataclass(frozen=True)
class Cleared:
    """Without an emoji: of all."""

    message_id: int
    emoji: discord.PartialEmoji | None


@dataclass(frozen=True)
class Compare:
    """Compare the newest page with what is known (rule 8); after a `new_session`, also who reacted to what is young."""

    new_session: bool = False


Event = Posted | Edited | Deleted | Reacted | Cleared | Compare


@dataclass
class Lane:
    """One thread's events, oldest first, each with the time at which it may be taken.

    `behind`: the thread holds what is not here, and is read before any event is taken; `reading` until that is done.
    `opened`: since it was last looked up, the thread has become known.
    """

    events: deque[tuple[float, Event]] = field(default_factory=deque)
    behind: bool = False
    reading: bool = False
    opened: bool = False
    # Set where a pause after a failure is not worth waiting for any more.
    again: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def add(self, event: Event) -> None:
        """Behind what is there; a message before those that were written after it, and before what became of it."""
        place = len(self.events)
        if isinstance(event, Posted):
            while place and _belongs_after(self.events[place - 1][1], event):
                place -= 1
        self.events.insert(place, (asyncio.get_running_loop().time() + SETTLE, event))

    async def settle(self) -> None:
        """Wait until the event at its head may be taken."""
        await asyncio.sleep(self.events[0][0] - asyncio.get_running_loop().time())


def _belongs_after(other: Event, event: Posted) -> bool:
    if isinstance(other, Posted):
        return other.message.id > event.message.id
    if isinstance(other, Reacted | Cleared):
        return other.message_id >= event.message.id
    return isinstance(other, Edited) and other.message.id >= event.message.id
