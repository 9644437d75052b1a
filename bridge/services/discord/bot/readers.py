"""How far visitors have read, shown to staff where the inbox asks for it: with 👁, or in the card.

The endpoint stores what is shown, and before a move what will be, so that a restarted bot goes on from there.
"""

from bridge.models import Inbox
from bridge.services.discord import read_marks
from bridge.services.discord.bot.background import Display
from bridge.services.discord.bot.cards import edit_card, refusals_pass
from bridge.services.discord.bot.database import db
from bridge.services.discord.read_marks import Standing
from bridge.text.emojis import EYE

EVERY = {Inbox.ShowRead.REACTION: 5.0, Inbox.ShowRead.CARD: 30.0}
"""Seconds between two changes of one conversation. Messages older than an hour, as cards soon are, may be edited only
so often."""


class Readers(Display):
    behind = staticmethod(read_marks.behind)

    async def show(self, uid: str) -> float | None:
        standing = await db(read_marks.standing, uid)
        if standing is None:
            return None
        if standing.mark != standing.read:
            with refusals_pass():
                if standing.how == Inbox.ShowRead.CARD:
                    await edit_card(self._client, standing.endpoint, standing.card)
                else:
                    await self._react(standing)
            await db(read_marks.note_mark, standing.endpoint.pk, standing.read)
        return EVERY[standing.how]

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
