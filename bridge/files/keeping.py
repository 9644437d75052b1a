"""Inspects a file and stores it in the storage of the settings, under a name that cannot be guessed."""

import logging
import tempfile
import uuid
from collections.abc import Sequence
from functools import partial
from shutil import copyfileobj
from typing import IO, NamedTuple

from django.core.files.base import File
from django.utils import timezone

from bridge.conf import file_storage
from bridge.files.inspecting import inspect
from bridge.files.naming import safe_name
from bridge.files.space import check_room
from bridge.files.workers import in_turn

logger = logging.getLogger(__name__)

FILES, THUMBNAILS = "attachments", "thumbnails"


class Kept(NamedTuple):
    """A file in the storage, with the values for an Attachment's row."""

    name: str
    content_type: str
    size: int
    width: int | None
    height: int | None
    file: str
    thumbnail: str


async def keep_in_turn(source: IO[bytes], *, name: str, allowed: Sequence[str] | None, owner: str) -> Kept:
    """Like `keep`, but in a thread, when it is `owner`'s turn.

    Raises:
        BridgeError: as `keep`; also `unavailable` if too many wait.
    """
    return await in_turn(partial(keep, source, name=name, allowed=allowed), owner=owner)


def keep(source: IO[bytes], *, name: str, allowed: Sequence[str] | None) -> Kept:
    """Store a file. `allowed` are the accepted media types; None: all.

    Pictures are encoded again or stripped, without metadata about their authors. Files that cannot be shown are stored
    as they are. Blocks, for seconds if a picture is large.

    Raises:
        BridgeError: `invalid_payload` with a `reason`, or `unavailable`. Then nothing is stored.
        OSError: the storage failed; NoRoom if the disk is full.
    """
    name = safe_name(name)
    with (
        tempfile.TemporaryFile() as original,
        tempfile.TemporaryFile() as data,
        tempfile.TemporaryFile() as thumbnail,
    ):
        # A copy, because the request may end before the file is inspected.
        source.seek(0)
        copyfileobj(source, original)
        result = inspect(original, name=name, allowed=allowed, data=data, thumbnail=thumbnail)
        shown = "width" in result
        file, size = _store(FILES, data if shown else original)
        try:
            small = _store(THUMBNAILS, thumbnail)[0] if thumbnail.seek(0, 2) else ""
        except BaseException:
            discard(file)
            raise
    return Kept(name, result["kind"], size, result.get("width"), result.get("height"), file, small)


def _store(folder: str, source: IO[bytes]) -> tuple[str, int]:
    """Store the file, and return its name in the storage and its size."""
    size = source.seek(0, 2)
    check_room(size)
    source.seek(0)
    name = f"{folder}/{timezone.now():%Y/%m/%d}/{uuid.uuid4().hex}"
    return file_storage().save(name, File(source)), size


def discard(*names: str) -> None:
    """Delete files from the storage. `manage.py purge_files` finds those that cannot be deleted now."""
    for name in filter(None, names):
        try:
            file_storage().delete(name)
        except Exception:
            # Each storage has its own exceptions.
            logger.exception("The file %s could not be deleted", name)
