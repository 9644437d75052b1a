"""Checks over HTTP, so before a session begins, whether each inbox and each room can be used in Discord."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import discord
from django.utils import timezone

from bridge.models import Endpoint, Inbox
from bridge.services.discord import endpoints, holding
from bridge.services.discord.bot import lease, setup
from bridge.services.discord.bot.background import PROBLEMS
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.setup import Place
from bridge.services.discord.reading import id_of
from bridge.services.discord.service import DiscordService

logger = logging.getLogger(__name__)

UNSEEN = timedelta(minutes=15)
"""How long a problem may have existed before it is found, because everything is checked every ten minutes."""


class NothingThere(Exception):
    """No inbox and no room has a channel."""


@dataclass(frozen=True)
class Verdict:
    """`trouble`: why it cannot be used. `hint`: a lesser problem. `guild_id`: its server, if known."""

    trouble: str = ""
    hint: str = ""
    guild_id: int | None = None


@dataclass
class _Answers:
    """Discord's answers during one check, with one request for each server."""

    client: discord.Client
    _guilds: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=dict)

    async def place(self, channel_id: int) -> Place | None:
        """Return a channel; None if it does not exist or the bot cannot see it."""
        http, me = self.client.http, self.client.user
        assert me is not None  # noqa: S101  # logged in
        try:
            channel: Any = await http.get_channel(channel_id)
            guild_id = id_of(channel, "guild_id")
            if guild_id is None:
                return None
            if guild_id not in self._guilds:
                guild: Any = await http.get_guild(guild_id, with_counts=False)
                self._guilds[guild_id] = guild, await http.get_member(guild_id, me.id)
        except discord.HTTPException as error:
            if error.status in {400, 403, 404}:
                return None
            raise
        return Place(channel, *self._guilds[guild_id], my_id=me.id)


class Inspector:
    """Checks inboxes and rooms. `room_mended` is called with the channel of each room that can be used again."""

    def __init__(
        self, client: discord.Client, service: DiscordService, *, room_mended: Callable[[int], None]
    ) -> None:
        self._client = client
        self._service = service
        self._room_mended = room_mended
        # The channels of the rooms that cannot be used.
        self.held_rooms: set[int] = set()
        self.rooms: set[int] = set()
        # The channels of the usable inboxes, each with its server.
        self.channels: dict[int, int] = {}
        # For each inbox whose channel could not be read: since when.
        self.unseen: dict[int, datetime] = {}
        # The last verdict on each, with the channel that it is about.
        self._verdicts: dict[Inbox | Endpoint, tuple[str | None, Verdict]] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def guilds(self) -> set[int]:
        """The servers in which the channels are."""
        return set(self.channels.values())

    def holds(self, inbox: int, place: int) -> bool:
        """Return whether this thread of an inbox is in a channel that cannot be used."""
        return place not in self.rooms and self._service.holds(inbox, str(place))

    async def look(self, *, again: bool = False) -> bool:
        """Check everything; `again`: only what had problems or was changed. Raises NothingThere.

        Returns False if not everything could be checked. Previous verdicts on the rest remain.
        """
        async with self._one_at_a_time:
            return await self._look(again=again)

    async def _look(self, *, again: bool) -> bool:
        inboxes, rooms = await db(_everything)
        if not any(inbox.channel_text for inbox in inboxes) and not rooms:
            raise NothingThere
        answers, complete = _Answers(self._client), True
        targets: list[Inbox | Endpoint] = [*inboxes, *rooms]
        for target in targets:
            if again and self._known_good(target) is not None:
                continue
            try:
                if isinstance(target, Inbox):
                    await self._inbox(answers, target)
                else:
                    await self._room(answers, target)
            except PROBLEMS as error:
                complete = False
                logger.warning("The channel of %s could not be checked, retrying later: %r", target, error)
        self.channels = {
            inbox.channel_id: verdict.guild_id
            for inbox in inboxes
            if (verdict := self._known_good(inbox)) and inbox.channel_id and verdict.guild_id
        }
        return complete

    def _known_good(self, target: Inbox | Endpoint) -> Verdict | None:
        channel, verdict = self._verdicts.get(target, (None, Verdict()))
        return verdict if channel == _channel_of(target) and not verdict.trouble else None

    async def note_seen(self) -> None:
        """Record that all of these channels have been read."""
        unseen, self.unseen = self.unseen, {}
        if unseen:
            await db(holding.note_seen, unseen)

    async def _inbox(self, answers: _Answers, inbox: Inbox) -> None:
        verdict = await _verdict_of(answers, inbox.channel_id, inbox)
        last = await db(lease.last_beat)
        await db(
            holding.note_state,
            inbox.pk,
            trouble=verdict.trouble,
            hint=verdict.hint,
            server=verdict.guild_id,
            unseen_since=min(last or timezone.now(), timezone.now()) - UNSEEN,
        )
        self._note(inbox, f"inbox “{inbox}”", verdict)
        if verdict.trouble:
            self._service.held[inbox.pk] = inbox.channel_id
            return
        if inbox.discord_unseen_since is not None:
            self.unseen[inbox.pk] = inbox.discord_unseen_since
        if inbox.pk in self._service.held or inbox.discord_trouble:
            self._service.held.pop(inbox.pk, None)
            await db(holding.wake, inbox.pk)

    async def _room(self, answers: _Answers, room: Endpoint) -> None:
        channel_id = int(room.remote_id or 0)
        self.rooms.add(channel_id)
        verdict = await _verdict_of(answers, channel_id)
        await db(holding.note_room, room.pk, trouble=verdict.trouble)
        self._note(room, f"room “{room.connection.name}”", verdict)
        if verdict.trouble:
            self.held_rooms.add(channel_id)
        elif channel_id in self.held_rooms:
            self.held_rooms.discard(channel_id)
            self._room_mended(channel_id)

    def _note(self, target: Inbox | Endpoint, what: str, verdict: Verdict) -> None:
        """Store the verdict, and log it if it has changed."""
        _, before = self._verdicts.get(target, (None, Verdict()))
        self._verdicts[target] = _channel_of(target), verdict
        if (verdict.trouble or verdict.hint) == (before.trouble or before.hint):
            return
        if verdict.trouble:
            logger.error("The %s is on hold: %s", what, verdict.trouble)
        elif verdict.hint:
            logger.warning("The %s: %s", what, verdict.hint)
        else:
            logger.info("The %s can be used again.", what)


