"""Keep a file: have it looked at, and put it into the storage of the settings under a name that nobody guesses."""

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
    """A file in the storage: what an Attachment's row says of it."""

    name: str
    content_type: str
    size: int
    width: int | None
    height: int | None
    file: str
    thumbnail: str


async def keep_in_turn(source: IO[bytes], *, name: str, allowed: Sequence[str] | None, owner: str) -> Kept:
    """As `keep`, in a thread, when it is `owner`'s turn.

    Raises:
        BridgeError: as `keep`; `unavailable` where too many wait.
    """
    return await in_turn(partial(keep, source, name=name, allowed=allowed), owner=owner)


def keep(source: IO[bytes], *, name: str, allowed: Sequence[str] | None) -> Kept:
    """Store a file; `allowed` are the media types that are taken, None: all.

    Pictures are stored anew, without what they tell of their maker. What cannot be shown is stored as it is. Blocks,
    for seconds where a picture is large.

    Raises:
        BridgeError: `invalid_payload` with a `reason`, or `unavailable`. Nothing is stored then.
        OSError: the storage takes nothing; NoRoom where the disk is full.
    """
    name = safe_name(name)
    with (
        tempfile.TemporaryFile() as original,
        tempfile.TemporaryFile() as data,
        tempfile.TemporaryFile() as thumbnail,
    ):
        # A file of its own: whoever brought it may be gone before it was looked at.
        source.seek(0)
        copyfileobj(source, original)
        found = inspect(original, name=name, allowed=allowed, data=data, thumbnail=thumbnail)
        shown = "width" in found
        file, size = _store(FILES, data if shown else original)
        try:
            small = _store(THUMBNAILS, thumbnail)[0] if thumbnail.seek(0, 2) else ""
        except BaseException:
            discard(file)
            raise
    return Kept(name, found["kind"], size, found.get("width"), found.get("height"), file, small)


def _store(folder: str, source: IO[bytes]) -> tuple[str, int]:
    """Its name in the storage, and its size."""
    size = source.seek(0, 2)
    check_room(size)
    source.seek(0)
    name = f"{folder}/{timezone.now():%Y/%m/%d}/{uuid.uuid4().hex}"
    return file_storage().save(name, File(source)), size


def discard(*names: str) -> None:
    """Take files out of the storage. What cannot be taken out now is found by `manage.py purge_files`."""
    for name in filter(None, names):
        try:
            file_storage().delete(name)
        except Exception:
            # Any storage has errors of its own.
            logger.exception("The file %s could not be deleted", name)
