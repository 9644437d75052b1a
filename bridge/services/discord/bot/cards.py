"""The card of a conversation, changed in its place: what the visitor left since, and how far they have read.

Beside the way of the messages: a card that cannot be changed holds up nothing.
"""

import contextlib
from collections.abc import Iterator

import discord
from django.utils import timezone

from bridge.models import Endpoint, Inbox
from bridge.services.discord import outdated, read_marks
from bridge.services.discord.bot.background import Display
from bridge.services.discord.bot.database import db
from bridge.services.discord.card import card_embed, contact_of

EVERY = 10.0
"""Seconds between two changes of one card for what the visitor leaves: one field after the other."""


class Cards(Display):
    behind = staticmethod(outdated.behind)

    async def show(self, uid: str) -> float | None:
        card = await db(outdated.outdated, uid)
        if card is None:
            return None
        with refusals_pass():
            await edit_card(self._client, card.endpoint, card.remote_id)
        await db(outdated.note_shown, card)
        return EVERY


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
    channel = client.get_partial_messageable(thread.id if in_post else thread.parent_id)
    standing = await db(read_marks.standing, str(endpoint.connection.uid))
    read = ""
    if standing and standing.read and standing.how == Inbox.ShowRead.CARD:
        link = f"https://discord.com/channels/{thread.guild.id}/{thread.id}/{standing.read}"
        read = f"{link} {discord.utils.format_dt(timezone.now(), 'R')}"
    contact = await db(contact_of, endpoint)
    await channel.get_partial_message(int(card)).edit(embed=card_embed(endpoint, contact=contact, read=read))
