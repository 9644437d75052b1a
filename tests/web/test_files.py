"""Files that visitors send: what is taken, what is refused, who may read them."""

import asyncio
import json
import threading
import uuid
import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from bridge import files
from bridge.chat.actions import Post, post_messages
from bridge.chat.actions.changing import delete_message
from bridge.chat.speaking import Target
from bridge.files import inspecting, workers
from bridge.infra.limits import THROTTLES, Limit, Throttle
from bridge.inspection.limits import Limits
from bridge.models import Attachment, Block, Connection, Inbox, Message, Participant
from bridge.web import downloads, uploads
from tests.files.pictures import bomb, drawing, frames, png, saved
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.files import http, upload, uploaded
from tests.web.test_rooms import make_room

SVG = (
    b'<?xml version="1.0"?><!-- hi --><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
)
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00" + bytes(64)
RLO = "\u202e"


def packed() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("payload.exe", "MZ")
    return out.getvalue()


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


def stored(storage: Path) -> list[Path]:
    return [path for path in storage.rglob("*") if path.is_file()]


# -------------------------------------------------------------------- taking


async def test_a_picture_is_taken_measured_and_read_back(visitor: Browser) -> None:
    sent = await uploaded(visitor.token, "cat.png", png(40, 30))
    assert sent["name"] == "cat.png"
    assert sent["content_type"] == "image/png"
    assert (sent["width"], sent["height"]) == (40, 30)
    assert sent["thumbnail"] == ""
    assert sent["state"] == "stored"
    back = await http("GET", sent["url"], token=visitor.token)
    assert back.status == 200
    assert Image.open(BytesIO(back.body)).size == (40, 30)
    assert sent["size"] == len(back.body)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("notes.txt", "Grüße\n".encode(), "text/plain"),
        ("notes.py", b"print('<b>')\n", "text/plain"),
        ("old.txt", "Grüße\n".encode("latin-1"), "text/plain"),
        ("paper.pdf", PDF, "application/pdf"),
        ("voice.wav", WAV, "audio/wav"),
        ("clip.mp4", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(64), "video/mp4"),
        ("photo.jpg", saved(drawing(20, 20), "PNG"), "image/png"),
    ],
)
async def test_what_a_file_is_its_bytes_decide(visitor: Browser, name: str, data: bytes, kind: str) -> None:
    assert (await uploaded(visitor.token, name, data))["content_type"] == kind


async def test_a_large_picture_gets_a_thumbnail(visitor: Browser) -> None:
    sent = await uploaded(visitor.token, "big.png", png(1600, 800, noise=True))
    small = await http("GET", sent["thumbnail"], token=visitor.token)
    assert small.headers["content-type"] == "image/webp"
    assert Image.open(BytesIO(small.body)).size == (640, 320)


async def test_a_photo_is_turned_upright_and_forgets_where_it_was_taken(visitor: Browser) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 0.0)
    data = saved(drawing(60, 20), "JPEG", exif=exif, comment=b"SecretComment")
    assert b"SecretCamera" in data
    sent = await uploaded(visitor.token, "photo.jpg", data + b"SecretTail")
    assert (sent["width"], sent["height"]) == (20, 60)
    back = (await http("GET", sent["url"], token=visitor.token)).body
    assert b"Secret" not in back
    assert not Image.open(BytesIO(back)).getexif()


@pytest.mark.parametrize("shape", ["GIF", "WEBP", "PNG"])
async def test_a_moving_picture_goes_on_moving_and_forgets_the_rest(visitor: Browser, shape: str) -> None:
    frames = [drawing(32, 16, colour) for colour in ("red", "lime", "blue")]
    extra: dict[str, Any] = {"comment": b"SecretComment"} if shape == "GIF" else {}
    if shape == "WEBP":
        exif = Image.Exif()
        exif[0x010F] = "SecretCamera"
        extra = {"exif": exif, "xmp": b"<x>SecretPlace</x>", "lossless": True}
    data = saved(
        frames[0], shape, save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=0, **extra
    )
    assert (b"Secret" in data) == (shape != "PNG")
    sent = await uploaded(visitor.token, f"moving.{shape.lower()}", data + b"SecretTail")
    back = (await http("GET", sent["url"], token=visitor.token)).body
    assert b"Secret" not in back
    before, after = Image.open(BytesIO(data)), Image.open(BytesIO(back))
    assert after.n_frames == 3
    for number in range(3):
        before.seek(number)
        after.seek(number)
        before.load()
        after.load()
        assert before.info["duration"] == after.info["duration"]
        assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()


