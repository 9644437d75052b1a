"""Reacts with ✅ and ⚠ to messages of staff, if the inbox has this turned on, and with 🚫 to those of others."""

import discord

from bridge.identity.reaching import reaches_visitor
from bridge.models import Endpoint, Inbox
from bridge.services.discord.bot.background import BackgroundTasks
from bridge.services.discord.bot.database import db


class Marks:
    def __init__(self, client: discord.Client, aside: BackgroundTasks) -> None:
        self._client = client
        self._background = aside
        # Messages with our ⚠, which is removed once they are stored.
        self._warned: set[int] = set()

    def relayed(self, endpoint: Endpoint, message: discord.Message) -> None:
        """Mark a stored message: ✅ if the visitor can see it, otherwise ⚠."""
        if endpoint.connection.inbox.mark_relayed:
            self._background.start(self._mark(endpoint.pk, message))
        if message.id in self._warned:
            self._warned.discard(message.id)
            self._background.start(self._take_back(message))

    def failed(self, inbox: Inbox, message: discord.Message) -> None:
        """Mark a message that could not be stored, once for all its attempts."""
        if inbox.mark_relayed and message.id not in self._warned:
            self._warned.add(message.id)
            self._background.start(message.add_reaction("⚠"))

    async def _mark(self, endpoint: int, message: discord.Message) -> None:
        await message.add_reaction("✅" if await db(reaches_visitor, endpoint) else "⚠")

    def refused(self, message: discord.Message) -> None:
        """Show the author that the visitor does not receive the message."""
        if not any(reaction.me and reaction.emoji == "🚫" for reaction in message.reactions):
            self._background.start(message.add_reaction("🚫"))

    async def _take_back(self, message: discord.Message) -> None:
        if self._client.user is not None:
            await message.remove_reaction("⚠", self._client.user)
