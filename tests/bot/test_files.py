"""Files on their way to Discord and from there, with the real bot."""

import asyncio
import uuid
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from bridge import actions, files
from bridge.actions import Opening, Post, Uploads
from bridge.actions.changing import delete_message, edit_message
from bridge.delivery import carrying
from bridge.models import Attachment, Inbox, Message
from bridge.sandbox import routes
from bridge.sandbox.client import POSTS
from tests.bot.stage import STRANGER, VISITOR, Stage, db, eventually
from tests.web.files import png


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
        (posted,) = actions.post_messages(
            [
                Post(
                    content=content,
                    opening=Opening(inbox=inbox.pk, visitor=visitor, nick="Visitor"),
                    uploads=Uploads(visitor, inbox.pk, tuple(row.uid for row in rows)),
                )
            ]
        )
        return Message.objects.get(pk=posted.id)  # type: ignore[union-attr]

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
    monkeypatch.setattr(carrying, "TOGETHER", 10)
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
    assert (await in_discord(up, await up.thread()))[1] == ("(The file is not there any more.)", [])
