"""Opens attachments for discord.py, from any storage."""

import io
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import discord
from channels.db import database_sync_to_async

from bridge.conf import file_storage
from bridge.files import in_background
from bridge.models import Attachment

logger = logging.getLogger(__name__)


@asynccontextmanager
async def opened(keys: Sequence[int]) -> AsyncIterator[list[discord.File]]:
    """Open the attachments that still exist, in this order. Do it before the request, which must begin in time."""
    async with AsyncExitStack() as stack:
        files = []
        for attachment in await database_sync_to_async(_rows)(keys) if keys else ():
            if (file := await in_background(_open, attachment)) is not None:
                stack.callback(file.close)
                files.append(discord.File(file, filename=attachment.name))
        yield files


def _rows(keys: Sequence[int]) -> list[Attachment]:
    rows = Attachment.objects.in_bulk(keys)
    return [rows[key] for key in keys if key in rows]


def _open(attachment: Attachment) -> io.BufferedIOBase | None:
    try:
        file = cast(io.BufferedIOBase, file_storage().open(attachment.file.name or "").file)
        # A remote storage downloads the file here.
        file.seek(0, io.SEEK_END)
        file.seek(0)
    except FileNotFoundError:
        logger.error("The file of attachment %s is not in the storage.", attachment.pk)
        return None
    return file
