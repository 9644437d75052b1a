"""Pictures: how large they are, without what they tell of their maker, and small.

What a picture claims to be is read before anything of it is decoded: 20,000 by 20,000 pixels fit into a kilobyte
and take 1.6 GB of memory.
"""

import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from bridge.files.kinds import refusal
from bridge.files.stripping import strip

MAX_PIXELS = 50_000_000
"""A telephone of today takes 48 million."""
MAX_MOVING_PIXELS = 400_000_000
"""All pictures of a moving one together: those of ten seconds at 1,280 by 720."""
THUMBNAIL = (640, 640)
SMALL_ENOUGH = 100_000
"""Bytes up to which a picture is its own thumbnail; one that moves, up to SMALL_ENOUGH_MOVING."""
SMALL_ENOUGH_MOVING = 3_000_000

FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
    "image/bmp": "BMP",
}
"""What is shown. Other formats of pictures are not read at all: each is one more decoder to trust."""
_QUALITY = {"JPEG": {"quality": 90}, "WEBP": {"quality": 90}, "AVIF": {"quality": 85}}

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)


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
    """Raises BridgeError (`invalid_payload`) for what is none, or is too large to be opened."""
    if kind not in FORMATS:
        raise refusal("image", "Pictures of this format cannot be shown here. JPEG, PNG, GIF and WebP can.")
    try:
        return _picture(file, kind)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, MemoryError):
        # Pillow raises whatever its decoders do for a broken picture.
        raise refusal("image", "The picture is broken and cannot be opened.") from None


def _picture(file: BinaryIO, kind: str) -> Picture:
    file.seek(0)
    with Image.open(file, formats=[FORMATS[kind]]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_many_pixels()
        if getattr(image, "is_animated", False) and kind in {"image/gif", "image/webp", "image/png"}:
            return _moving(file, image, kind)
        return _still(image, kind)


def _too_many_pixels() -> Exception:
    return refusal("pixels", f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels.")


def _still(image: Image.Image, kind: str) -> Picture:
    """Encoded anew, upright: what it knew of time and place, and whatever was hidden behind it, is gone."""
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    upright.load()
    shape = "PNG" if kind == "image/bmp" else FORMATS[kind]
    data = _encoded(upright, shape, profile)
    content_type = "image/png" if shape == "PNG" else kind
    small = len(data) <= SMALL_ENOUGH and upright.width <= THUMBNAIL[0] and upright.height <= THUMBNAIL[1]
    thumbnail = b"" if small else _thumbnail(upright, profile)
    return Picture(content_type, data, upright.width, upright.height, thumbnail)


def _moving(file: BinaryIO, image: Image.Image, kind: str) -> Picture:
    pixels = image.width * image.height
    first = image.convert("RGBA")
    count = 1
    # Each is looked at: what does not decode is not kept.
    while _next(image, count):
        count += 1
        if count * pixels > MAX_MOVING_PIXELS:
            raise refusal("pixels", "The moving picture is too long to be shown here.")
        image.load()
    file.seek(0)
    data = strip(file.read(), kind=kind)
    thumbnail = b"" if len(data) <= SMALL_ENOUGH_MOVING else _thumbnail(first, None)
    return Picture(kind, data, image.width, image.height, thumbnail)


def _next(image: Image.Image, number: int) -> bool:
    try:
        image.seek(number)
    except EOFError:
        return False
    return True


def _thumbnail(image: Image.Image, profile: bytes | None) -> bytes:
    small = image.convert("RGBA" if image.has_transparency_data else "RGB")
    small.thumbnail(THUMBNAIL)
    return _encoded(small, "WEBP", profile)


def _encoded(image: Image.Image, shape: str, profile: bytes | None) -> bytes:
    out = BytesIO()
    # Named, since Pillow writes on what it has read where nothing is said.
    image.info = {key: value for key, value in image.info.items() if key in {"transparency", "gamma"}}
    image.save(out, shape, icc_profile=profile, exif=b"", **_QUALITY.get(shape, {}))
    return out.getvalue()
