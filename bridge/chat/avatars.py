"""A visitor's picture where he speaks outside of our page: his initials, on the colour that he has on it.

All that it shows is the beginning of his nick, which stands beside it anyway.
"""

import math
import unicodedata
import uuid
from functools import lru_cache
from hashlib import blake2s
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from bridge.infra import addresses

SIZE = 128
_LIGHTNESS, _CHROMA = 0.5, 0.085
_TEXT = (255, 255, 255)
# Nothing is in there: what a font draws for it is what it draws for all that it does not know.
_UNKNOWN = "\ue000"


def avatar_url(participant: uuid.UUID, nick: str) -> str:
    """Where everybody may fetch it; empty where this site has no address."""
    return addresses.whole(f"{addresses.path_to('bridge:avatar', participant)}?v={version_of(nick)}")


def version_of(nick: str) -> str:
    """Another one for another picture: under each address it stays the same for ever."""
    return blake2s(initials(nick).encode(), digest_size=4).hexdigest()


def initials(nick: str) -> str:
    """As the page shows them, but without accents: the font has none."""
    words = nick.split()
    chosen = [words[0], words[-1]] if len(words) > 1 else words
    return "".join(unicodedata.normalize("NFKD", word[0])[0].upper()[0] for word in chosen)


def colour_of(participant: str) -> tuple[int, int, int]:
    """As the page has it: a hue from the id, in OKLCH."""
    hue = 0
    for char in participant:
        hue = (hue * 31 + ord(char)) % 360
    return _srgb(_LIGHTNESS, _CHROMA * math.cos(math.radians(hue)), _CHROMA * math.sin(math.radians(hue)))


def _srgb(lightness: float, a: float, b: float) -> tuple[int, int, int]:
    """From OKLab, by Björn Ottosson's matrices."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _channel(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _channel(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _channel(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _channel(linear: float) -> int:
    linear = min(1.0, max(0.0, linear))
    value = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * value)


@lru_cache(maxsize=1024)
def picture(participant: str, letters: str) -> bytes:
    """A PNG. Where our font does not know the letters it shows a figure."""
    image = Image.new("RGB", (SIZE, SIZE), colour_of(participant))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(SIZE * 0.42)
    if letters and all(_draws(font, letter) for letter in letters):
        draw.text((SIZE / 2, SIZE / 2), letters, fill=_TEXT, font=font, anchor="mm")
    else:
        draw.circle((SIZE / 2, SIZE * 0.4), SIZE * 0.17, fill=_TEXT)
        draw.pieslice((SIZE * 0.2, SIZE * 0.63, SIZE * 0.8, SIZE * 1.23), 180, 360, fill=_TEXT)
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _draws(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, letter: str) -> bool:
    """Whether the font has a shape of its own for it."""
    return bytes(font.getmask(letter)) != bytes(font.getmask(_UNKNOWN))
