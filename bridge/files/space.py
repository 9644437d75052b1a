"""Checks the free space on the disks for files; remote storages such as S3 have their own limits."""

import errno
import logging
import os
import shutil
import tempfile
import time

from bridge.conf import file_storage, settings

logger = logging.getLogger(__name__)

MEGABYTE = 1024 * 1024
SAID_EVERY = 60.0
"""Seconds between two log entries that say that a disk is full."""
SHORT_BELOW = 2
"""Space is short below this multiple of the reserve. Then unsent uploads are deleted sooner."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_said_at = float("-inf")


class NoRoom(OSError):
    """A disk has too little free space for a file. The rest is reserved, above all for the database."""

    def __init__(self, folder: str, free: int) -> None:
        super().__init__(errno.ENOSPC, f"only {free // MEGABYTE} MiB are left for files in", folder)


def check_room(size: int = 0) -> None:
    """Raises NoRoom if `size` more bytes would use the space that BRIDGE_DISK_RESERVE keeps free.

    This also checks the folder of temporary files, where uploads are written first.
    """
    global _said_at
    for folder in _folders():
        free = shutil.disk_usage(folder).free
        if free - size < settings.BRIDGE_DISK_RESERVE * MEGABYTE:
            if time.monotonic() - _said_at > SAID_EVERY:
                _said_at = time.monotonic()
                logger.error("Files are refused: %s has only %d MiB left", folder, free // MEGABYTE)
            raise NoRoom(folder, free)


def is_short() -> bool:
    """Whether a disk is nearly full."""
    enough = SHORT_BELOW * settings.BRIDGE_DISK_RESERVE * MEGABYTE
    return any(shutil.disk_usage(folder).free < enough for folder in _folders())


def is_full(error: OSError) -> bool:
    """Whether this error means a full disk. It can be filled by others after `check_room`."""
    return error.errno in _FULL


def _folders() -> list[str]:
    folders = [tempfile.gettempdir()]
    try:
        folder = file_storage().path("")
    except NotImplementedError:
        return folders
    # It is created with the first file.
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return [*folders, folder]
