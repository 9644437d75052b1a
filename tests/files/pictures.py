"""Pictures to try, small and hostile, made without anything of Django: the benchmark uses them, too."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image


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
