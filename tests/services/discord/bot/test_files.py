"""Files on their way to Discord and from there, with the real bot."""

import asyncio
import uuid
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from django.core.files.storage import default_storage
from PIL import Image

from bridge import files
from bridge.chat import actions
from bridge.chat.actions import Opening, Post, Uploads
from bridge.chat.actions import copying as copying_actions
from bridge.chat.actions.changing import delete_message, edit_message
from bridge.files import inspecting, workers
from bridge.inspection.limits import Limits
from bridge.models import Attachment, Inbox, Message
from bridge.sandbox import routes
from bridge.sandbox.client import POSTS
from bridge.services.base import FileLimits
from bridge.services.discord.bot import copying
from bridge.services.discord.bot.incoming import files_of
from bridge.services.discord.bot.lanes import Edited
from bridge.services.discord.service import DiscordService
from tests.files.pictures import bomb, png
from tests.services.discord.bot.stage import STRANGER, VISITOR, Stage, db, eventually, store


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


def stored(storage: Path) -> list[Path]:
    return [path for path in storage.rglob("*") if path.is_file()]


async def send(
    stage: Stage, content: str, *uploads: tuple[str, bytes], visitor: uuid.UUID = VISITOR
) -> Message:
    """The visitor uploads these and sends them."""

    def post() -> Message:
        inbox = Inbox.objects.get(name="default")
        rows = [
            actions.keep_upload(
                files.keep(BytesIO(data), name=name, allowed=["*/*"]), inbox=inbox.pk, visitor=visitor
            )
            for name, data in uploads
        ]
        (message,) = store(
            [
                Post(
                    content=content,
                    opening=Opening(inbox=inbox.pk, visitor=visitor, nick="Visitor"),
                    uploads=Uploads(visitor, inbox.pk, tuple(row.uid for row in rows)),
                )
            ]
        )
        return message

    return await db(post)


async def in_discord(stage: Stage, thread: str) -> list[tuple[str, list[str]]]:
    """What is said in a thread, with the names of its files."""
    return [
        (each["content"], [file["filename"] for file in each["attachments"]])
        for each in await stage.sandbox.messages(thread)
        if each["type"] in {0, 19}
    ]


