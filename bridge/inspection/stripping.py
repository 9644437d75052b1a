"""Removes comments, locations and other metadata from an animation, without changing its frames.

Only for animations: encoded again, they would lose colours or timing, and take minutes. Data after the end is removed.
If the file is truncated, as many programs write it, it ends after its last complete part. A file that is not such a
picture raises ValueError. Nothing is decoded, so this also tells what decoding would cost.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

_PNG_DROPPED = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_WEBP_DROPPED = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS = 0x08 | 0x04  # in VP8X: the file has EXIF, and XMP
_GIF_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})


@dataclass
class Stripped:
    """A picture without metadata about its author."""

    data: bytes = b""
    frames: int = 0
    width: int = 0
    height: int = 0
    """Width and height of the canvas on which the frames are drawn."""

    @property
    def pixels(self) -> int:
        """Pixels of all frames: when decoded, each is as large as the canvas."""
        return self.width * self.height * self.frames

    def has(self, width: int, height: int) -> None:
        self.width, self.height = max(self.width, width), max(self.height, height)


def strip(data: bytes, *, kind: str) -> Stripped:
    picture = Stripped()
    parts = {"image/gif": _gif, "image/webp": _webp, "image/png": _png}[kind](data, picture)
    picture.data = b"".join(parts)
    return picture


def _png(data: bytes, picture: Stripped) -> Iterator[bytes]:
    yield data[:8]
    at, name = 8, b""
    while name != b"IEND" and at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            break
        if name == b"IHDR" and length >= 8:
            picture.has(*struct.unpack_from(">II", data, at + 8))
        picture.frames += name == b"fcTL"
        if name not in _PNG_DROPPED:
            yield data[at:end]
        at = end
    if name != b"IEND":
        yield b"\0\0\0\0IEND\xae\x42\x60\x82"


def _webp(data: bytes, picture: Stripped) -> Iterator[bytes]:
    if len(data) < 12:
        raise ValueError("it ends too early")
    (length,) = struct.unpack_from("<I", data, 4)
    end = min(len(data), 8 + length)
    chunks: list[bytes] = []
    at = 12
    while at + 8 <= end:
        name = data[at : at + 4]
        (size,) = struct.unpack_from("<I", data, at + 4)
        stop = at + 8 + size + size % 2
        if at + 8 + size > end:
            break
        chunk = data[at:stop]
        if name == b"VP8X" and size >= 10:
            picture.has(*(int.from_bytes(chunk[start : start + 3], "little") + 1 for start in (12, 15)))
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS]) + chunk[9:]
        picture.frames += name == b"ANMF"
        if name not in _WEBP_DROPPED:
            chunks.append(chunk)
        at = stop
    body = b"WEBP" + b"".join(chunks)
    yield b"RIFF" + struct.pack("<I", len(body)) + body


def _gif(data: bytes, picture: Stripped) -> Iterator[bytes]:
    if len(data) < 13:
        raise ValueError("it ends too early")
    picture.has(*struct.unpack_from("<HH", data, 6))
    at = 13 + _colours(data[10])
    yield data[:at]
    # The last block may be incomplete; those before it are kept.
    with suppress(IndexError):
        yield from _gif_blocks(data, at, picture)
    yield b";"


def _gif_blocks(data: bytes, at: int, picture: Stripped) -> Iterator[bytes]:
    while data[at] != 0x3B:
        start = at
        if data[at] == 0x21:
            label, at = data[at + 1], _blocks_end(data, at + 2)
            name = data[start + 3 : start + 14]
            # Kept: the timing of each frame, and how often the animation is repeated.
            if label == 0xF9 or (label == 0xFF and name in _GIF_LOOPS):
                yield data[start:at]
        elif data[at] == 0x2C:
            at = _blocks_end(data, at + 11 + _colours(data[at + 9]))
            left, top, width, height = struct.unpack_from("<HHHH", data, start + 1)
            picture.has(left + width, top + height)
            picture.frames += 1
            yield data[start:at]
        else:
            # Zeros and other garbage after the last frame.
            return


def _colours(flags: int) -> int:
    """The size of a colour table in bytes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks_end(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
