"""✅ and ⚠ on what staff wrote, where the inbox asks for it."""

import discord

from bridge.bot.aside import Aside
from bridge.models import Inbox


class Marks:
    def __init__(self, client: discord.Client, aside: Aside) -> None:
        self._client = client
        self._aside = aside
        # Messages with our ⚠, which is taken back once they arrived.
        self._warned: set[int] = set()

    def relayed(self, inbox: Inbox, message: discord.Message) -> None:
        if inbox.mark_relayed:
            self._aside.start(message.add_reaction("✅"))
        if message.id in self._warned:
            self._warned.discard(message.id)
            self._aside.start(self._take_back(message))

    def failed(self, inbox: Inbox, message: discord.Message) -> None:
        """Once, however often it is tried again."""
        if inbox.mark_relayed and message.id not in self._warned:
            self._warned.add(message.id)
            self._aside.start(message.add_reaction("⚠"))

    async def _take_back(self, message: discord.Message) -> None:
        if self._client.user is not None:
            await message.remove_reaction("⚠", self._client.user)
