"""`manage.py run_web`: what uvicorn is told, and what it does with clients that do not get on with it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from django.core.management import CommandError, call_command

from bench.client import HEADERS, framed
from bridge.management.commands import run_web
from bridge.protocol import MAX_FRAME

# A close frame with the code 1000.
GOODBYE = b"\x88" + framed(b"\x03\xe8")[1:]
HEAD = b"GET / HTTP/1.1\r\nHost: testserver\r\n"


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """Reads a body, answers, and takes frames until the end."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "chatbridge.v1"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": str(len(message["text"]))})
        return
    while (message := await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    await send({"type": "http.response.body", "body": b"ok"})


@pytest_asyncio.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """uvicorn as the command starts it, with less patience."""
    monkeypatch.setattr(run_web, "HEAD_WITHIN", 0.1)
    server = uvicorn.Server(uvicorn.Config(pages, port=0, **run_web.uvicorn_options()))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


@pytest.mark.parametrize("said", [b"", b"GET", HEAD, HEAD + b"X-A: "])
async def test_a_head_that_does_not_come_ends_the_connection(port: int, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    async with asyncio.timeout(30):
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
    writer.close()


async def test_a_head_that_trickles_ends_too(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ended = asyncio.create_task(reader.read(1))
    async with asyncio.timeout(30):
        while not ended.done():
            writer.write(b"X")
            await asyncio.sleep(0.02)
    writer.close()


async def test_an_answer_may_take_longer_than_a_head(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD.replace(b"/ ", b"/slow ", 1) + b"\r\n")
    assert (await asyncio.wait_for(reader.read(200), 30)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_body_that_is_no_http_is_answered_once_and_logged_as_no_fault(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\nnot a chunk\r\n")
    assert (await asyncio.wait_for(reader.read(), 30)).count(b"HTTP/1.1 400") == 1
    writer.close()
    assert not [each for each in caplog.records if each.exc_info]


@pytest.mark.parametrize("pieces", [1, 4])
async def test_a_message_of_more_than_a_frame_never_comes_into_memory(port: int, pieces: int) -> None:
    reader, writer = await _socket(port)
    body = framed(b"x" * (MAX_FRAME // pieces + 1))
    first = bytes([body[0] & 0x7F]) + body[1:] if pieces > 1 else body
    rest = b"".join(b"\x00" + body[1:] for _ in range(pieces - 1))
    writer.write(first + rest)
    close = await asyncio.wait_for(reader.readexactly(4), 30)
    assert (close[0], int.from_bytes(close[2:4])) == (0x88, 1009)
    writer.close()


async def test_a_message_of_just_the_size_is_taken(port: int) -> None:
    reader, writer = await _socket(port)
    writer.write(framed(b"x" * MAX_FRAME))
    assert (await asyncio.wait_for(reader.readexactly(7), 30))[2:] == b"65536"
    writer.close()


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([framed(b"\xff")] * 3, 1007),
        # A client that also closes is answered once, with its own code.
        ([framed(b"\xff"), GOODBYE], 1000),
        ([framed(b"\xff")] * 2 + [GOODBYE] * 2, 1000),
        ([GOODBYE, framed(b"\xff")], 1000),
    ],
)
async def test_frames_of_no_utf_8_close_once_and_fill_no_log(
    port: int, caplog: pytest.LogCaptureFixture, frames: list[bytes], code: int
) -> None:
    reader, writer = await _socket(port)
    logging.getLogger("uvicorn.error").addFilter(run_web.without_traceback)
    try:
        writer.write(b"".join(frames))
        answer = await asyncio.wait_for(reader.read(), 30)
        assert answer[-4:-2] == b"\x88\x02"
        assert int.from_bytes(answer[-2:]) == code
        assert answer.count(b"\x88\x02") == 1
    finally:
        logging.getLogger("uvicorn.error").removeFilter(run_web.without_traceback)
    writer.close()
    assert not [each for each in caplog.records if each.exc_info or each.levelno > logging.WARNING]


async def _socket(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEADERS.format(path="/ws/chat/", host="testserver").encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def test_it_needs_an_application(settings: Any) -> None:
    settings.ASGI_APPLICATION = None
    with pytest.raises(CommandError, match="ASGI_APPLICATION"):
        call_command("run_web")