async def test_another_storage_of_the_settings_is_used(
    visitor: Browser, settings: Any, storage: Path
) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "chatbridge": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    sent = await uploaded(visitor.token, "cat.png", png())
    assert (await http("GET", sent["url"], token=visitor.token)).status == 200
    assert stored(storage) == []


# ------------------------------------------------------------------ refusing


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("cat.png", packed(), "mismatch"),
        ("cat.zip", packed(), "type"),
        ("logo.svg", SVG, "type"),
        ("logo.png", SVG, "mismatch"),
        ("page.html", HTML, "type"),
        ("page.txt", HTML, "mismatch"),
        ("page.html", b"Hello <img src=x onerror=alert(1)>", "mismatch"),
        ("page.xhtml", b"plain words", "mismatch"),
        ("run.exe", b"MZ\x90\0\3\0\0\0" + bytes(100), "type"),
        ("run.txt", b"MZ\x90\0\3\0\0\0" + bytes(100), "mismatch"),
        ("what", b"\x01\x02\x9f\xaa" * 30, "type"),
        ("empty.txt", b"", "empty"),
    ],
)
async def test_what_is_hostile_or_not_taken_is_refused_and_nothing_is_kept(
    visitor: Browser, storage: Path, name: str, data: bytes, reason: str
) -> None:
    answer = await upload(visitor.token, name, data)
    assert answer.status == 422
    assert answer.reason == reason
    assert answer.json["error"]["message"].endswith(".")
    assert stored(storage) == []
    assert not await Attachment.objects.aexists()


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("huge.png", bomb(), "application/octet-stream"),
        ("broken.gif", b"GIF89a" + bytes(30), "application/octet-stream"),
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "image/heic"),
        ("scan.tif", saved(drawing(20, 20), "TIFF"), "image/tiff"),
    ],
)
async def test_a_picture_that_cannot_be_shown_is_kept_as_it_is_for_download_alone(
    visitor: Browser, stranger: Browser, name: str, data: bytes, kind: str
) -> None:
    sent = await uploaded(visitor.token, name, data)
    assert (sent["content_type"], sent["size"], sent["width"]) == (kind, len(data), None)
    assert sent["thumbnail"] == ""
    back = await http("GET", sent["url"], token=visitor.token)
    assert back.body == data
    assert back.headers["content-type"] == kind
    assert back.headers["content-disposition"].startswith("attachment")
    assert back.headers["x-content-type-options"] == "nosniff"
    assert (await http("GET", sent["url"], token=stranger.token)).status == 404


@pytest.mark.parametrize(
    ("limits", "data"),
    [
        (Limits(memory=1), b"words"),
        (Limits(memory=160 << 20), partial(png, 6000, 6000)),
        (Limits(cpu=1), partial(frames, 1_500_000)),
        (Limits(wall=0.01), b"words"),
        (Limits(largest=1000), partial(png, 300, 300, noise=True)),
    ],
)
async def test_a_file_that_costs_too_much_is_refused_with_a_reason_and_nothing_is_kept(
    visitor: Browser,
    storage: Path,
    monkeypatch: pytest.MonkeyPatch,
    limits: Limits,
    data: bytes | Callable[[], bytes],
) -> None:
    monkeypatch.setattr(inspecting, "LIMITS", limits)
    answer = await upload(visitor.token, "file", data() if callable(data) else data)
    assert (answer.status, answer.reason) == (422, "costly")
    assert answer.json["error"]["message"].endswith(".")
    assert stored(storage) == []
    monkeypatch.undo()
    assert (await upload(visitor.token, "file", b"words")).status == 201


async def test_100_megabytes_are_refused_by_what_they_announce_before_a_byte_is_read(
    visitor: Browser, storage: Path
) -> None:
    answer = await upload(visitor.token, "film.mp4", b"x", headers={"content-length": str(100 << 20)})
    assert (answer.status, answer.reason) == (413, "too_large")
    assert answer.json["error"]["details"] == {"limit": 25 << 20}
    assert stored(storage) == []


