"""What is forgotten: uploads that nobody sent, files that no row knows. What was sent stays."""

import os
import time
import uuid
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from bridge import files
from bridge.chat import retention
from bridge.chat.actions import keep_upload
from bridge.models import Attachment, Connection, Inbox, Message
from tests.files.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


def upload(*, hours: float) -> Attachment:
    inbox, _ = Inbox.objects.get_or_create(name="default")
    kept = files.keep(BytesIO(png(900, 900, noise=True)), name="cat.png", allowed=["image/*"])
    row = keep_upload(kept, inbox=inbox.pk, visitor=uuid.uuid4())
    Attachment.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(hours=hours))
    return row


@pytest.mark.parametrize(("reserve", "left"), [(0, {2, 20}), (10**9, set())])
def test_what_nobody_sent_waits_an_hour_where_room_is_short(
    settings: Any, reserve: int, left: set[int]
) -> None:
    rows = {hours: upload(hours=hours) for hours in (2, 20, 30)}
    fresh = upload(hours=0.5)
    settings.BRIDGE_DISK_RESERVE = reserve
    assert retention.purge_unsent() == 3 - len(left)
    kept = set(Attachment.objects.values_list("pk", flat=True))
    assert kept == {rows[hours].pk for hours in left} | {fresh.pk}


def age(name: str, hours: float) -> None:
    moment = time.time() - hours * 3600
    os.utime(default_storage.path(name), (moment, moment))


def stored(storage: Path) -> int:
    return sum(path.is_file() for path in storage.rglob("*"))


def test_what_nobody_sent_within_a_day_goes_with_its_files(storage: Path) -> None:
    old, new, sent = upload(hours=25), upload(hours=23), upload(hours=25)
    connection = Connection.objects.create(inbox=sent.inbox)
    message = Message.objects.create(connection=connection, seq=1, revision=1)
    Attachment.objects.filter(pk=sent.pk).update(message=message)
    assert stored(storage) == 6
    assert retention.purge_unsent() == 1
    assert set(Attachment.objects.values_list("pk", flat=True)) == {new.pk, sent.pk}
    assert not default_storage.exists(old.file.name or "")
    assert stored(storage) == 4


def test_files_without_a_row_go_and_those_of_just_now_stay(storage: Path, capsys: Any) -> None:
    known, lost, fresh = upload(hours=0), upload(hours=0), upload(hours=0)
    for row in (known, lost):
        age(row.file.name or "", 25)
        age(row.thumbnail.name or "", 25)
    Attachment.objects.filter(pk__in=[lost.pk, fresh.pk]).delete()
    call_command("purge_files")
    assert "Deleted 0 unsent uploads and 2 files without a row." in capsys.readouterr().out
    assert default_storage.exists(known.file.name or "")
    assert default_storage.exists(fresh.file.name or "")
    assert not default_storage.exists(lost.thumbnail.name or "")
    assert stored(storage) == 4


def test_an_empty_storage_is_no_mistake() -> None:
    assert (retention.purge_unsent(), retention.purge_orphans()) == (0, 0)
