"""Room for files: so many at once, so many megabytes a day, and a disk that others need as well."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.files.storage import InMemoryStorage

from bridge.infra import bodies
from bridge.infra.limits import THROTTLES, Limit, Throttle
from bridge.models import Attachment
from bridge.web import uploads
from tests.files.pictures import png
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.files import upload


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


async def test_ten_files_of_a_visitor_at_once_and_no_more(
    visitor: Browser, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "GRACE", 600.0)
    # Two addresses: it is the visitor who is counted.
    numbers = range(uploads.FROM_ONE_VISITOR + 2)
    held = [await begin_upload(visitor.token, address=f"192.0.2.{number % 2 + 1}") for number in numbers]
    answers = {asyncio.create_task(each.receive_output(60)) for each in held}
    refused: set[asyncio.Task[Any]] = set()
    while len(refused) < 2:
        done, answers = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        refused |= done
    assert {each.result()["status"] for each in refused} == {429}
    assert (await upload(stranger.token, "cat.png", png(), address="198.51.100.7")).status == 201
    assert len(answers) == uploads.FROM_ONE_VISITOR
    assert not any(each.done() for each in answers)
    for task in answers:
        task.cancel()
    for each in held:
        await each.send_input({"type": "http.disconnect"})
        await each.wait(60)
    assert (await upload(visitor.token, "cat.png", png())).status == 201


async def begin_upload(token: str | None, *, address: str = "192.0.2.1") -> ApplicationCommunicator:
    """A file of which the first byte came, and no more yet."""
    from chatbridge_site.asgi import application

    headers = {"host": "testserver", "authorization": f"Bearer {token}", "content-length": "3000000"}
    there = ApplicationCommunicator(
        application,
        {
            "type": "http",
            "method": "POST",
            "path": "/files/",
            "raw_path": b"/files/",
            "query_string": b"name=a.txt",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": (address, 50000),
        },
    )
    await there.send_input({"type": "http.request", "body": b"x", "more_body": True})
    return there


async def _refusal(there: ApplicationCommunicator) -> Any:
    """How it was refused, None where it is waited for."""
    if await there.receive_nothing(timeout=0.3):
        return None
    return await there.receive_output(60)


# ------------------------------------------------------------------- the disk


@pytest.fixture
def full(settings: Any) -> None:
    """A disk with less than is to be kept free: a million gigabytes."""
    settings.BRIDGE_DISK_RESERVE = 10**9


async def test_a_full_disk_takes_no_file_and_says_so(visitor: Browser, full: None, storage: Path) -> None:
    answer = await upload(visitor.token, "cat.png", png())
    assert (answer.status, answer.reason) == (503, "full")
    assert not storage.exists()  # noqa: ASYNC240
    assert await sync_to_async(Attachment.objects.count)() == 0
    # What needs no room goes on.
    assert (await visitor.write("Hello"))["content"] == "Hello"


async def test_a_disk_that_becomes_full_ends_the_file_that_is_on_its_way(
    visitor: Browser, settings: Any
) -> None:
    there = await begin_upload(visitor.token)
    assert await _refusal(there) is None
    settings.BRIDGE_DISK_RESERVE = 10**9
    await there.send_input({"type": "http.request", "body": bytes(2**20), "more_body": True})
    assert (await there.receive_output(60))["status"] == 503
    assert b'"full"' in (await there.receive_output(60))["body"]
    await there.send_input({"type": "http.disconnect"})
    await there.wait(60)


async def test_the_temporary_folder_is_looked_at_whatever_the_storage(
    visitor: Browser, settings: Any
) -> None:
    settings.STORAGES = settings.STORAGES | {
        "chatbridge": {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    }
    assert (await upload(visitor.token, "cat.png", png())).status == 201
    settings.BRIDGE_DISK_RESERVE = 10**9
    assert (await upload(visitor.token, "cat.png", png())).reason == "full"


async def test_what_a_disk_says_that_has_nothing_left_is_no_fault_of_ours(
    visitor: Browser, settings: Any
) -> None:
    settings.STORAGES = settings.STORAGES | {
        "chatbridge": {"BACKEND": "tests.web.test_room_for_files.FullStorage"}
    }
    assert (await upload(visitor.token, "cat.png", png())).reason == "full"


class FullStorage(InMemoryStorage):
    """Of another machine, whose disk nobody can ask."""

    def _save(self, name: str, content: Any) -> str:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")


@pytest.mark.parametrize("of", ["address", "inbox"])
async def test_a_days_megabytes_are_counted_for_addresses_and_inboxes(
    browser: Open, of: str, settings: Any
) -> None:
    plenty = Limit(1_000_000, 60)
    few = Throttle(visitor=plenty, address=plenty)._replace(**{of: Limit(2, 31_622_400)})
    settings.BRIDGE_THROTTLES = dict.fromkeys(THROTTLES, Throttle(visitor=plenty, address=plenty)) | {
        "upload_day": few
    }
    one, other = browser(), browser(address="203.0.113.5")
    await one.start()
    await other.start()
    for _ in range(2):
        assert (await upload(one.token, "a.txt", b"x")).status == 201
    assert (await upload(one.token, "a.txt", b"x")).status == 429
    # An inbox is everybody's, an address its own.
    elsewhere = await upload(other.token, "a.txt", b"x", address="203.0.113.5")
    assert elsewhere.status == (201 if of == "address" else 429)