def _channel_of(target: Inbox | Endpoint) -> str:
    return target.channel_text if isinstance(target, Inbox) else target.remote_id or ""


async def _verdict_of(answers: _Answers, channel_id: int | None, inbox: Inbox | None = None) -> Verdict:
    """Return the verdict on a channel: of an inbox, or of a room if `inbox` is None."""
    if channel_id is None:
        text = inbox.channel_text[:30] if inbox else ""
        return Verdict(setup.NO_ID.format(text=text) if text else "")
    place = await answers.place(channel_id)
    if place is None:
        return Verdict(setup.NOT_SEEN.format(id=channel_id))
    if not place.is_text and not (inbox and place.is_forum):
        wrong = setup.WRONG_TYPE if inbox else setup.WRONG_TYPE_FOR_ROOM
        return Verdict(wrong.format(id=channel_id))
    if lacks := setup.lacks(place, room=inbox is None):
        return Verdict(setup.LACKS.format(name=place.name, lacks=lacks))
    if place.wants_tag:
        return Verdict(setup.NO_TAG.format(name=place.name))
    return Verdict(hint=_hint(inbox, place) if inbox else "", guild_id=place.guild_id)


def _hint(inbox: Inbox, place: Place) -> str:
    marks = inbox.mark_relayed or inbox.show_read == Inbox.ShowRead.REACTION or inbox.staff_role_ids
    hints = []
    if marks and not place.may().add_reactions:
        hints.append(setup.NO_MARKS)
    if place.everyone_sees():
        hints.append(setup.OPEN if inbox.staff_role_ids else setup.OPEN_TO_ALL)
    return " ".join(hints).format(name=place.name)


def _everything() -> tuple[list[Inbox], list[Endpoint]]:
    """Return all enabled inboxes, and the endpoints of all open rooms."""
    rooms = endpoints.rooms().select_related("connection").order_by("pk")
    return list(Inbox.objects.filter(enabled=True).order_by("pk")), list(rooms)
