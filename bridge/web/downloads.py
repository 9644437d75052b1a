"""Serves files to those who may read the conversation, and never in a form that a browser would run."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from typing import IO

from asgiref.sync import sync_to_async
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from bridge import files
from bridge.chat.access import Viewer, message_for
from bridge.conf import file_storage
from bridge.errors import BridgeError
from bridge.identity import staff_tokens
from bridge.identity.entrance import admit
from bridge.identity.handshake import Handshake, handshake_of
from bridge.infra.bodies import LARGEST_UPLOAD, takes
from bridge.models import Attachment

# Formats without scripts. All these pictures were encoded or stripped by us. Everything else is a download.
INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
PIECE = 256 * 1024
READ = ("bridge.view_connection", "bridge.view_message")
"""The permissions that staff need to read messages."""
_RANGE = re.compile(r"bytes=(\d{1,15})?-(\d{1,15})?")


@require_safe
async def file(request: HttpRequest, uid: uuid.UUID) -> HttpResponseBase:
    attachment = await sync_to_async(_readable)(request, uid)
    return await _serve(request, attachment, attachment.file, attachment.content_type)


@require_safe
async def thumbnail(request: HttpRequest, uid: uuid.UUID) -> HttpResponseBase:
    attachment = await sync_to_async(_readable)(request, uid)
    return await _serve(request, attachment, attachment.thumbnail, "image/webp")


@takes(LARGEST_UPLOAD * 1024 * 1024)
def elsewhere(request: HttpRequest) -> HttpResponse:
    """Uploads are handled in front of Django, so only other requests reach this view."""
    return HttpResponse("Files are uploaded with POST.", status=405, headers={"Allow": "POST"})


def _readable(request: HttpRequest, uid: uuid.UUID) -> Attachment:
    """The attachment, if the request may read it. Otherwise Http404, as if it did not exist."""
    attachment = Attachment.objects.select_related("message", "inbox").filter(uid=uid).first()
    if attachment is None or not (_is_linked(request, attachment) or _is_admitted(request, attachment)):
        raise Http404
    return attachment


def _is_linked(request: HttpRequest, attachment: Attachment) -> bool:
    # Only the visitor can open a file that they have not sent.
    key, is_sent = request.GET.get("key", ""), attachment.message is not None
    return is_sent and files.is_signed(key, uid=attachment.uid, created_at=attachment.created_at)


def _is_admitted(request: HttpRequest, attachment: Attachment) -> bool:
    message = attachment.message
    try:
        handshake = handshake_of(request)
        if message is not None and _is_staff(request, handshake):
            return True
        visitor = admit(attachment.inbox, handshake.credentials, handshake).visitor.visitor
        if message is None:
            return attachment.visitor == visitor
        message_for(Viewer(visitor, attachment.inbox_id, rooms=None), message.uid)
    except BridgeError:
        return False
    return True


def _is_staff(request: HttpRequest, handshake: Handshake) -> bool:
    user = getattr(request, "user", None) if handshake.is_ours else None
    if handshake.bearer and handshake.bearer.startswith(staff_tokens.PREFIX):
        user = staff_tokens.read(handshake.bearer)
    return bool(user and user.is_active and user.is_staff and user.has_perms(READ))


async def _serve(
    request: HttpRequest, attachment: Attachment, content: FieldFile, content_type: str
) -> HttpResponseBase:
    name = content.name
    if attachment.state != Attachment.State.STORED or not name:
        raise Http404
    try:
        opened: IO[bytes] = await files.in_background(file_storage().open, name)
        # Also the attribute is read in the thread, because a remote storage may fetch the file for it.
        size = await files.in_background(lambda: opened.seek(0, 2))
    except FileNotFoundError:
        raise Http404 from None
    span = _span(request.headers.get("Range", ""), size)
    if span is None:
        opened.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, after = span
    length = size if request.method == "HEAD" else after - first
    headers = _headers(attachment, content_type) | {"Content-Length": str(length)}
    if request.method == "HEAD":
        opened.close()
        return HttpResponse(headers=headers)
    if length < size:
        headers["Content-Range"] = f"bytes {first}-{after - 1}/{size}"
    body = _pieces(opened, first, length)
    return StreamingHttpResponse(body, status=206 if length < size else 200, headers=headers)


def _span(header: str, size: int) -> tuple[int, int] | None:
    """The first byte, and the one after the last: media players request parts. None if there is no such part.

    For any other Range header, for example several ranges, the whole file.
    """
    match = _RANGE.fullmatch(header.strip())
    if not match or match[1] is match[2] is None:
        return 0, size
    if match[1] is None:
        first, after = max(0, size - int(match[2])), size
    else:
        first, after = int(match[1]), min(size, int(match[2]) + 1 if match[2] else size)
    return (first, after) if first < after else None


async def _pieces(opened: IO[bytes], first: int, length: int) -> AsyncIterator[bytes]:
    with opened:
        await asyncio.to_thread(opened.seek, first)
        while length and (piece := await asyncio.to_thread(opened.read, min(PIECE, length))):
            length -= len(piece)
            yield piece


def _headers(attachment: Attachment, content_type: str) -> dict[str, str]:
    inline = content_type in INLINE
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    return {
        "Content-Type": content_type,
        "Content-Disposition": content_disposition_header(not inline, attachment.name) or "attachment",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, max-age=86400",
        "Vary": "Cookie, Authorization",
        "Accept-Ranges": "bytes",
    }
