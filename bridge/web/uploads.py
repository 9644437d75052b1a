"""Accepts uploads: POST /files/?inbox=…&name=… with only a file as its body.

This is in front of Django, which reads a whole body before a view can refuse it. (daphne does so, too, into a temporary
file; with uvicorn, a file that is too large is refused at its first byte.) `guard` is in front of this: it limits how
slow an upload may be, and how many an address may send at the same time.
"""

import asyncio
import logging
import tempfile
import time
import uuid
from typing import IO, Any
from urllib.parse import parse_qs

import orjson
from django.db import InterfaceError, OperationalError

from bridge import files
from bridge.chat import actions, retention, wire
from bridge.chat.moderation import check_name_of_file
from bridge.errors import BridgeError, Code
from bridge.files import Kept
from bridge.identity.entrance import admit, claimed_visitor
from bridge.identity.handshake import Handshake, read_handshake
from bridge.infra import addresses, bodies
from bridge.live.worker import Worker
from bridge.models import Inbox
from bridge.web.guard import Application, Receive, Scope, Send, Slots, announced

logger = logging.getLogger(__name__)

FROM_ONE_VISITOR = 10
"""Uploads of one visitor at the same time in one process: as many as a message can have. `guard` limits those of an
address, and all together."""
MEGABYTE = 1024 * 1024
MAKE_ROOM_EVERY = 60.0
"""Seconds between two deletions of old uploads."""


class Gone(Exception):
    """The client disconnected during the upload."""


class Uploads:
    """An ASGI application that accepts uploads, and passes on everything else."""

    def __init__(self, pages: Application) -> None:
        self._pages = pages
        self._running = Slots(10_000, FROM_ONE_VISITOR)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST" or scope["path"] != addresses.path_to("bridge:files"):
            await self._pages(scope, receive, send)
            return
        try:
            answer = await _take(scope, receive, self._running)
        except Gone:
            return
        except BridgeError:
            raise  # `guard` answers
        except Exception:
            logger.exception("A file could not be accepted")
            raise BridgeError(Code.INTERNAL, "Something went wrong on the server.") from None
        await send({"type": "http.response.start", "status": 201, "headers": [*bodies.JSON_HEADERS]})
        await send({"type": "http.response.body", "body": orjson.dumps(answer)})


async def _take(scope: Scope, receive: Receive, running: Slots) -> Any:
    handshake = read_handshake(scope)
    credentials = handshake.credentials
    query = parse_qs(scope["query_string"].decode("latin-1"))
    name = query.get("name", ["file"])[0]
    process = Worker.current()
    signed_for = claimed_visitor(credentials)
    await process.throttler.take("upload", visitor=signed_for, address=handshake.address)
    try:
        inbox_name = query.get("inbox", ["default"])[0]
        admitted = await process.database.run(admit, inbox_name, credentials, handshake)
        inbox, visitor = admitted.inbox, admitted.visitor.visitor
        if not inbox.max_upload:
            raise BridgeError(Code.NOT_PERMITTED, "This chat does not accept files.")
        _check_size(announced(scope), inbox)
        check_name_of_file(inbox, files.safe_name(name))
        files.check_room(announced(scope))
        with running.one_of(signed_for), tempfile.TemporaryFile() as body:
            await _read(receive, body, inbox=inbox, visitor=visitor, handshake=handshake)
            allowed = inbox.upload_types.split()
            upload = await files.keep_in_turn(body, name=name, allowed=allowed, owner=handshake.address)
        return await _write_down(upload, inbox=inbox, visitor=visitor)
    except OSError as error:
        if not files.is_full(error):
            raise
        raise BridgeError(Code.UNAVAILABLE, "There is no space for files right now.", reason="full") from None
    except (OperationalError, InterfaceError) as error:
        logger.warning("The database is unavailable: %r", error)
        raise BridgeError(Code.UNAVAILABLE, "The server cannot store this right now.") from None
    finally:
        _make_room(process)


def _check_size(size: int, inbox: Inbox) -> None:
    if size > inbox.max_upload_bytes:
        text = f"The file is larger than {inbox.max_upload} MB."
        raise BridgeError(Code.TOO_LARGE, text, limit=inbox.max_upload_bytes)


async def _read(
    receive: Receive, body: IO[bytes], *, inbox: Inbox, visitor: uuid.UUID, handshake: Handshake
) -> None:
    """Read the body within its limits. Each started megabyte is counted against the throttles."""
    throttler = Worker.current().throttler
    size, counted, more = 0, 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        _check_size(size, inbox)
        while counted * MEGABYTE < size:
            for throttle in ("upload_megabyte", "upload_day"):
                await throttler.take(throttle, visitor=visitor, address=handshake.address, inbox=inbox.pk)
            files.check_room()
            counted += 1
        # This writes to the system's cache, and does not wait for the disk.
        body.write(piece)
    if not size:
        raise BridgeError(Code.INVALID_PAYLOAD, "The file is empty.", reason="empty")


async def _write_down(upload: Kept, *, inbox: Inbox, visitor: uuid.UUID) -> Any:
    try:
        row = await Worker.current().database.run(
            actions.keep_upload, upload, inbox=inbox.pk, visitor=visitor
        )
    except BaseException:
        await files.in_background(files.discard, upload.file, upload.thumbnail)
        raise
    return wire.attachment_out(row)


_making_room: set[asyncio.Task[None]] = set()
_made_room_at = float("-inf")


def _make_room(process: Worker) -> None:
    """Delete unsent uploads if a disk is nearly full. The bot does so too, but only once an hour."""
    global _made_room_at
    if time.monotonic() - _made_room_at < MAKE_ROOM_EVERY or not files.is_short():
        return
    _made_room_at = time.monotonic()
    task = asyncio.create_task(_purge(process))
    _making_room.add(task)
    task.add_done_callback(_making_room.discard)


async def _purge(process: Worker) -> None:
    try:
        count = await process.database.run(retention.purge_unsent)
    except (OperationalError, InterfaceError) as error:
        logger.warning("Old uploads will be deleted later: %r", error)
    else:
        logger.warning("Disk space is low: deleted %d unsent uploads", count)
