"""Processes pictures: their size, the same picture without metadata about its author, and a thumbnail.

A picture's declared size is read before anything is decoded: 20,000 by 20,000 pixels fit into a kilobyte, and take
1.6 GB of memory.
"""

import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

from PIL import AvifImagePlugin, Image, ImageFile, ImageOps, UnidentifiedImageError

from bridge.inspection.stripping import Stripped, strip

MAX_PIXELS = {
    "image/jpeg": 50_000_000,
    "image/png": 50_000_000,
    "image/gif": 50_000_000,
    "image/bmp": 50_000_000,
    "image/webp": 16_800_000,
    "image/avif": 16_800_000,
}
"""The most pixels of a picture that is shown, by format. Today's phones take photos of 48 million pixels, as JPEG:
encoding these again takes 250 MB and 2 s. As WebP or AVIF, 16.8 million take 500 MB and 5 s. Other formats are not
read at all, because each is one more decoder to trust."""
MAX_MOVING_PIXELS = 300_000_000
"""Pixels of all frames of an animation: those of ten seconds at 1,280 by 720. As WebP they take 16 s."""
MAX_FRAMES = 3000
"""Frames of an animation, however small: each takes 0.2 ms in addition to its pixels."""
THUMBNAIL = (640, 640)
SMALL_ENOUGH = 100_000
"""Bytes up to which a picture needs no thumbnail; for an animation, SMALL_ENOUGH_MOVING."""
SMALL_ENOUGH_MOVING = 3_000_000

_FORMATS = {kind: kind.removeprefix("image/").upper() for kind in MAX_PIXELS}
_MOVING = frozenset({"image/gif", "image/webp", "image/png"})
# AVIF at its default speed takes three times as long. So does PNG at its default level, and is not smaller.
_QUALITY: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {"compress_level": 3},
    "WEBP": {"quality": 90},
    "AVIF": {"quality": 85, "speed": 10, "max_threads": 1},
}
_THUMBNAIL_MODES = frozenset({"L", "RGB", "RGBA"})

Image.MAX_IMAGE_PIXELS = max(MAX_PIXELS.values())
warnings.simplefilter("error", Image.DecompressionBombWarning)
# A truncated photo, for example from a full memory card, is shown as browsers show it.
ImageFile.LOAD_TRUNCATED_IMAGES = True
# Each thread has a copy of the picture.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class NotShown(Exception):
    """The picture cannot be opened, or is too large."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is stored."""

    content_type: str
    data: bytes
    width: int
    height: int
    thumbnail: bytes
    """Empty if the picture is small enough itself."""


def picture(file: BinaryIO, *, kind: str) -> Picture:
    """The picture as it is stored. Raises NotShown, and MemoryError if it needs too much memory."""
    if kind not in _FORMATS:
        raise NotShown(f"{kind} is not read")
    try:
        moving = _stripped(file, kind)
        return _moving(moving, kind) if moving else _still(file, kind)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotShown("it has too many pixels") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        # For a broken picture, Pillow raises whatever its decoders raise.
        raise NotShown(f"it is broken: {error}") from error


def _stripped(file: BinaryIO, kind: str) -> Stripped | None:
    """The stripped animation; None if the picture is not one. Its frames are counted before any is decoded."""
    if kind not in _MOVING:
        return None
    file.seek(0)
    animation = strip(file.read(), kind=kind)
    if animation.frames > MAX_FRAMES or (animation.frames > 1 and animation.pixels > MAX_MOVING_PIXELS):
        raise NotShown(f"it has {animation.frames} frames of {animation.pixels} pixels together")
    return animation if animation.frames > 1 else None


def _open(file: BinaryIO, kind: str) -> Image.Image:
    file.seek(0)
    image = Image.open(file, formats=[_FORMATS[kind]])
    if image.width * image.height > MAX_PIXELS[kind]:
        raise NotShown(f"it has {image.width} by {image.height} pixels")
    return image


def _still(file: BinaryIO, kind: str) -> Picture:
    """Encodes a picture again, upright, so that metadata and anything that is hidden in the file are gone."""
    with _open(file, kind) as image:
        profile = image.info.get("icc_profile")
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        shape = "PNG" if kind == "image/bmp" else _FORMATS[kind]
        data = _encoded(image, shape, profile)
        content_type = "image/png" if shape == "PNG" else kind
        width, height = image.size
        small = len(data) <= SMALL_ENOUGH and width <= THUMBNAIL[0] and height <= THUMBNAIL[1]
        thumbnail = b"" if small else _thumbnail(image, profile)
    return Picture(content_type, data, width, height, thumbnail)


def _moving(animation: Stripped, kind: str) -> Picture:
    with _open(BytesIO(animation.data), kind) as image:
        thumbnail = (
            b"" if len(animation.data) <= SMALL_ENOUGH_MOVING else _thumbnail(image.convert("RGBA"), None)
        )
        # Each frame is decoded: if one fails, the picture is not shown.
        for number in range(1, MAX_FRAMES):
            try:
                image.seek(number)
            except EOFError:
                break
            image.load()
        return Picture(kind, animation.data, image.width, image.height, thumbnail)


def _thumbnail(image: Image.Image, profile: bytes | None) -> bytes:
    """Makes the thumbnail from the picture itself, which is not needed any more, to save the memory of a copy."""
    if image.mode not in _THUMBNAIL_MODES:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail(THUMBNAIL)
    return _encoded(image, "WEBP", profile)


def _encoded(image: Image.Image, shape: str, profile: bytes | None) -> bytes:
    out = BytesIO()
    # Set explicitly, because otherwise Pillow writes the metadata that it has read.
    image.info = {key: value for key, value in image.info.items() if key in {"transparency", "gamma"}}
    image.save(out, shape, icc_profile=profile, exif=b"", **_QUALITY.get(shape, {}))
    return out.getvalue()
