"""Deletes uploads that nobody sent, and files without a row."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.utils import timezone

from bridge.chat.actions.attaching import discard
from bridge.conf import file_storage
from bridge.files import FILES, THUMBNAILS, is_short
from bridge.files import discard as delete_files
from bridge.models import Attachment

UNSENT_FOR = timedelta(hours=24)
"""How long an uploaded file waits for its message."""
UNSENT_WHILE_SHORT = timedelta(hours=1)
"""The same while the disk is nearly full."""
AT_ONCE = 200


def purge_unsent() -> int:
    """Delete uploads that were not sent within a day, or within an hour if disk space is low, with their files.

    Returns how many there were.
    """
    before = timezone.now() - (UNSENT_WHILE_SHORT if is_short() else UNSENT_FOR)
    old = Attachment.objects.filter(message__isnull=True, created_at__lt=before).order_by("pk")
    count, gone = 0, 1
    # Until there are none left, or others have locked the rest.
    while gone:
        pks = list(old.values_list("pk", flat=True)[:AT_ONCE])
        gone = discard(Attachment.objects.filter(pk__in=pks, message__isnull=True))
        count += gone
    return count


def purge_orphans() -> int:
    """Delete files without a row, which a crash between the storage and the database can leave behind.

    Lists the whole storage, so it should not run every hour.
    """
    before = timezone.now() - UNSENT_FOR
    count = 0
    for folder in (FILES, THUMBNAILS):
        paths = _files(folder)
        while names := set(islice(paths, AT_ONCE)):
            orphans = [name for name in names - _known(names) if _is_older(name, before)]
            delete_files(*orphans)
            count += len(orphans)
    return count


def _known(names: set[str]) -> set[str]:
    files = Attachment.objects.filter(file__in=names).values_list("file", flat=True)
    thumbnails = Attachment.objects.filter(thumbnail__in=names).values_list("thumbnail", flat=True)
    return {str(name) for name in (*files, *thumbnails)}


def _is_older(name: str, moment: datetime) -> bool:
    try:
        return file_storage().get_modified_time(name) < moment
    except FileNotFoundError:
        return False  # gone in the meantime


def _files(folder: str) -> Iterator[str]:
    try:
        folders, names = file_storage().listdir(folder)
    except FileNotFoundError:
        return
    for name in folders:
        yield from _files(f"{folder}/{name}")
    for name in names:
        yield f"{folder}/{name}"
