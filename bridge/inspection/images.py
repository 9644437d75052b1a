"""Pictures: how large they are, without what they tell of their maker, and small.

What a picture claims to be is read before anything of it is decoded: 20,000 by 20,000 pixels fit into a kilobyte
and take 1.6 GB of memory.
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
"""Of what is shown, by format. A telephone of today takes 48 million, as JPEG, which takes 250 MB and 2 s to be written
anew; 16.8 million take 500 MB and 5 s as WebP or AVIF. Other formats are not read at all: each is one more decoder
to trust."""
MAX_MOVING_PIXELS = 300_000_000
"""All pictures of a moving one together: those of ten seconds at 1,280 by 720. As WebP they take 16 s."""
MAX_FRAMES = 3000
"""Of a moving one, however small: each costs 0.2 ms beside its pixels."""
THUMBNAIL = (640, 640)
SMALL_ENOUGH = 100_000
"""Bytes up to which a picture is its own thumbnail; one that moves, up to SMALL_ENOUGH_MOVING."""
SMALL_ENOUGH_MOVING = 3_000_000

_FORMATS = {kind: kind.removeprefix("image/").upper() for kind in MAX_PIXELS}
_MOVING = frozenset({"image/gif", "image/webp", "image/png"})
# AVIF at its usual speed takes three times as long; PNG at its usual level, too, and is not smaller.
_QUALITY: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {"compress_level": 3},
    "WEBP": {"quality": 90},
    "AVIF": {"quality": 85, "speed": 10, "max_threads": 1},
}
_THUMBNAIL_MODES = frozenset({"L", "RGB", "RGBA"})

Image.MAX_IMAGE_PIXELS = max(MAX_PIXELS.values())
warnings.simplefilter("error", Image.DecompressionBombWarning)
# Half a photo, as a full memory card leaves it, is shown as browsers show it.
ImageFile.LOAD_TRUNCATED_IMAGES = True
# Each has a copy of the picture.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class NotShown(Exception):
    """A picture that cannot be opened, or is too large for that."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is kept."""

    content_type: str
    data: bytes
    width: int
    height: int
    thumbnail: bytes
    """Empty where it is small enough itself."""


def picture(file: BinaryIO, *, kind: str) -> Picture:
    """Raises NotShown; MemoryError where it takes more of that than there may be."""
    if kind not in _FORMATS:
        raise NotShown(f"{kind} is not read")
    try:
        moving = _stripped(file, kind)
        return _moving(moving, kind) if moving else _still(file, kind)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotShown("it has too many pixels") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        # Pillow raises whatever its decoders do for a broken picture.
        raise NotShown(f"it is broken: {error}") from error


def _stripped(file: BinaryIO, kind: str) -> Stripped | None:
    """A moving picture, whose frames are counted before one of them is decoded. None: it stands still."""
    if kind not in _MOVING:
        return None
    file.seek(0)
    found = strip(file.read(), kind=kind)
    if found.frames > MAX_FRAMES or (found.frames > 1 and found.pixels > MAX_MOVING_PIXELS):
        raise NotShown(f"it has {found.frames} frames of {found.pixels} pixels together")
    return found if found.frames > 1 else None


def _open(file: BinaryIO, kind: str) -> Image.Image:
    file.seek(0)
    image = Image.open(file, formats=[_FORMATS[kind]])
    if image.width * image.height > MAX_PIXELS[kind]:
        raise NotShown(f"it has {image.width} by {image.height} pixels")
    return image


def _still(file: BinaryIO, kind: str) -> Picture:
    """Encoded anew, upright: what it knew of time and place, and whatever was hidden behind it, is gone."""
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


def _moving(found: Stripped, kind: str) -> Picture:
    with _open(BytesIO(found.data), kind) as image:
        thumbnail = b"" if len(found.data) <= SMALL_ENOUGH_MOVING else _thumbnail(image.convert("RGBA"), None)
        # Each is looked at: what does not decode is not shown.
        for number in range(1, MAX_FRAMES):
            try:
                image.seek(number)
            except EOFError:
                break
            image.load()
        return Picture(kind, found.data, image.width, image.height, thumbnail)


def _thumbnail(image: Image.Image, profile: bytes | None) -> bytes:
    """Made of the picture itself, which is not needed any more: a copy of it would take as much again."""
    if image.mode not in _THUMBNAIL_MODES:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail(THUMBNAIL)
    return _encoded(image, "WEBP", profile)


def _encoded(image: Image.Image, shape: str, profile: bytes | None) -> bytes:
    out = BytesIO()
    # Named, since Pillow writes on what it has read where nothing is said.
    image.info = {key: value for key, value in image.info.items() if key in {"transparency", "gamma"}}
    image.save(out, shape, icc_profile=profile, exif=b"", **_QUALITY.get(shape, {}))
    return out.getvalue()
