"""Recognises what is in media containers: ISO's base media file format, QuickTime's older one, and Ogg.

The first brand that a device writes says little: https://mp4ra.org/registered-types/brands
"""

import struct
from typing import BinaryIO

_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_AVIF = frozenset({b"avif", b"avis"})
_SOUND = frozenset({b"M4A ", b"M4B ", b"M4P "})
# QuickTime films without a brand begin with one of these.
_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"pnot"})
_MOST_BOXES = 1000
_MOST_OF_MOOV = 1 << 20


def container_kind(file: BinaryIO, head: bytes) -> str:
    """The media type; "" if the file is not such a container."""
    if head.startswith(b"OggS"):
        return "video/ogg" if b"\x80theora" in head else "audio/ogg"
    name = head[4:8]
    if name in _QUICKTIME:
        return "video/quicktime"
    return _branded(file, head) if name == b"ftyp" else ""


def _branded(file: BinaryIO, head: bytes) -> str:
    end = min(int.from_bytes(head[:4], "big"), 512, len(head))
    first = head[8:12]
    brands = {first, *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if first in _AVIF or (first in _HEIC and brands & _AVIF):
        return "image/avif"
    if first in _HEIC:
        return "image/heic"
    if first == b"qt  ":
        return "video/quicktime"
    if first == b"crx ":
        return "image/x-canon-cr3"
    if first in _SOUND or _is_sound(file):
        return "audio/mp4"
    return "video/3gpp" if first[:2] == b"3g" else "video/mp4"


def _is_sound(file: BinaryIO) -> bool:
    """Whether all tracks are sound, because voice recorders write the brands of films."""
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return False
        size, name = struct.unpack(">I4s", header[:8])
        if size == 1 and len(header) == 16:
            size = int.from_bytes(header[8:], "big")
        if name == b"moov":
            moov = file.read(min(size, _MOST_OF_MOOV))
            return b"soun" in moov and b"vide" not in moov
        if size < 8:
            return False
        at += size
    return False
