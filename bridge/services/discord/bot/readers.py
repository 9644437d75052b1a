"""How far visitors have read, shown to staff where the inbox asks for it: with 👁, or in the card.

Beside the way of the messages, and never more than one change of a conversation in a few seconds. What is shown is kept
with the endpoint, and before a move what will be, so that a bot that starts again goes on from it.
"""

import asyncio
from collections.abc import Awaitable, Callable

import discord

from bridge.models import Inbox
from bridge.services.discord import read_marks
from bridge.services.discord.bot.background import BackgroundTasks
from bridge.services.discord.bot.cards import edit_card, refusals_pass
from bridge.services.discord.bot.database import db
from bridge.services.discord.read_marks import Standing
from bridge.text.emojis import EYE

EVERY = {Inbox.ShowRead.REACTION: 5.0, Inbox.ShowRead.CARD: 30.0}
"""Seconds between two changes of one conversation. Messages older than an hour, as cards soon are, may be edited only
so often."""


class Readers:
    def __init__(self, client: discord.Client, aside: BackgroundTasks) -> None:
        self._client = client
        self._background = aside
        # Conversations that are being shown, or wait for their time; True where something has come since.
        self._busy: dict[str, bool] = {}

    def read(self, uid: str) -> None:
        """The visitor has read on in this conversation."""
        if uid in self._busy:
            self._busy[uid] = True
            return
        self._busy[uid] = False
        self._background.start(self._keep_shown(uid))

    async def sweep(self) -> None:
        """What was read while no bot heard of it."""
        for uid in await db(read_marks.behind):
            self.read(uid)

    async def _keep_shown(self, uid: str) -> None:
        try:
            while True:
                self._busy[uid] = False
                standing = await db(read_marks.standing, uid)
                if standing is None:
                    return
                await self._show(standing)
                await asyncio.sleep(EVERY[standing.how])
                if not self._busy[uid]:
                    return
        finally:
            del self._busy[uid]

    async def _show(self, standing: Standing) -> None:
        if standing.mark == standing.read:
            return
        with refusals_pass():
            await self._ways[standing.how](self, standing)
        await db(read_marks.note_mark, standing.endpoint.pk, standing.read)

    async def _react(self, standing: Standing) -> None:
        await db(read_marks.note_move, standing)
        thread = self._client.get_partial_messageable(int(standing.endpoint.remote_id or 0))
        if standing.read:
            with refusals_pass():
                await thread.get_partial_message(int(standing.read)).add_reaction(EYE)
        for mark in standing.others:
            if self._client.user is not None:
                with refusals_pass():
                    await thread.get_partial_message(int(mark)).remove_reaction(EYE, self._client.user)

    async def _edit_card(self, standing: Standing) -> None:
        await edit_card(self._client, standing.endpoint, standing.card)

    _ways: dict[str, Callable[["Readers", Standing], Awaitable[None]]] = {
        Inbox.ShowRead.REACTION: _react,
        Inbox.ShowRead.CARD: _edit_card,
    }