async def test_100_megabytes_that_announce_nothing_are_refused_at_the_limit(
    visitor: Browser, inbox: Inbox, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Inbox.objects.filter(pk=inbox.pk).aupdate(max_upload=2)
    read = []
    write = uploads._check_size

    def counted(size: int, of: Inbox) -> None:
        read.append(size)
        write(size, of)

    monkeypatch.setattr(uploads, "_check_size", counted)
    answer = await upload(visitor.token, "film.mp4", [bytes(1 << 20)] * 100)
    assert (answer.status, answer.reason) == (413, "too_large")
    assert max(read) == 3 << 20
    assert stored(storage) == []


async def test_an_inbox_says_what_it_takes(visitor: Browser, inbox: Inbox) -> None:
    await Inbox.objects.filter(pk=inbox.pk).aupdate(upload_types="application/zip image/*")
    assert (await uploaded(visitor.token, "a.zip", packed()))["content_type"] == "application/zip"
    assert (await upload(visitor.token, "a.txt", b"words")).reason == "type"
    assert (await upload(visitor.token, "a.svg", SVG)).reason == "type", "image/* means no scripts"
    await Inbox.objects.filter(pk=inbox.pk).aupdate(max_upload=0)
    assert (await upload(visitor.token, "a.zip", packed())).status == 403
    assert (await upload(visitor.token, "a.zip", packed(), inbox="nowhere")).status == 404
    started = await (Browser(token=visitor.token)).start()
    assert started["inbox"]["max_upload"] == 0


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cat.txt", "cat.txt"),
        (f"cat{RLO}gnp.exe", "catgnp.exe"),
        ("a\u200bb\x00c\r\n.txt", "abc .txt"),
        ("...", "file"),
        ("", "file"),
        ('a<b>:"c"|?*.txt', "a_b_c_.txt"),
        ("x" * 500 + ".txt", "x" * 116 + ".txt"),
        ("файл 🐈.txt", "файл 🐈.txt"),
    ],
)
async def test_a_name_is_a_name_and_no_path(visitor: Browser, storage: Path, name: str, kept: str) -> None:
    assert files.safe_name(name) == kept
    sent = await uploaded(visitor.token, name or "", b"words")
    assert sent["name"] == kept
    (path,) = stored(storage)
    assert path.is_relative_to(storage)
    assert len(path.name) == 32


async def test_what_breaks_on_the_way_leaves_no_file(
    visitor: Browser, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(uploads.actions, "keep_upload", fail)
    answer = await upload(visitor.token, "cat.png", png())
    assert (answer.status, answer.json["error"]["code"]) == (500, "internal")
    assert "fire" not in answer.body.decode()
    assert stored(storage) == []


async def waiting(count: int) -> None:
    """Until so many files wait to be looked at."""
    for _ in range(1000):
        if workers._line._waiting == count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{workers._line._waiting} wait")


async def test_reading_and_others_uploads_wait_for_no_crowd_of_bombs(
    visitor: Browser, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await uploaded(visitor.token, "a.txt", b"words")
    door, looked_at = threading.Event(), []
    run = inspecting._run

    def slowly(job: str, *rest: Any) -> int:
        door.wait(60)
        looked_at.append(json.loads(job)["name"])
        return run(job, *rest)

    monkeypatch.setattr(inspecting, "_run", slowly)
    crowd = [
        asyncio.create_task(upload(visitor.token, f"bomb{number}.png", bomb(), address="192.0.2.66"))
        for number in range(5)
    ]
    try:
        await waiting(len(crowd) - workers.AT_ONCE)
        other = asyncio.create_task(upload(stranger.token, "b.txt", b"words", address="192.0.2.7"))
        await waiting(len(crowd) - workers.AT_ONCE + 1)
        assert (await http("GET", file["url"], token=visitor.token)).body == b"words"
        assert not any(each.done() for each in [*crowd, other])
    finally:
        door.set()
    answers = await asyncio.gather(other, *crowd)
    assert {answer.status for answer in answers} == {201}
    # Behind those that were begun, and one whose turn it was.
    assert looked_at.index("b.txt") <= workers.AT_ONCE + 1


# -------------------------------------------------------- who may send a file


async def test_without_a_token_nobody_sends_anything(inbox: Inbox, browser: Open) -> None:
    assert (await upload(None, "cat.png", png(), headers={"origin": "http://testserver"})).status == 401
    assert (await upload("made-up", "cat.png", png())).status == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://testserver"}, 201),
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"origin": "https://evil.example"}, 401),
        ({"origin": "null"}, 403),
        ({"origin": "http://testserver", "sec-fetch-site": "cross-site"}, 401),
        ({}, 401),
        ({"host": "evil.example", "origin": "http://evil.example"}, 403),
    ],
)
async def test_a_cookie_counts_on_our_own_pages_only(
    visitor: Browser, headers: dict[str, str], status: int
) -> None:
    answer = await upload(None, "cat.png", png(), cookie=visitor.token, headers=headers)
    assert answer.status == status


