"""Updates what Discord shows besides messages: the card, and how far the visitor has read.

The endpoint stores what is shown and, before a mark is moved, where it will be. A restarted bot continues from there.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import discord
from django.utils import timezone

from bridge.models import Endpoint, Inbox
from bridge.services.discord import shown
from bridge.services.discord.bot.background import BackgroundTasks
from bridge.services.discord.bot.database import db
from bridge.services.discord.card import card_embed, contact_of
from bridge.services.discord.shown import Standing
from bridge.text.emojis import EYE

CARD_EVERY = 10.0
"""Seconds between two changes of a card, because visitors enter one field after the other."""
READ_EVERY = {Inbox.ShowRead.REACTION: 5.0, Inbox.ShowRead.CARD: 30.0}
"""Seconds between two changes of a conversation. Messages older than an hour, such as most cards, can be edited less
often."""


class Display(ABC):
    """Something that Discord shows for each conversation. One task at a time updates it, with pauses."""

    behind: Callable[[], list[str]]
    """Queries the conversations in which Discord shows something outdated."""

    def __init__(self, client: discord.Client, background: BackgroundTasks) -> None:
        self._client = client
        self._background = background
        # Conversations with a running task; True if there was another change since it last looked.
        self._busy: dict[str, bool] = {}

    def change(self, uid: str) -> None:
        """Handle a change in this conversation, which may have to be shown."""
        is_running = uid in self._busy
        self._busy[uid] = is_running
        if not is_running:
            self._background.start(self._keep_current(uid), name=f"{type(self).__name__} of {uid}")

    async def sweep(self) -> None:
        """Show changes that were made while no bot was running."""
        for uid in await db(self.behind):
            self.change(uid)

    async def _keep_current(self, uid: str) -> None:
        try:
            while True:
                self._busy[uid] = False
                pause = await self.show(uid)
                if pause is None:
                    return
                await asyncio.sleep(pause)
                if not self._busy[uid]:
                    return
        finally:
            del self._busy[uid]

    @abstractmethod
    async def show(self, uid: str) -> float | None:
        """Update it. Returns the seconds until the next change, or None if there is nothing to show."""


class Cards(Display):
    behind = staticmethod(shown.cards_behind)

    async def show(self, uid: str) -> float | None:
        card = await db(shown.outdated_card, uid)
        if card is None:
            return None
        with refusals_pass():
            await edit_card(self._client, card.endpoint, card.remote_id)
        await db(shown.note_card, card)
        return CARD_EVERY


class Readers(Display):
    behind = staticmethod(shown.marks_behind)

    async def show(self, uid: str) -> float | None:
        standing = await db(shown.standing, uid)
        if standing is None:
            return None
        if standing.mark != standing.read:
            with refusals_pass():
                if standing.how == Inbox.ShowRead.CARD:
                    await edit_card(self._client, standing.endpoint, standing.card)
                else:
                    await self._react(standing)
            await db(shown.note_mark, standing.endpoint.pk, standing.read)
        return READ_EVERY[standing.how]

    async def _react(self, standing: Standing) -> None:
        await db(shown.note_move, standing)
        thread = self._client.get_partial_messageable(int(standing.endpoint.remote_id or 0))
        if standing.read:
            with refusals_pass():
                await thread.get_partial_message(int(standing.read)).add_reaction(EYE)
        for mark in standing.others:
            if self._client.user is not None:
                with refusals_pass():
                    await thread.get_partial_message(int(mark)).remove_reaction(EYE, self._client.user)


@contextlib.contextmanager
def refusals_pass() -> Iterator[None]:
    """Ignore refusals, which would be repeated: the thread is archived, the message deleted, a permission missing."""
    try:
        yield
    except discord.HTTPException as error:
        if error.status >= 500 or error.status == 429:
            raise


async def edit_card(client: discord.Client, endpoint: Endpoint, card: str) -> None:
    """Update the card: the visitor's details and, if the inbox shows it there, how far they have read."""
    thread = await client.fetch_channel(int(endpoint.remote_id or 0))
    if not isinstance(thread, discord.Thread) or not card:
        return
    # The card of a forum post is in the post. Any other card is in the channel where its thread was started.
    in_post = isinstance(thread.parent, discord.ForumChannel)
    channel = client.get_partial_messageable(thread.id if in_post else thread.parent_id)
    standing = await db(shown.standing, str(endpoint.connection.uid))
    read = ""
    if standing and standing.read and standing.how == Inbox.ShowRead.CARD:
        link = f"https://discord.com/channels/{thread.guild.id}/{thread.id}/{standing.read}"
        read = f"{link} {discord.utils.format_dt(timezone.now(), 'R')}"
    contact = await db(contact_of, endpoint)
    await channel.get_partial_message(int(card)).edit(embed=card_embed(endpoint, contact=contact, read=read))
