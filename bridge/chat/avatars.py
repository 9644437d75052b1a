"""A visitor's picture outside of our page: their initials, on the colour that they have there.

It shows only the beginning of their nick, which stands beside it anyway.
"""

import colorsys
import unicodedata
import uuid
from functools import lru_cache
from hashlib import blake2s
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from bridge.infra import addresses

SIZE = 128
_LIGHTNESS, _SATURATION = 0.34, 0.35
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
    """The page's: a hue from the id, dark enough for white letters (`.avatar` in chat.css)."""
    hue = 0
    for char in participant:
        hue = (hue * 31 + ord(char)) % 360
    red, green, blue = colorsys.hls_to_rgb(hue / 360, _LIGHTNESS, _SATURATION)
    return round(255 * red), round(255 * green), round(255 * blue)


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
    return bytes(font.getmask(letter)) != bytes(font.getmask(_UNKNOWN))