@pytest.mark.parametrize("name", ["upload", "upload_megabyte"])
async def test_who_sends_too_much_has_to_wait(browser: Open, settings: Any, name: str, storage: Path) -> None:
    few = Throttle(visitor=Limit(2, 3600), address=Limit(1000, 3600))
    settings.BRIDGE_THROTTLES = {name: few}
    someone = browser()
    await someone.start()
    data = b"words " * 200_000  # two megabytes begun
    first = await upload(someone.token, "a.txt", data)
    assert first.status == 201
    if name == "upload":
        assert (await upload(someone.token, "a.txt", b"x")).status == 201
    answer = await upload(someone.token, "a.txt", b"x")
    assert answer.status == 429
    assert answer.json["error"]["details"]["retry_after"] > 0
    assert set(THROTTLES) >= {name}


# ------------------------------------------------------------------- sending


async def test_a_message_carries_its_files_live_and_in_the_history(visitor: Browser, browser: Open) -> None:
    await visitor.write("first")
    other = browser(token=visitor.token)
    await other.start()
    one, two = await uploaded(visitor.token, "one.png"), await uploaded(visitor.token, "two.txt", b"2")
    sent = await visitor.write("look", attachments=[two["uid"], one["uid"]])
    assert sent["attachments"] == [two, one]
    seen = await other.event(
        "message.posted", lambda frame: frame["payload"]["messages"][0]["content"] == "look"
    )
    assert seen["payload"]["messages"][0]["attachments"] == [two, one]
    page = await visitor.ok("history.page", connection=visitor.connection)
    assert page["messages"][-1]["attachments"] == [two, one]


async def test_a_message_without_files_asks_nothing_of_them(visitor: Browser, inbox: Inbox) -> None:
    await visitor.write("first")
    connection = await Connection.objects.aget()
    author = await Participant.objects.aget()

    def asked() -> list[str]:
        with CaptureQueriesContext(database) as queries:
            post_messages(
                [Post(content="plain", target=Target.of(connection, author), client_id=uuid.uuid4())]
            )
        return [each["sql"] for each in queries]

    statements = await sync_to_async(asked)()
    assert any("bridge_message" in sql for sql in statements)
    assert not any("bridge_attachment" in sql for sql in statements)


async def test_a_file_needs_no_words_but_words_or_a_file_are_needed(visitor: Browser) -> None:
    file = await uploaded(visitor.token)
    sent = await visitor.write(" \u200b ", attachments=[file["uid"]])
    assert (sent["content"], sent["attachments"]) == ("", [file])
    assert (
        await visitor.refused("message.send", client_id=str(uuid.uuid4()), content=" ") == "invalid_payload"
    )
    many = [str(uuid.uuid4()) for _ in range(11)]
    payload = {"client_id": str(uuid.uuid4()), "content": "x", "attachments": many}
    assert await visitor.refused("message.send", **payload) == "invalid_payload"


async def test_a_resend_is_free_and_a_file_goes_once(visitor: Browser) -> None:
    file = await uploaded(visitor.token)
    payload = {"client_id": str(uuid.uuid4()), "content": "", "attachments": [file["uid"]]}
    first = await visitor.ok("message.send", **payload)
    assert await visitor.ok("message.send", **payload) == first
    again = {**payload, "client_id": str(uuid.uuid4())}
    assert await visitor.refused("message.send", **again) == "not_found"
    twice = await uploaded(visitor.token)
    assert await visitor.refused("message.send", **again | {"attachments": [twice["uid"]] * 2}) == "not_found"
    assert await Message.objects.acount() == 1


