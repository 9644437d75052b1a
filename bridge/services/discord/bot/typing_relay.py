"""Relays who is typing, in both directions. It is not stored, and nothing waits for it."""

import time

import discord

from bridge.chat import publishing, wire
from bridge.chat.actions import authors
from bridge.models import Connection
from bridge.presence import team
from bridge.services.discord.bot.background import BackgroundTasks
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.incoming import speaker_of
from bridge.services.discord.bot.staff import Staff
from bridge.services.discord.endpoints import endpoint_of, opened

TYPING_EVERY = 8.0
"""Seconds. Discord shows typing for ten seconds."""


class TypingRelay:
    def __init__(self, client: discord.Client, aside: BackgroundTasks, staff: Staff) -> None:
        self._client = client
        self._background = aside
        self._staff = staff
        self._shown: dict[str, float] = {}

    def staff(self, thread_id: int, user: discord.abc.User) -> None:
        self._background.start(self._show_on_page(thread_id, user))

    def visitor(self, uid: str) -> None:
        now = time.monotonic()
        self._shown = {key: at for key, at in self._shown.items() if now - at < TYPING_EVERY}
        if uid not in self._shown:
            self._shown[uid] = now
            self._background.start(self._show_in_discord(uid))

    async def _show_on_page(self, thread_id: int, user: discord.abc.User) -> None:
        endpoint = await db(endpoint_of, thread_id)
        if endpoint is None or user.bot or not await self._staff.counts(endpoint, user):
            return
        speaker = speaker_of(endpoint, user, self._client.get_channel(thread_id))
        participant = await db(authors.participant_of, endpoint, speaker)
        author = wire.author_out(participant)
        publishing.tell(str(endpoint.connection.uid), "typing.started", {"author": author})
        if speaker.is_staff:
            await team.staff_seen(endpoint.connection.inbox_id)

    async def _show_in_discord(self, uid: str) -> None:
        if (thread := await db(_thread_of, uid)) is not None:
            await self._client.http.send_typing(int(thread))


def _thread_of(uid: str) -> str | None:
    endpoint = opened().filter(connection__uid=uid, connection__state=Connection.State.OPEN)
    return endpoint.values_list("remote_id", flat=True).first()
