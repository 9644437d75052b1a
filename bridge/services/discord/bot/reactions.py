"""Handles staff's reactions, from events and by comparison (rule 8). The bot's own represent visitors and are ignored.

The counts in a message are compared with those that are known. If they differ, the users are requested from Discord. If
one person removes a reaction and another adds the same, the count does not change. So after a new session, the users
are requested for all recent messages.
"""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta

import discord

from bridge.chat.actions import reacting
from bridge.chat.actions.authors import RemoteAuthor
from bridge.models import Endpoint
from bridge.services.discord import reading
from bridge.services.discord.bot import translate
from bridge.services.discord.bot.background import passes
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.incoming import speaker_of
from bridge.services.discord.bot.lanes import Cleared, Reacted
from bridge.services.discord.bot.odd import read_user
from bridge.services.discord.bot.staff import Staff
from bridge.services.discord.ours import is_me
from bridge.services.discord.reading import where
from bridge.text import emojis

logger = logging.getLogger(__name__)

YOUNG = timedelta(days=1)


def spelled(emoji: discord.PartialEmoji | discord.Emoji | str) -> str:
    if isinstance(emoji, str):
        return emojis.spell(name=translate.storable(emoji)[:32], pk=None)
    name = translate.storable(emoji.name or "")[:32]
    return emojis.spell(name=name, pk=emoji.id, animated=emoji.animated)


class Reactions:
    def __init__(self, client: discord.Client, staff: Staff) -> None:
        self._client = client
        self._staff = staff

    async def take(self, endpoint: Endpoint, event: Reacted | Cleared) -> bool:
        """Handle an event. Returns whether the message is known."""
        if isinstance(event, Cleared):
            emoji = spelled(event.emoji) if event.emoji is not None else None
            known = await db(reacting.receive_clearing, endpoint.pk, str(event.message_id), emoji=emoji)
            return known is not None
        author = RemoteAuthor(str(event.user_id), "")
        if event.added:
            user = event.member or await self._client.fetch_user(event.user_id)
            if not await self._is_wanted(endpoint, user):
                return True
            author = self._speaker(endpoint, user)
        known = await db(
            reacting.receive_reaction,
            endpoint.pk,
            str(event.message_id),
            author=author,
            emoji=spelled(event.emoji),
            added=event.added,
        )
        return known is not None

    def _speaker(self, endpoint: Endpoint, user: discord.abc.User) -> RemoteAuthor:
        return speaker_of(endpoint, user, self._client.get_channel(int(endpoint.remote_id or 0)))

    async def _is_wanted(self, endpoint: Endpoint, user: discord.abc.User) -> bool:
        if is_me(self._client, user.id) or (user.bot and not endpoint.connection.inbox.relay_bots):
            return False
        return await self._staff.counts(endpoint, user)

    async def compare(
        self, endpoint: Endpoint, page: Sequence[discord.Message], *, new_session: bool = False
    ) -> None:
        """Compare the reactions of these messages with what is known. A repetition changes nothing."""
        messages = {str(message.id): message for message in page}
        reacted = [remote_id for remote_id, message in messages.items() if message.reactions]
        for known in await db(reacting.known_standing, endpoint.pk, list(messages), reacted=reacted):
            pieces = [messages[remote_id] for remote_id in known.remote_ids]
            try:
                await self._compare(endpoint, known, pieces, new_session=new_session)
            except Exception as error:
                if passes(error):
                    raise
                logger.warning("The reactions to %s are skipped: %s", known.remote_ids, where(error))

    async def _compare(
        self,
        endpoint: Endpoint,
        known: reacting.Known,
        pieces: Sequence[discord.Message],
        *,
        new_session: bool,
    ) -> None:
        counts = _counts(pieces)
        different = counts.keys() | known.counts.keys()
        if not new_session or discord.utils.utcnow() - pieces[0].created_at >= YOUNG:
            different = {emoji for emoji in different if counts.get(emoji) != known.counts.get(emoji)}
        if different:
            standing = await self._standing(endpoint, pieces, different)
            await db(reacting.receive_standing, endpoint.pk, known.remote_ids[0], standing)

    async def _users(
        self, reaction: discord.Reaction, kind: discord.ReactionType
    ) -> AsyncIterator[discord.User]:
        message, emoji = reaction.message, reaction.emoji
        spelling = emoji if isinstance(emoji, str) else f"{emoji.name}:{emoji.id}"
        async for payload in reading.reaction_users(
            self._client, message.channel.id, message.id, spelling, kind
        ):
            if (user := read_user(self._client, payload)) is not None:
                yield user

    async def _standing(
        self, endpoint: Endpoint, pieces: Iterable[discord.Message], different: set[str]
    ) -> dict[str, list[RemoteAuthor]]:
        """Return the users of these emoji; an empty list for an emoji that is on none of the parts any more."""
        standing: dict[str, list[RemoteAuthor]] = {}
        for reaction in (item for piece in pieces for item in piece.reactions):
            emoji = spelled(reaction.emoji)
            if emojis.key(emoji) not in different:
                continue
            people = standing.setdefault(emoji, [])
            kinds = [discord.ReactionType.normal] * bool(reaction.normal_count)
            kinds += [discord.ReactionType.burst] * bool(reaction.burst_count)
            for kind in kinds:
                async for user in self._users(reaction, kind):
                    if await self._is_wanted(endpoint, user):
                        people.append(self._speaker(endpoint, user))
        present = {emojis.key(emoji) for emoji in standing}
        return standing | {emoji: [] for emoji in different - present}


def _counts(pieces: Iterable[discord.Message]) -> dict[str, int]:
    """Return the number of users of each emoji, without the bot."""
    counts: Counter[str] = Counter()
    for reaction in (item for piece in pieces for item in piece.reactions):
        if number := reaction.count - int(reaction.me):
            counts[emojis.key(spelled(reaction.emoji))] += number
    return counts