async def test_nobody_sends_anothers_file_nor_one_of_another_inbox(
    visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    mine = await uploaded(visitor.token)
    payload = {"client_id": str(uuid.uuid4()), "content": "mine now", "attachments": [mine["uid"]]}
    assert await stranger.refused("message.send", **payload) == "not_found"
    assert not await Message.objects.aexists()
    other = await Inbox.objects.acreate(name="other")
    await Attachment.objects.filter(uid=mine["uid"]).aupdate(inbox=other)
    assert await visitor.refused("message.send", **payload) == "not_found"
    nobodys = {**payload, "attachments": [str(uuid.uuid4())]}
    assert await visitor.refused("message.send", **nobodys) == "not_found"
    assert not await Message.objects.aexists()
    await visitor.write("the next one is taken as ever")


async def test_a_message_that_is_taken_back_takes_its_files_along(visitor: Browser, storage: Path) -> None:
    file = await uploaded(visitor.token, "big.png", png(900, 900, noise=True))
    assert len(stored(storage)) == 2
    sent = await visitor.write("look", attachments=[file["uid"]])
    await sync_to_async(delete_message)((await Message.objects.aget(uid=sent["uid"])).pk)
    assert stored(storage) == []
    assert (await http("GET", file["url"], token=visitor.token)).status == 404
    page = await visitor.ok("history.page", connection=visitor.connection)
    assert page["messages"][0]["attachments"] == []


# ------------------------------------------------------------------- reading


async def addresses(visitor: Browser, *, sent: bool) -> list[str]:
    file = await uploaded(visitor.token, "big.png", png(900, 900, noise=True))
    if sent:
        await visitor.write("look", attachments=[file["uid"]])
    return [file["url"], file["thumbnail"]]


@pytest.mark.parametrize("sent", [False, True])
async def test_a_stranger_finds_nothing_at_any_address(
    visitor: Browser, stranger: Browser, sent: bool
) -> None:
    await stranger.write("I have a conversation, too")
    for address in await addresses(visitor, sent=sent):
        assert (await http("GET", address, token=visitor.token)).status == 200
        assert (await http("GET", address, cookie=visitor.token)).status == 200
        for who in (stranger.token, "made-up", None):
            found = await http("GET", address, token=who)
            assert found.status == 404
            assert (await http("GET", address, cookie=who)).status == 404
            assert (await http("HEAD", address, cookie=who)).status == 404
        assert (await http("GET", f"{address}?key=made-up")).status == 404


async def test_in_a_room_its_members_read_what_they_send_and_nobody_else(
    visitor: Browser, stranger: Browser, browser: Open, inbox: Inbox
) -> None:
    room = await sync_to_async(make_room)(inbox)
    await visitor.ok("room.join", room="lobby")
    await stranger.ok("room.join", room="lobby")
    outside = browser(address="198.51.100.9")
    await outside.start()
    file = await uploaded(visitor.token)
    await visitor.write("", connection=str(room.uid), attachments=[file["uid"]])
    heard = (await stranger.event("message.posted"))["payload"]["messages"][0]
    assert heard["attachments"] == [file]
    assert (await http("GET", file["url"], token=stranger.token)).status == 200
    assert (await http("GET", file["url"], token=outside.token)).status == 404
    stolen = {"client_id": str(uuid.uuid4()), "content": "", "attachments": [file["uid"]]}
    assert await stranger.refused("message.send", connection=str(room.uid), **stolen) == "not_found"


async def test_who_is_blocked_sends_and_reads_no_files(visitor: Browser, inbox: Inbox) -> None:
    file = await uploaded(visitor.token)
    await visitor.write("look", attachments=[file["uid"]])
    row = await Attachment.objects.aget(uid=file["uid"])
    await Block.objects.acreate(inbox=inbox, visitor=row.visitor)
    answer = await upload(visitor.token, "cat.png", png())
    assert (answer.status, answer.reason) == (403, "blocked")
    assert (await http("GET", file["url"], token=visitor.token)).status == 404


@pytest.mark.parametrize("allowed", [True, False])
async def test_staff_read_files_where_they_may_read_conversations(visitor: Browser, allowed: bool) -> None:
    paths = await addresses(visitor, sent=True)

    def log_in() -> str:
        user = User.objects.create_user("sam", password="long enough", is_staff=True)
        if allowed:
            user.user_permissions.set(
                Permission.objects.filter(codename__in=["view_connection", "view_message"])
            )
        client = Client()
        client.force_login(user)
        return client.cookies[django_settings.SESSION_COOKIE_NAME].value

    session = await sync_to_async(log_in)()
    for path in paths:
        headers = {"cookie": f"{django_settings.SESSION_COOKIE_NAME}={session}"}
        assert (await http("GET", path, headers=headers)).status == (200 if allowed else 404)
        elsewhere = headers | {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}
        assert (await http("GET", path, headers=elsewhere)).status == 404


async def test_a_signed_link_opens_one_sent_file_for_a_year(visitor: Browser) -> None:
    unsent, other = await uploaded(visitor.token), await uploaded(visitor.token)
    address = files.link(unsent["url"], site="", uid=uuid.UUID(unsent["uid"]))
    assert address == "", "without SITE_URL nobody could follow it"
    address = files.link(unsent["url"], site="http://testserver", uid=uuid.UUID(unsent["uid"]))
    path = address.removeprefix("http://testserver")
    assert (await http("GET", path)).status == 404, "it was not sent"
    await visitor.write("look", attachments=[unsent["uid"], other["uid"]])
    assert (await http("GET", path)).status == 200
    key = path.partition("?")[2]
    assert (await http("GET", f"{other['url']}?{key}")).status == 404
    row = await Attachment.objects.aget(uid=unsent["uid"])
    await Attachment.objects.filter(pk=row.pk).aupdate(created_at=row.created_at - files.links.LINK_AGE)
    assert (await http("GET", path)).status == 404


TAKEN = [("a.txt", b"words"), ("a.pdf", PDF), ("a.wav", WAV), ("a.png", png())]


async def test_only_pictures_are_shown_and_nothing_is_run(
    visitor: Browser,
) -> None:
    for name, data in TAKEN:
        sent = await uploaded(visitor.token, name, data)
        headers = (await http("GET", sent["url"], token=visitor.token)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["cache-control"].startswith("private")
        shown = "inline" if name == "a.png" else "attachment"
        assert headers["content-disposition"] == f'{shown}; filename="{name}"'


async def test_even_a_page_that_an_inbox_takes_is_only_downloaded(visitor: Browser, inbox: Inbox) -> None:
    await Inbox.objects.filter(pk=inbox.pk).aupdate(upload_types="text/html image/svg+xml")
    for name, data in (("a.html", HTML), ("a.svg", SVG)):
        sent = await uploaded(visitor.token, name, data)
        headers = (await http("GET", sent["url"], token=visitor.token)).headers
        assert headers["content-disposition"].startswith("attachment")
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-4", 206, b"01234"),
        ("bytes=5-", 206, b"56789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=0-9", 200, b"0123456789"),
        ("bytes=10-", 416, b""),
        ("bytes=7-3", 416, b""),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("rows=1", 200, b"0123456789"),
    ],
)
async def test_players_get_the_part_that_they_ask_for(
    visitor: Browser, asked: str, status: int, part: bytes
) -> None:
    sent = await uploaded(visitor.token, "digits.txt", b"0123456789")
    answer = await http("GET", sent["url"], token=visitor.token, headers={"range": asked})
    assert (answer.status, answer.body) == (status, part)
    if status == 206:
        assert answer.headers["content-range"].endswith("/10")