async def downloaded(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()


# ------------------------------------------------------------------ to Discord


async def test_a_file_reaches_discord_with_its_words(up: Stage) -> None:
    await send(up, "My receipt", ("receipt.png", png()), ("notes.txt", b"thanks"))
    await up.delivered()
    thread = await up.thread()
    (said,) = [each for each in await up.sandbox.messages(thread) if each["content"] == "My receipt"]
    assert [file["filename"] for file in said["attachments"]] == ["receipt.png", "notes.txt"]
    assert Image.open(BytesIO(await downloaded(said["attachments"][0]["url"]))).size == (40, 30)
    assert await downloaded(said["attachments"][1]["url"]) == b"thanks"


async def test_a_file_goes_without_words_and_alone(up: Stage) -> None:
    await up.converse("Hello")
    await up.say("Look:")
    await send(up, "", ("cat.png", png()))
    await up.say("and", "on")
    await up.delivered()
    thread = await up.thread()
    said = await in_discord(up, thread)
    assert ("", ["cat.png"]) in said
    assert [text for text, _ in said if text] == ["Hello", "Look:", "and\non"]
    other = await up.converse("Nothing for me?", visitor=STRANGER)
    assert await in_discord(up, other) == [("Nothing for me?", [])]


async def test_of_a_message_in_pieces_the_first_has_the_files(up: Stage) -> None:
    await send(up, "word " * 700, ("cat.png", png()))
    await up.delivered()
    first, second = await in_discord(up, await up.thread())
    assert (first[1], second[1]) == (["cat.png"], [])


async def test_what_is_too_large_for_discord_goes_as_a_link(up: Stage, settings: Any) -> None:
    large = b"%PDF-1.7\n" + bytes(10 * 1024 * 1024)
    message = await send(up, "The plan", ("plan.pdf", large), ("cat.png", png()))
    await up.delivered()
    ((text, names),) = await in_discord(up, await up.thread())
    assert names == ["cat.png"]
    row = await db(lambda: Attachment.objects.get(message=message, name="plan.pdf"))
    words, line = text.split("\n")
    assert words == "The plan"
    assert line.startswith("📎 plan.pdf (10.0 MB) <https://chat.example.com/files/")
    assert f"{row.uid}/?key=" in line


async def test_too_many_bytes_together_leave_the_last_ones_behind(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiscordService, "file_limits", FileLimits(largest=10, together=10))
    await send(up, "", ("one.txt", b"12345678"), ("two.txt", b"12345678"), ("three.txt", b"12"))
    await up.delivered()
    ((text, names),) = await in_discord(up, await up.thread())
    assert names == ["one.txt", "three.txt"]
    assert text.startswith("📎 two.txt (0.0 MB) <")


@pytest.mark.parametrize("code", [40005, 0])
async def test_what_discord_refuses_as_too_large_goes_as_a_link(up: Stage, code: int) -> None:
    await up.converse("Hello")

    def refuses(request: routes.Request) -> routes.Answer | None:
        return (413, {"message": "Request entity too large", "code": code}) if request.files else None

    up.refusals.append(refuses)
    message = await send(up, "", ("cat.png", png()))
    await up.delivered()
    said = await in_discord(up, await up.thread())
    assert [names for _, names in said] == [[], []]
    assert said[1][0].startswith("📎 cat.png")
    assert (await db(lambda: Message.objects.get(pk=message.pk))).state == "delivered"


async def test_an_answer_that_is_lost_makes_no_second_file(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.fault("error", route=POSTS, when="after", status=500, times=10)
    await send(up, "", ("cat.png", png()))
    await eventually(lambda: up.asked(POSTS) >= 3, "it was tried")
    await up.sandbox.clear_faults()
    await asyncio.sleep(0.2)
    up.pass_time(60)
    await eventually(lambda: _settled(up), "it was looked up")
    assert await in_discord(up, thread) == [("Hello", []), ("", ["cat.png"])]


async def _settled(stage: Stage) -> bool:
    stage.pass_time(5)
    return await db(lambda: not Message.objects.exclude(state="delivered").exists())


async def test_a_crash_before_the_answer_makes_no_second_file(stage: Stage) -> None:
    await stage.start()
    thread = await stage.converse("Hello")
    await stage.sandbox.fault("cut", route=POSTS, when="after", times=10)
    await send(stage, "", ("cat.png", png()), ("dog.png", png()))
    await eventually(lambda: stage.asked(POSTS) >= 3, "it was tried")
    await stage.stop()
    await stage.sandbox.clear_faults()
    stage.clock.advance(60)
    await stage.start()
    await eventually(lambda: _settled(stage), "it was looked up")
    assert await in_discord(stage, thread) == [("Hello", []), ("", ["cat.png", "dog.png"])]


async def test_an_edit_leaves_the_files_and_a_deletion_takes_them(up: Stage, storage: Path) -> None:
    message = await send(up, "Look", ("cat.png", png()))
    await up.delivered()
    thread = await up.thread()
    await db(edit_message, message.pk, content="Look at her")
    await up.delivered()
    assert await in_discord(up, thread) == [("Look at her", ["cat.png"])]
    assert stored(storage)
    await db(delete_message, message.pk)
    await up.delivered()
    assert await in_discord(up, thread) == []
    assert stored(storage) == []


async def test_a_file_that_is_gone_from_the_storage_is_said_to_be_gone(up: Stage) -> None:
    await up.converse("Hello")
    await up.stop()
    await send(up, "", ("cat.png", png()))
    row = await db(Attachment.objects.get)
    await db(default_storage.delete, row.file.name)
    await up.start()
    await up.delivered()
    assert (await in_discord(up, await up.thread()))[1] == ("(The file no longer exists.)", [])


# ---------------------------------------------------------------- from Discord


async def on_the_page(stage: Stage) -> list[tuple[str, list[Attachment]]]:
    """What staff said, with its files."""
    said = Message.objects.filter(author__role="staff").order_by("seq").prefetch_related("attachments")
    return await db(
        lambda: [
            (each.content, sorted(each.attachments.all(), key=lambda file: file.position)) for each in said
        ]
    )


async def until_copied(stage: Stage, count: int = 1) -> list[tuple[str, list[Attachment]]]:
    async def copied() -> list[tuple[str, list[Attachment]]] | None:
        found = await on_the_page(stage)
        files = [file for _, attached in found for file in attached]
        done = len(files) == count and all(file.state != "pending" for file in files)
        return found if done else None

    return await eventually(copied, "the files are copied")


async def test_what_staff_attach_is_copied_before_its_link_runs_out(up: Stage, storage: Path) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as(
        "ada", thread, "Here", files={"cat.png": png(900, 700, noise=True), "a.txt": b"words"}
    )
    ((words, (cat, text)),) = await until_copied(up, 2)
    assert words == "Here"
    assert (cat.name, cat.content_type, cat.width, cat.height) == ("cat.png", "image/png", 900, 700)
    assert cat.thumbnail
    assert (text.name, text.content_type, text.size) == ("a.txt", "text/plain", 5)
    assert len(stored(storage)) == 3
    assert [path.read_bytes() for path in stored(storage) if path.stat().st_size == 5] == [b"words"]


async def test_a_picture_without_words_is_no_empty_message(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", thread, "", files={"cat.png": png()})
    ((words, (cat,)),) = await until_copied(up)
    assert words == ""
    assert (cat.width, cat.height) == (40, 30)


async def test_a_stranger_gets_none_of_it(up: Stage) -> None:
    thread = await up.converse("Hello")
    other = await up.converse("Hello, too", visitor=STRANGER)
    await up.sandbox.post_as("ada", thread, "", files={"cat.png": png()})
    await until_copied(up)
    theirs = Attachment.objects.exclude(message__connection__visitor=VISITOR)
    assert not await db(theirs.exists)
    assert await in_discord(up, other) == [("Hello, too", [])]


async def test_what_was_attached_while_the_bot_was_away_is_copied_when_it_is_back(stage: Stage) -> None:
    await stage.start()
    thread = await stage.converse("Hello")
    await stage.stop()
    await stage.sandbox.post_as("ada", thread, "Missed", files={"cat.png": png()})
    await stage.start()
    ((words, (cat,)),) = await until_copied(stage)
    assert (words, cat.state) == ("Missed", "stored")


async def test_a_message_does_not_wait_for_its_file_and_the_file_is_fetched_later(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("Hello")
    back = asyncio.Event()

    async def away(session: Any, url: str, body: Any, *, limit: int) -> bool:
        if not back.is_set():
            raise aiohttp.ClientError("the file server is away")
        return await download(session, url, body, limit=limit)

    download = copying._download
    monkeypatch.setattr(copying, "_download", away)
    monkeypatch.setattr(copying, "LOOK_EVERY", 0.1)
    await up.sandbox.post_as("ada", thread, "Here", files={"cat.png": png()})
    await up.page_shows("Hello", "Here")
    ((_, (cat,)),) = await on_the_page(up)
    assert (cat.state, cat.file.name) == ("pending", "")
    before = (await db(lambda: Message.objects.latest("seq"))).revision
    back.set()
    ((_, (cat,)),) = await until_copied(up)
    assert cat.state == "stored"
    assert (await db(lambda: Message.objects.latest("seq"))).revision > before


async def test_however_many_fail_the_next_is_copied(up: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = await up.converse("Hello")
    failed: set[str] = set()

    async def some(session: Any, url: str, body: Any, *, limit: int) -> bool:
        if "bad" in url:
            failed.add(url)
            raise aiohttp.ClientError("the file server is away")
        return await download(session, url, body, limit=limit)

    download = copying._download
    monkeypatch.setattr(copying, "_download", some)
    # They are due again before all of them were tried.
    monkeypatch.setattr(copying, "BATCH", 2)
    monkeypatch.setattr(copying, "LOOK_EVERY", 0.01)
    for number in range(6):
        await up.sandbox.post_as("ada", thread, "", files={f"bad{number}.png": png()})
    await eventually(lambda: len(failed) == 6, "each was tried")
    await up.sandbox.post_as("ada", thread, "", files={"good.png": png()})
    good = Attachment.objects.filter(name="good.png", state="stored")
    await eventually(lambda: db(good.exists), "it is copied")
    assert await db(Attachment.objects.filter(state="pending").count) == 6


async def test_a_link_that_ran_out_is_asked_for_again(up: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = await up.converse("Hello")
    await up.stop()
    to_copy = copying_actions.to_copy

    def outdated(files: Any, *, inbox: Inbox) -> list[Attachment]:
        attachments = to_copy(files, inbox=inbox)
        for attachment in attachments:
            attachment.remote_url = attachment.remote_url.replace("/attachments/", "/attachments/1/")
        return attachments

    monkeypatch.setattr("bridge.chat.actions.receiving.to_copy", outdated)
    await up.start()
    await up.sandbox.post_as("ada", thread, "Here", files={"cat.png": png()})
    ((_, (cat,)),) = await until_copied(up)
    assert cat.state == "stored"


async def test_what_is_too_large_stays_in_discord_and_is_said_to_be_there(up: Stage, storage: Path) -> None:
    await up.change_inbox(max_upload=1)
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", thread, "Here", files={"film.mp4": bytes(2 << 20), "a.txt": b"words"})
    ((_, (film, text)),) = await until_copied(up, 2)
    assert (film.state, film.name, film.size) == ("remote", "film.mp4", 2 << 20)
    assert film.remote_url.endswith("/film.mp4")
    assert text.state == "stored"
    assert len(stored(storage)) == 1


async def test_a_file_whose_size_was_not_told_is_cut_off_at_the_limit(
    up: Stage, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("Hello")
    monkeypatch.setattr(copying_actions, "limit_of", lambda inbox: 1000)
    monkeypatch.setattr(
        "bridge.chat.actions.receiving.to_copy",
        lambda files, *, inbox: copying_actions.to_copy(
            [copying_actions.RemoteFile(file.remote_id, file.name, file.url) for file in files], inbox=inbox
        ),
    )
    await up.sandbox.post_as("ada", thread, "Here", files={"a.txt": b"words " * 1000})
    ((_, (text,)),) = await until_copied(up)
    assert text.state == "remote"
    assert stored(storage) == []


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://cdn.discordapp.com/attachments/1/2/a.png?ex=1", True),
        ("https://media.discordapp.net/stickers/1.gif", True),
        ("http://cdn.discordapp.com/a.png", False),
        ("https://cdn.discordapp.com:8443/a.png", False),
        ("https://cdn.discordapp.com@evil.example/a.png", False),
        ("https://cdn.discordapp.com.evil.example/a.png", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("http://127.0.0.1:6379/", False),
        ("file:///etc/passwd", False),
        ("https://[", False),
    ],
)
async def test_only_discords_own_file_servers_are_asked(settings: Any, url: str, allowed: bool) -> None:
    settings.DISCORD_API_URL = "https://discord.com/api/v10"
    assert copying.may_be_fetched(url) is allowed


async def test_another_discord_serves_its_own_files_and_nobody_elses(settings: Any) -> None:
    settings.DISCORD_API_URL = "http://127.0.0.1:8787/api/v10"
    assert copying.may_be_fetched("http://127.0.0.1:8787/attachments/1/2/a.png")
    assert not copying.may_be_fetched("http://127.0.0.1:8788/attachments/1/2/a.png")


async def test_a_hostile_file_of_staff_is_kept_as_a_download_only(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", thread, "", files={"huge.png": bomb(), "page.html": b"<html><script>1"})
    ((_, (huge, page)),) = await until_copied(up, 2)
    assert (huge.content_type, huge.width, page.content_type) == (
        "application/octet-stream",
        None,
        "text/html",
    )


async def test_a_file_that_kills_its_worker_is_tried_once_and_stays_in_discord(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, storage: Path
) -> None:
    tried = []
    run = inspecting._run

    def counted(*args: Any) -> int:
        tried.append(args)
        return run(*args)

    monkeypatch.setattr(inspecting, "_run", counted)
    monkeypatch.setattr(inspecting, "LIMITS", Limits(memory=1))
    await stage.start()
    thread = await stage.converse("Hello")
    await stage.sandbox.post_as("ada", thread, "Here", files={"killer.png": png()})
    ((_, (killer,)),) = await until_copied(stage)
    assert (killer.state, killer.file.name) == ("remote", "")
    assert killer.remote_url.endswith("/killer.png")
    await stage.stop()
    monkeypatch.setattr(inspecting, "LIMITS", Limits())
    monkeypatch.setattr(copying, "LOOK_EVERY", 0.05)
    await stage.start()
    await stage.sandbox.post_as("ada", thread, "And", files={"cat.png": png()})
    found = await until_copied(stage, 2)
    assert [file.state for _, files in found for file in files] == ["remote", "stored"]
    assert len(tried) == 2
    assert len(stored(storage)) == 1


async def test_whatever_one_file_breaks_the_others_are_copied(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("Hello")
    look = inspecting.inspect

    def breaks(source: Any, *, name: str, **rest: Any) -> Any:
        if name == "odd.png":
            raise RuntimeError("nobody thought of this")
        return look(source, name=name, **rest)

    monkeypatch.setattr("bridge.files.keeping.inspect", breaks)
    await up.sandbox.post_as("ada", thread, "", files={"odd.png": png(), "cat.png": png(), "dog.png": png()})
    ((_, files),) = await until_copied(up, 3)
    assert {file.name: file.state for file in files} == {
        "odd.png": "remote",
        "cat.png": "stored",
        "dog.png": "stored",
    }


async def test_while_too_many_files_are_looked_at_one_waits_and_is_copied_later(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("Hello")
    monkeypatch.setattr(copying, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(workers._line, "_most", 0)
    await up.sandbox.post_as("ada", thread, "", files={"cat.png": png()})
    await up.page_shows("Hello", "")
    await asyncio.sleep(0.2)
    ((_, (cat,)),) = await on_the_page(up)
    assert cat.state == "pending"
    monkeypatch.undo()
    ((_, (cat,)),) = await until_copied(up)
    assert cat.state == "stored"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_leads_elsewhere_when_files_are_copied(settings: Any, status: int) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        # To a door inside the network, which only this machine may knock at.
        there = str(request.url.with_host("localhost").with_path("/inside"))
        return web.Response(status=status, headers={"Location": there}, body=b"secret")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as cdn, aiohttp.ClientSession() as session:
        settings.DISCORD_CDN_URL = str(cdn.make_url("/")).rstrip("/")
        body = BytesIO()
        with pytest.raises(aiohttp.ClientError, match=str(status)):
            await copying._download(session, str(cdn.make_url("/attachments/1/2/a.png")), body, limit=1000)
    assert asked == ["/attachments/1/2/a.png"]
    assert body.getvalue() == b""


async def test_a_message_that_is_taken_back_takes_its_copies_along(up: Stage, storage: Path) -> None:
    thread = await up.converse("Hello")
    said = await up.sandbox.post_as("ada", thread, "Here", files={"cat.png": png()})
    await until_copied(up)
    assert stored(storage)
    await up.sandbox.delete(thread, said["id"])
    await up.page_shows("Hello")
    await eventually(lambda: not stored(storage), "the copy is gone")


async def test_a_file_that_staff_take_out_of_a_message_goes_from_the_page(up: Stage, storage: Path) -> None:
    thread = await up.converse("Hello")
    said = await up.sandbox.post_as("ada", thread, "Here", files={"cat.png": png(), "dog.png": png()})
    await until_copied(up, 2)
    rest = said["attachments"][1:]
    up.world.edit_message(int(thread), int(said["id"]), {"content": "Here", "attachments": rest})

    async def dropped() -> bool:
        ((_, attached),) = await on_the_page(up)
        return [each.name for each in attached] == ["dog.png"]

    await eventually(dropped, "the first file is gone")
    assert len(stored(storage)) == 1
    await up.sandbox.edit(thread, said["id"], "There")
    await up.page_shows("Hello", "There")
    assert await dropped()


def attached(**parts: Any) -> discord.Attachment:
    whole = {
        "id": 1,
        "size": 3,
        "filename": "____.png",
        "url": "https://cdn.discordapp.com/a",
        "proxy_url": "",
    }
    return discord.Attachment(data={**whole, **parts}, state=SimpleNamespace(http=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filename", "title", "name"),
    [
        ("____.png", "привет", "привет.png"),
        ("____.png", "счёт.png", "счёт.png"),
        ("__1_.PDF", "見積書 (1).pdf", "見積書 (1).pdf"),
        ("a.tar.gz", None, "a.tar.gz"),
        ("a.txt", "", "a.txt"),
        ("none", "ohne Endung", "ohne Endung"),
        ("a.png", "../../etc/passwd\n", "passwd.png"),
    ],
)
def test_a_file_is_called_what_it_was_called_before_discord_changed_its_name(
    filename: str, title: str | None, name: str
) -> None:
    message: Any = SimpleNamespace(
        attachments=[attached(filename=filename, title=title)], message_snapshots=[], stickers=[], embeds=[]
    )
    assert [each.name for each in files_of(message)] == [name]


def gif(proxy: str, kind: str = "gifv") -> discord.Embed:
    picture = {"url": "https://media.tenor.com/x.png", "proxy_url": proxy}
    return discord.Embed.from_dict(
        {"type": kind, "url": "https://tenor.com/view/cat-1", "thumbnail": picture}
    )  # type: ignore[arg-type,typeddict-item]


def test_only_discords_own_proxy_is_asked_for_the_picture_of_a_gif() -> None:
    inside = "https://images-ext-1.discordapp.net/external/abc/https/media.tenor.com/x.png"
    message: Any = SimpleNamespace(attachments=[], message_snapshots=[], stickers=[])
    message.embeds = [gif(inside), gif(inside, kind="video"), gif("")]
    (file,) = files_of(message)
    assert (file.name, file.url) == ("cat-1.gif", inside)
    assert copying.may_be_fetched(inside)
    for other in (
        "media.tenor.com",
        "images-ext-1.discordapp.net.evil.example",
        "images-ext-x.discordapp.net",
    ):
        assert not copying.may_be_fetched(f"https://{other}/x.png")
    assert not copying.may_be_fetched(inside.replace("https://images", "http://images"))


async def test_the_picture_of_a_gif_is_shown_when_its_preview_comes_later(up: Stage) -> None:
    thread = await up.converse("Hello")
    sent = await up.sandbox.post_as("ada", thread, "https://tenor.com/view/cat-1")
    await eventually(lambda: on_the_page(up), "it is on the page")
    # A picture that this Discord has, as its proxy would.
    kept = await up.sandbox.post_as("ada", thread, "", files={"x.png": png()})
    address = kept["attachments"][0]["url"]
    await until_copied(up, 1)
    channel: Any = up.bot.get_partial_messageable(int(thread))
    message = await channel.fetch_message(int(sent["id"]))
    message.embeds = [gif(address)]
    for _ in range(2):
        up.bot.relay.see(int(thread), Edited(message))
    (words, files), _ = await until_copied(up, 2)
    assert words == "https://tenor.com/view/cat-1"
    assert [(each.name, each.state, each.width) for each in files] == [("cat-1.gif", "stored", 40)]
    # In nobody else's conversation.
    assert await db(Attachment.objects.exclude(message__connection__visitor=VISITOR).count) == 0
