"""The card of a conversation, changed in its place: what the visitor left since, and how far they have read.

Beside the way of the messages: a card that cannot be changed holds up nothing.
"""

import asyncio
import contextlib
from collections.abc import Iterator

import discord
from django.utils import timezone

from bridge.models import Endpoint, Inbox
from bridge.services.discord import outdated, read_marks
from bridge.services.discord.bot.background import BackgroundTasks
from bridge.services.discord.bot.database import db
from bridge.services.discord.card import card_embed, contact_of
from bridge.services.discord.outdated import Card

EVERY = 10.0
"""Seconds between two changes of one card for what the visitor leaves: one field after the other."""


class Cards:
    def __init__(self, client: discord.Client, aside: BackgroundTasks) -> None:
        self._client = client
        self._background = aside
        # Conversations whose card is being changed; True where something has come since.
        self._busy: dict[str, bool] = {}

    def change(self, uid: str) -> None:
        """More is known of this conversation's visitor."""
        if uid in self._busy:
            self._busy[uid] = True
            return
        self._busy[uid] = False
        self._background.start(self._keep_current(uid))

    async def sweep(self) -> None:
        """What was left while no bot heard of it."""
        for uid in await db(outdated.behind):
            self.change(uid)

    async def _keep_current(self, uid: str) -> None:
        try:
            while (card := await db(outdated.outdated, uid)) is not None:
                self._busy[uid] = False
                await self._edit(card)
                await asyncio.sleep(EVERY)
                if not self._busy[uid]:
                    return
        finally:
            del self._busy[uid]

    async def _edit(self, card: Card) -> None:
        with refusals_pass():
            await edit_card(self._client, card.endpoint, card.remote_id)
        await db(outdated.note_shown, card)


@contextlib.contextmanager
def refusals_pass() -> Iterator[None]:
    """Refused it would be refused each time: the thread is archived, the message gone, the right missing."""
    try:
        yield
    except discord.HTTPException as error:
        if error.status >= 500 or error.status == 429:
            raise


async def edit_card(client: discord.Client, endpoint: Endpoint, card: str) -> None:
    """Have it say what is known today: who the visitor is and, where staff want it there, how far they have read."""
    thread = await client.fetch_channel(int(endpoint.remote_id or 0))
    if not isinstance(thread, discord.Thread) or not card:
        return
    # The card of a forum's post is in the post, any other in the channel in which the thread began.
    in_post = isinstance(thread.parent, discord.ForumChannel)
    place = client.get_partial_messageable(thread.id if in_post else thread.parent_id)
    standing = await db(read_marks.standing, str(endpoint.connection.uid))
    read = ""
    if standing and standing.read and standing.how == Inbox.ShowRead.CARD:
        link = f"https://discord.com/channels/{thread.guild.id}/{thread.id}/{standing.read}"
        read = f"{link} {discord.utils.format_dt(timezone.now(), 'R')}"
    contact = await db(contact_of, endpoint)
    await place.get_partial_message(int(card)).edit(embed=card_embed(endpoint, contact=contact, read=read))
