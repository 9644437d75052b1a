"""Room on the disks that files go to. Storages elsewhere, as S3, keep count of their own."""

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
"""Seconds between two lines in the log that say that a disk is full."""
SHORT_BELOW = 2
"""Room is short where there is less than so many times what is kept free: old uploads go sooner then."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_said_at = float("-inf")


class NoRoom(OSError):
    """A disk has too little left for a file: others need it, the database above all."""

    def __init__(self, folder: str, free: int) -> None:
        super().__init__(errno.ENOSPC, f"only {free // MEGABYTE} MiB are left for files in", folder)


def check_room(size: int = 0) -> None:
    """Raises NoRoom where so many bytes more would take what BRIDGE_DISK_RESERVE keeps free.

    Looks at the folder of temporary files, too: what comes in is written there first.
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
    """Whether there is room still, but not for long."""
    enough = SHORT_BELOW * settings.BRIDGE_DISK_RESERVE * MEGABYTE
    return any(shutil.disk_usage(folder).free < enough for folder in _folders())


def is_full(error: OSError) -> bool:
    """Whether this is what a disk says that has nothing left: ours was asked first, but others write as well."""
    return error.errno in _FULL


def _folders() -> list[str]:
    folders = [tempfile.gettempdir()]
    try:
        folder = file_storage().path("")
    except NotImplementedError:
        return folders
    # It is made with the first file.
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return [*folders, folder]
