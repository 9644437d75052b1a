"""Files to try, and an HTTP client that sends them to the real ASGI application."""

import json
import struct
import zlib
from collections.abc import Iterable
from io import BytesIO
from typing import Any
from urllib.parse import quote

from asgiref.testing import ApplicationCommunicator
from PIL import Image

from bridge.identity.tokens import COOKIE_NAME

PATIENCE = 60.0


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Why a file was not taken."""
        error = self.json["error"]
        return str(error["details"].get("reason", error["code"]))


async def http(
    method: str,
    path: str,
    *,
    body: bytes | Iterable[bytes] = b"",
    token: str | None = None,
    cookie: str | None = None,
    headers: dict[str, str] | None = None,
    address: str = "192.0.2.1",
) -> Answer:
    from chatbridge_site.asgi import application

    sent = {"host": "testserver", **(headers or {})}
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    if cookie is not None:
        sent["cookie"] = f"{COOKIE_NAME}={cookie}"
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": (address, 50000),
        "server": ("testserver", 80),
    }
    there = ApplicationCommunicator(application, scope)
    pieces = [body] if isinstance(body, bytes) else list(body)
    for number, piece in enumerate(pieces, start=1):
        message = {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        await there.send_input(message)
    return await _answer(there)


async def _answer(there: ApplicationCommunicator) -> Answer:
    start = await there.receive_output(PATIENCE)
    found, more = b"", True
    while more:
        message = await there.receive_output(PATIENCE)
        found, more = found + message.get("body", b""), message.get("more_body", False)
    await there.wait(PATIENCE)
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, found)


async def upload(token: str | None, name: str, data: bytes | Iterable[bytes], **options: Any) -> Answer:
    inbox = options.pop("inbox", "default")
    return await http("POST", f"/files/?inbox={inbox}&name={quote(name)}", body=data, token=token, **options)


async def uploaded(token: str | None, name: str = "cat.png", data: bytes | None = None) -> dict[str, Any]:
    """A file that must be taken."""
    answer = await upload(token, name, png() if data is None else data)
    assert answer.status == 201, answer.body
    return dict(answer.json)


def png(width: int = 40, height: int = 30, *, colour: str = "teal", noise: bool = False) -> bytes:
    return saved(drawing(width, height, colour, noise=noise), "PNG")


def drawing(width: int, height: int, colour: str = "teal", *, noise: bool = False) -> Image.Image:
    if noise:
        return Image.effect_noise((width, height), 90).convert("RGB")
    return Image.new("RGB", (width, height), colour)


def saved(image: Image.Image, shape: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, shape, **options)
    return out.getvalue()


def bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    """A PNG of a few hundred kilobytes at most that takes 1.2 GB of memory when it is opened."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width * 3)) for _ in range(200)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(name, data) for name, data in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )


def frames(count: int) -> bytes:
    """A GIF of so many pictures of one pixel, 15 bytes each."""
    one = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + one * count + b";"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
