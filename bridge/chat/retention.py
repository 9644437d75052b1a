"""Forgetting: files that nobody sent, and those that no row knows any more."""

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
"""The same while disks are nearly full."""
AT_ONCE = 200


def purge_unsent() -> int:
    """Delete the uploads that nobody sent within a day, within an hour where room is short, with their files.

    Returns how many there were.
    """
    before = timezone.now() - (UNSENT_WHILE_SHORT if is_short() else UNSENT_FOR)
    old = Attachment.objects.filter(message__isnull=True, created_at__lt=before).order_by("pk")
    count, gone = 0, 1
    # Until there are none, or others hold what is left.
    while gone:
        pks = list(old.values_list("pk", flat=True)[:AT_ONCE])
        gone = discard(Attachment.objects.filter(pk__in=pks, message__isnull=True))
        count += gone
    return count


def purge_orphans() -> int:
    """Delete the files that no row knows: what a crash left between the storage and the database.

    Lists the whole storage: for now and then, not for every hour.
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
