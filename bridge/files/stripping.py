"""Take comments, locations and other data about a moving picture out of it, and leave the picture as it is.

Only for what moves: encoded anew it would lose colours or timing, and take minutes. What is no well-formed picture
raises ValueError; what stands behind its end is left out.
"""

import struct
from collections.abc import Iterator
from itertools import islice

_PNG_DROPPED = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_WEBP_DROPPED = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS = 0x08 | 0x04  # of VP8X: that there is EXIF, and XMP
_GIF_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})


def strip(data: bytes, *, kind: str) -> bytes:
    try:
        return b"".join({"image/gif": _gif, "image/webp": _webp, "image/png": _png}[kind](data))
    except (struct.error, IndexError) as error:
        raise ValueError("it ends too early") from error


def _png(data: bytes) -> Iterator[bytes]:
    yield data[:8]
    at, name = 8, b""
    while name != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise ValueError("a chunk ends too early")
        if name not in _PNG_DROPPED:
            yield data[at:end]
        at = end


def _webp(data: bytes) -> Iterator[bytes]:
    (length,) = struct.unpack_from("<I", data, 4)
    end = min(len(data), 8 + length)
    chunks: list[bytes] = []
    at = 12
    while at + 8 <= end:
        name = data[at : at + 4]
        (size,) = struct.unpack_from("<I", data, at + 4)
        stop = at + 8 + size + size % 2
        if at + 8 + size > end:
            raise ValueError("a chunk ends too early")
        chunk = data[at:stop]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS]) + chunk[9:]
        if name not in _WEBP_DROPPED:
            chunks.append(chunk)
        at = stop
    body = b"WEBP" + b"".join(chunks)
    yield b"RIFF" + struct.pack("<I", len(body)) + body


def _gif(data: bytes) -> Iterator[bytes]:
    at = 13 + _colours(data[10])
    yield data[:at]
    while data[at] != 0x3B:
        start = at
        if data[at] == 0x21:
            label, at = data[at + 1], _blocks_end(data, at + 2)
            name = bytes(islice(data, start + 3, start + 14))
            # Kept: when a picture is shown and for how long, and how often all of it.
            if label == 0xF9 or (label == 0xFF and name in _GIF_LOOPS):
                yield data[start:at]
        elif data[at] == 0x2C:
            at = _blocks_end(data, at + 11 + _colours(data[at + 9]))
            yield data[start:at]
        else:
            raise ValueError("it has a block that no such picture has")
    yield b";"


def _colours(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks_end(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1
