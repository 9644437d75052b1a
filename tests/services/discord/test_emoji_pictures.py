"""Pictures of servers' own emoji: only of those that were seen, fetched once, and nothing but pictures."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.test import AsyncClient

from bridge.chat.actions.noting import note_emojis
from bridge.models import Emoji
from bridge.web import emoji_pictures

STILL, MOVES = 1180000000000000071, 1180000000000000072
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8L"
GIF = b"GIF89a\x01\x00\x01\x00"

Answer = Callable[[], web.StreamResponse]


class ImageServer:
    """Discord's, so to speak: says what a test tells it to, and counts who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Answer = lambda: web.Response(body=WEBP, content_type="image/webp")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        return self.answer()


@pytest_asyncio.fixture
async def discord(settings: Any, tmp_path: Path, transactional_db: None) -> AsyncIterator[ImageServer]:
    server = ImageServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    settings.DISCORD_CDN_URL = f"http://127.0.0.1:{port}"
    settings.MEDIA_ROOT = tmp_path
    await sync_to_async(note_emojis)([f"party:{STILL}", f"a:dance:{MOVES}", "👍"])
    await cache.aclear()
    yield server
    await runner.cleanup()


async def get(path: str) -> Any:
    return await AsyncClient().get(path)


async def test_it_is_fetched_once_and_kept(discord: ImageServer, tmp_path: Path) -> None:
    for _ in range(3):
        response = await get(f"/emoji/{STILL}.webp")
        assert (response.status_code, response.content) == (200, WEBP)
        assert response["Content-Type"] == "image/webp"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in response["Cache-Control"]
    assert discord.asked == [f"/emojis/{STILL}.webp"]
    assert (tmp_path / f"emoji/{STILL}.webp").read_bytes() == WEBP


async def test_one_that_moves_is_a_gif(discord: ImageServer) -> None:
    discord.answer = lambda: web.Response(body=GIF, content_type="image/gif")
    assert (await get(f"/emoji/{MOVES}.gif")).content == GIF
    assert (await get(f"/emoji/{MOVES}.webp")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/emoji/1180000000000000099.webp",
        f"/emoji/{STILL}.gif",
        f"/emoji/{STILL}.svg",
        f"/emoji/{STILL}.webp/..",
        "/emoji/9999999999999999999.webp",
        f"/emoji/../{STILL}.webp",
    ],
)
async def test_what_was_never_seen_here_is_not_asked_for(discord: ImageServer, path: str) -> None:
    assert (await get(path)).status_code == 404
    assert discord.asked == []


def _redirect() -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=404, content_type="image/webp", body=WEBP),
        lambda: web.Response(content_type="text/html", body=WEBP),
        lambda: web.Response(content_type="image/webp", body=b"<script>alert(1)</script>"),
        lambda: web.Response(content_type="image/webp", body=WEBP + b"0" * emoji_pictures.LARGEST),
        _redirect,
    ],
    ids=["missing", "a page", "a script", "too large", "elsewhere"],
)
async def test_what_is_no_picture_is_not_kept_and_not_asked_for_again_at_once(
    discord: ImageServer, answer: Answer
) -> None:
    discord.answer = answer
    for _ in range(2):
        assert (await get(f"/emoji/{STILL}.webp")).status_code == 404
    assert len(discord.asked) == 1
    assert not default_storage.exists(f"emoji/{STILL}.webp")


async def test_an_image_server_that_is_away_is_no_error(discord: ImageServer, settings: Any) -> None:
    settings.DISCORD_CDN_URL = "http://127.0.0.1:1"
    assert (await get(f"/emoji/{STILL}.webp")).status_code == 404


@pytest.mark.django_db
def test_emoji_in_a_text_are_seen() -> None:
    note_emojis(content=f"hello <:party:{STILL}> <a:dance:{MOVES}> <:x:9999999999999999999> :no:")
    note_emojis(content=f"<:renamed:{STILL}>")
    seen = Emoji.objects.order_by("remote_id").values_list("remote_id", "name", "animated")
    assert list(seen) == [(STILL, "party", False), (MOVES, "dance", True)]
