"""Keep a file: look at it, clean it, and put it into the storage of the settings under a name that nobody guesses."""

import logging
import uuid
from collections.abc import Sequence
from io import BytesIO
from typing import BinaryIO, NamedTuple

from django.core.files.base import File
from django.utils import timezone

from bridge.conf import file_storage
from bridge.errors import BridgeError
from bridge.files.images import picture
from bridge.files.kinds import UNKNOWN, check_allowed, kind_of, safe_name

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


def keep(source: BinaryIO, *, name: str, allowed: Sequence[str] | None) -> Kept:
    """Store a file; `allowed` are the media types that are taken, None: all, a picture that is none as well.

    Blocks, for seconds where a picture is large.

    Raises:
        BridgeError: `invalid_payload` with a `reason`. Nothing is stored then.
    """
    name = safe_name(name)
    kind = kind_of(source)
    if allowed is not None:
        check_allowed(kind, name=name, allowed=allowed)
    if kind.startswith("image/") and kind != "image/svg+xml":
        try:
            return _keep_picture(source, name=name, kind=kind)
        except BridgeError:
            if allowed is not None:
                raise
            # Staff sent it: it is theirs to judge. Nobody's browser is asked to open it.
            kind = UNKNOWN
    source.seek(0, 2)
    size = source.tell()
    return Kept(name, kind, size, None, None, file=_store(FILES, source), thumbnail="")


def _keep_picture(source: BinaryIO, *, name: str, kind: str) -> Kept:
    found = picture(source, kind=kind)
    file = _store(FILES, BytesIO(found.data))
    try:
        thumbnail = _store(THUMBNAILS, BytesIO(found.thumbnail)) if found.thumbnail else ""
    except BaseException:
        discard(file)
        raise
    return Kept(name, found.content_type, len(found.data), found.width, found.height, file, thumbnail)


def _store(folder: str, source: BinaryIO) -> str:
    source.seek(0)
    return file_storage().save(f"{folder}/{timezone.now():%Y/%m/%d}/{uuid.uuid4().hex}", File(source))


def discard(*names: str) -> None:
    """Take files out of the storage. What cannot be taken out now is found by `manage.py purge_files`."""
    for name in filter(None, names):
        try:
            file_storage().delete(name)
        except Exception:
            # Any storage has errors of its own.
            logger.exception("The file %s could not be deleted", name)
