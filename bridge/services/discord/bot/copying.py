"""Copies the files of staff, because Discord's links expire after a day, and visitors should not have to use them.

Messages do not wait for this. The database stores which files are still to be copied, so a restart continues.
"""

import asyncio
import logging
import re
import tempfile
import time
from datetime import timedelta
from typing import IO
from urllib.parse import urlsplit

import aiohttp
import discord
from django.db import Error as DatabaseProblem
from django.utils import timezone

from bridge import files
from bridge.chat.actions import copying
from bridge.conf import settings
from bridge.errors import BridgeError, Code
from bridge.models import Attachment, RemotePart
from bridge.services.discord.bot.database import db
from bridge.services.discord.bot.incoming import files_of

logger = logging.getLogger(__name__)

LOOK_EVERY = 30.0
AT_ONCE = 3
BATCH = 9
"""Files after which to look again for waiting files, so that new ones do not wait behind all that failed."""
GIVE_UP_AFTER = timedelta(hours=24)
"""The lifetime of a link. Until then, copying is repeated every LOOK_EVERY."""
WITHIN = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=20)
PIECE = 256 * 1024
DISCORDS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
PROXIES = re.compile(r"images-ext-[0-9]{1,3}\.discordapp\.net")
"""Hosts from which Discord itself shows pictures of other sites."""
LATER = (aiohttp.ClientError, discord.HTTPException, DatabaseProblem, OSError, TimeoutError)
"""Temporary errors that have nothing to do with the file."""


class NotCopied(Exception):
    """The file will never be copied: it is too large, deleted, not Discord's, or too costly to inspect."""


def may_be_fetched(url: str) -> bool:
    """Return whether it is on a file server of Discord or the settings. A forged link could lead into our network."""
    try:
        parts, *others = map(urlsplit, (url, settings.DISCORD_API_URL, settings.DISCORD_CDN_URL))
    except ValueError:
        return False
    if parts.scheme == "https" and (parts.netloc in DISCORDS or PROXIES.fullmatch(parts.netloc)):
        return True
    allowed = [(other.scheme, other.netloc) for other in others if other.hostname != "discord.com"]
    return (parts.scheme, parts.netloc) in allowed


class AttachmentMirror:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._came = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)
        # When each waiting file may be tried again.
        self._again: dict[int, float] = {}

    def nudge(self) -> None:
        """Look for files to copy now."""
        self._came.set()

    async def run(self) -> None:
        async with aiohttp.ClientSession(timeout=WITHIN) as session:
            while True:
                self._came.clear()
                try:
                    await self._copy_all(session)
                except DatabaseProblem as error:
                    logger.warning("The database does not answer; files wait: %s", error)
                except Exception:
                    logger.exception("Files could not be copied")
                try:
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._came.wait()
                except TimeoutError:
                    continue

    async def _copy_all(self, session: aiohttp.ClientSession) -> None:
        while batch := self._due(await db(_pending)):
            async with asyncio.TaskGroup() as group:
                for attachment in await db(_read, batch):
                    group.create_task(self._copy(session, attachment))

    def _due(self, pending: list[int]) -> list[int]:
        """Return the next files to try: first those that never failed, in the order of their arrival."""
        now = time.monotonic()
        due = sorted((pk in self._again, pk) for pk in pending if self._again.get(pk, 0.0) <= now)
        batch = [pk for _, pk in due[:BATCH]]
        self._again = {pk: self._again[pk] for pk in pending if pk in self._again}
        self._again |= dict.fromkeys(batch, now + LOOK_EVERY)
        return batch

    async def _copy(self, session: aiohttp.ClientSession, attachment: Attachment) -> None:
        async with self._room:
            try:
                await self._fetch(session, attachment)
                return
            except NotCopied as reason:
                logger.warning("%s stays in Discord: %s", attachment.name, reason)
            except LATER as error:
                logger.info("%s will be copied later: %r", attachment.name, error)
                if timezone.now() - attachment.created_at <= GIVE_UP_AFTER:
                    return
            except Exception:
                # The error would probably happen again with this file. Continue with the others.
                logger.exception("%s stays in Discord", attachment.name)
            await db(copying.settle_file, attachment.pk, None)

    async def _fetch(self, session: aiohttp.ClientSession, attachment: Attachment) -> None:
        limit = copying.limit_of(attachment.inbox)
        with tempfile.TemporaryFile() as body:
            if not await _download(session, attachment.remote_url, body, limit=limit):
                url = await self._fresh_link(attachment)
                if not await _download(session, url, body, limit=limit):
                    raise NotCopied("Discord no longer has it")
            # Staff may send all types of files. The type only decides how a file is displayed.
            copy = await _keep(body, attachment)
        taken = False
        try:
            taken = await db(copying.settle_file, attachment.pk, copy)
        finally:
            if not taken:
                await files.in_background(files.discard, copy.file, copy.thumbnail)

    async def _fresh_link(self, attachment: Attachment) -> str:
        """Return a new link from its message, because links expire."""
        if (place := await db(_place, attachment)) is None:
            raise NotCopied("its message is not known")
        thread, message_id = place
        try:
            message = await self._client.get_partial_messageable(thread).fetch_message(message_id)
        except discord.NotFound:
            raise NotCopied("its message was deleted") from None
        for file in files_of(message):
            if file.remote_id == attachment.remote_id:
                return file.url
        raise NotCopied("its message no longer has it")


async def _keep(body: IO[bytes], attachment: Attachment) -> files.Kept:
    try:
        return await files.keep_in_turn(
            body, name=attachment.name, allowed=None, owner=str(attachment.inbox_id)
        )
    except BridgeError as refusal:
        if refusal.code == Code.UNAVAILABLE:
            # Too many files are being inspected.
            raise OSError(refusal.message) from None
        raise NotCopied(refusal.message) from None


async def _download(session: aiohttp.ClientSession, url: str, body: IO[bytes], *, limit: int) -> bool:
    """Download a file. Returns False if the link does not work (any more)."""
    if not may_be_fetched(url):
        raise NotCopied("its link does not lead to Discord")
    body.seek(0)
    body.truncate()
    async with session.get(url, allow_redirects=False) as response:
        if response.status in {403, 404, 410}:
            return False
        if response.status != 200:
            raise aiohttp.ClientError(f"Discord's file server answered {response.status}")
        async for piece in response.content.iter_chunked(PIECE):
            if body.tell() + len(piece) > limit:
                raise NotCopied("it is too large")
            files.check_room(len(piece))
            body.write(piece)
    return True


def _pending() -> list[int]:
    return list(Attachment.objects.filter(state=Attachment.State.PENDING).values_list("pk", flat=True))


def _read(pks: list[int]) -> list[Attachment]:
    return list(Attachment.objects.filter(pk__in=pks).select_related("inbox"))


def _place(attachment: Attachment) -> tuple[int, int] | None:
    """Return the ids of its thread and its message."""
    part = RemotePart.objects.filter(message=attachment.message_id).select_related("remote__endpoint").first()
    if part is None or not part.remote.remote_id or not part.remote.endpoint.remote_id:
        return None
    return int(part.remote.endpoint.remote_id), int(part.remote.remote_id)
