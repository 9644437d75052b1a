"""What files that are made to be expensive cost the process that looks at them."""

from collections.abc import Iterator

from PIL import Image

from tests.files.devices import apng
from tests.files.pictures import bomb, drawing, frames, png, saved
from tests.files.spending import Spent, spent

MIB = 1024 * 1024


def all_of_them() -> Iterator[tuple[str, bytes]]:
    """Those that are not opened, and the most expensive of those that are."""
    yield "the smallest picture", png(1, 1)
    yield "29 spaces and an x", b" " * 29 + b"x"
    yield "25 MiB of spaces", b" " * (25 * MIB)
    yield "PNG of 400 Mpx", bomb()
    yield "AVIF of 7070²", saved(drawing(7070, 7070), "AVIF", speed=10)
    yield "GIF of 570,000 frames", frames(570_000)
    yield "APNG of 600,000 frames", apng(600_000)
    yield "AVIF of 4096², noise", saved(_noise(4096), "AVIF", speed=10)
    yield "WebP of 4096², noise", saved(_noise(4096), "WEBP", method=0)
    yield "JPEG of 7070², noise", saved(_noise(7070), "JPEG")
    yield "PNG of 7070²", saved(_noise(2000).resize((7070, 7070)), "PNG", compress_level=1)
    yield "GIF of 3,000 frames", frames(3000)
    yield "WebP of 320 frames of 960²", _film(320, 960)


def _noise(side: int) -> Image.Image:
    return drawing(side, side, noise=True)


def _film(count: int, side: int) -> bytes:
    frames = [_noise(side) for _ in range(4)]
    return saved(
        frames[0], "WEBP", save_all=True, append_images=frames[1:] * (count // 3), method=0, quality=10
    )


def costs() -> Iterator[tuple[str, int, Spent]]:
    """Of each its name, its bytes, and what it took."""
    for name, data in all_of_them():
        yield name, len(data), spent(data)