class RemoteFile(File[bytes]):
    """As of a storage in the cloud: it is fetched as soon as anything of it is needed, even `seek` to be called."""

    def __init__(self, file: Any) -> None:
        self.name, self._here, self._fetched = file.name, file, False

    @property
    def file(self) -> Any:
        if not self._fetched:
            assert threading.current_thread() is not threading.main_thread()
            self._fetched = True
        return self._here


async def test_a_remote_storage_holds_up_nobody_else(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await uploaded(visitor.token, "digits.txt", b"0123456789")
    monkeypatch.setattr(
        downloads,
        "file_storage",
        lambda: SimpleNamespace(open=lambda name: RemoteFile(default_storage.open(name))),
    )
    for asked, part in (({}, b"0123456789"), ({"range": "bytes=2-4"}, b"234")):
        answer = await http("GET", sent["url"], token=visitor.token, headers=asked)
        assert answer.body == part
    assert (await http("HEAD", sent["url"], token=visitor.token)).status == 200
    nothing = {"range": "bytes=10-"}
    assert (await http("GET", sent["url"], token=visitor.token, headers=nothing)).status == 416


async def test_a_look_at_the_headers_opens_nothing(visitor: Browser) -> None:
    sent = await uploaded(visitor.token, "digits.txt", b"0123456789")
    answer = await http("HEAD", sent["url"], token=visitor.token)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "10")


async def test_an_address_that_is_no_upload_says_so(visitor: Browser) -> None:
    assert (await http("GET", "/files/", token=visitor.token)).status == 405
    assert json.loads((await upload(visitor.token, "a.txt", b"words")).body)["uid"]
    assert await sync_to_async(default_storage.exists)("attachments")
