"""Pictures of custom emoji: fetched once from their service's image server, then served from our storage.

Only emoji that were used here in a reaction or a message are fetched, so this site is not an open proxy. The image
server learns nothing about our visitors.
"""

import logging

import aiohttp
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from bridge import services
from bridge.conf import file_storage
from bridge.models import Emoji
from bridge.text import emojis

logger = logging.getLogger(__name__)

PATIENCE = aiohttp.ClientTimeout(total=5)
LARGEST = 512 * 1024
"""Bytes: twice what services accept."""
AGE = 365 * 24 * 3600
"""Seconds, in effect for ever: another picture has another ID."""
RETRY_AFTER = 60
"""Seconds after which a failed request is tried again."""
SIZE = 96
"""Width and height in pixels: three times the height of a line."""
_BEGINS = {"webp": (b"RIFF",), "gif": (b"GIF87a", b"GIF89a")}


@require_safe
async def picture(request: HttpRequest, emoji: str, kind: str) -> HttpResponse:
    """The picture of an emoji: `webp`, or `gif` if it is animated."""
    pk = int(emoji)
    if pk > emojis.LARGEST_ID:
        raise Http404
    name = f"emoji/{pk}.{kind}"
    stored = await sync_to_async(_stored)(pk, kind, name)
    if stored is None:
        stored = await _fetched(pk, kind)
        await sync_to_async(_store)(name, stored)
    response = HttpResponse(
        stored, content_type=f"image/{kind}", headers={"X-Content-Type-Options": "nosniff"}
    )
    patch_cache_control(response, public=True, max_age=AGE, immutable=True)
    return response


def _stored(emoji: int, kind: str, name: str) -> bytes | None:
    """The stored picture, or None. Raises Http404 if nobody has used the emoji here."""
    if not Emoji.objects.filter(remote_id=emoji, animated=kind == "gif").exists():
        raise Http404
    if not file_storage().exists(name):
        return None
    with file_storage().open(name) as file:
        return bytes(file.read())


def _store(name: str, content: bytes) -> None:
    # Two requests may have fetched it at the same time.
    if not file_storage().exists(name):
        file_storage().save(name, ContentFile(content))


async def _fetched(emoji: int, kind: str) -> bytes:
    """The picture from the service. Raises Http404 if there is none, or if it is not such a picture."""
    failed = f"bridge:emoji:{emoji}.{kind}"
    if await cache.aget(failed):
        raise Http404
    urls = (service.emoji_url(emoji, kind, size=SIZE) for _, service in services.usable())
    url = next(filter(None, urls), "")
    if not url:
        raise Http404
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            content = await answer.content.read(LARGEST + 1)
            while len(content) <= LARGEST and (more := await answer.content.read(LARGEST)):
                content += more
            if answer.status == 200 and _is_picture(answer.content_type, content, kind):
                return content
            reason = f"{answer.status} {answer.content_type}, {len(content)} bytes"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = repr(error)
    logger.warning("No picture of emoji %s: %s", emoji, reason)
    await cache.aset(failed, True, RETRY_AFTER)
    raise Http404


def _is_picture(content_type: str, content: bytes, kind: str) -> bool:
    """Whether type, size and first bytes are those of such a picture."""
    if content_type != f"image/{kind}" or len(content) > LARGEST:
        return False
    return content.startswith(_BEGINS[kind]) and (kind != "webp" or content[8:12] == b"WEBP")
